//! Names, values, reasons and directories made of markup and control characters are text wherever they are
//! shown.

use hobbit::Hyperband;
use hobbit::repository::{End, Reader, Record};
use hobbit::space::Value;

use super::super::Place;
use super::Server;
use crate::support::Curve;
use crate::support::journal::write_records;

/// Texts that would do something where they are not taken for text.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<script>ran=1</script>",
        "</script><script>ran=1</script>",
        "<img src=x onerror=ran=1>",
        "\"><svg onload=ran=1>",
        "'><b onclick='ran=1'>",
        "</title><h1>x",
        "</style><style>*{display:none}",
        "<!--",
        "-->",
        "]]>",
        "<![CDATA[",
        "{{7*7}}",
        "${ran=1}",
        "`ran=1`",
        "javascript:ran=1",
        "&lt;script&gt;",
        "&#60;script&#62;",
        "<a href=\"javascript:ran=1\">x</a>",
        "<iframe srcdoc='<script>parent.ran=1</script>'>",
        "<base href=//x>",
        "<meta http-equiv=refresh content=0>",
        "<form action=//x><input>",
        "<textarea>",
        "<plaintext>",
        "<noscript>",
        "<template>",
        "<math><mtext></mtext></math>",
        "$x^2$",
        "\\u003cscript\\u003e",
        "%3Cscript%3E",
        "</pre></dl></table></section></main></body></html>",
        "<td><tr>",
        "' onmouseover='ran=1",
        "\" autofocus onfocus=\"ran=1",
        "<object data=x>",
        "<embed src=x>",
        "<link rel=stylesheet href=x>",
        "<details open ontoggle=ran=1>",
        "<video><source onerror=ran=1>",
        "<input onfocus=ran=1 autofocus>",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "data: x\n\nevent: changed",
        "a\u{0}b",
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{7f}",
        "\u{9b}31m",
        "\u{202e}abc",
        "\u{2066}abc",
        "\u{feff}",
        "\u{200b}",
        "\u{2028}",
        "\u{e0041}",
        "\u{fffe}",
        "漢字<漢>",
        "👩‍🔬<b>",
        "é\u{301}<i>",
        "..",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "CON",
        "",
        " ",
        "-",
        "--help",
        "=1+1",
        "@SUM(1)",
        "+1",
        "null",
        "NaN",
        "undefined",
        "true",
        "[object Object]",
        "__proto__",
        "constructor",
        "M0 0",
        "d=\"M0 0\"",
        "data-t",
        "rank",
        "trial",
        "epochs>1",
        "status=x",
    ]
    .map(str::to_owned)
    .into();
    // each of the characters that mean something, by itself and doubled
    texts.extend("<>&\"'`=;/\\".chars().flat_map(|c| [c.to_string(), format!("{c}{c}x")]));
    texts
}

/// Whether a page shows these texts as text: no tag of theirs, and no character that is obeyed.
fn assert_harmless(what: &str, page: &str) {
    for tag in [
        "<script>",
        "<img",
        "<svg onload",
        "<b onclick",
        "<iframe",
        "<base",
        "<form action",
        "<textarea",
        "<plaintext",
        "<template",
        "<object",
        "<embed",
        "<video",
        "<!--",
        "<math",
        "<details open ontoggle",
        "<a href=\"javascript",
    ] {
        assert!(!page.contains(tag), "{what} has {tag}");
    }
    let control = page.chars().find(|c| {
        c.is_control() && !"\n\t".contains(*c)
            || "\u{202e}\u{2066}\u{feff}\u{200b}\u{2028}\u{e0041}\u{fffe}".contains(*c)
    });
    assert_eq!(control, None, "{what}");
    assert!(page.trim_end().ends_with("</html>"), "{what} is whole");
}

#[test]
fn a_hundred_texts_are_text_everywhere() {
    let texts = hostile();
    assert!(texts.len() >= 100, "{}", texts.len());
    let place = Place::new();
    let dir = place.path("all/study");
    Hyperband::of(Curve::default()).seed(3).workers(2).quiet().repo_dir(&dir).run(27, 3).unwrap();
    let mut records = Reader::open(&dir).unwrap().journal().unwrap();
    let mut place_of = 0;
    let mut next = || {
        place_of += 1;
        texts[place_of % texts.len()].clone()
    };
    for record in &mut records {
        match record {
            Record::Started { hparams, model, stage: 0, .. } => {
                hparams[1].1 = Value::Text(next());
                hparams.push((next(), Value::Text(next())));
                model.insert(next(), next());
            }
            Record::Stage(stage) if stage.trial.index % 3 == 0 => {
                stage.end = End::Failed { epoch: stage.from, reason: next() };
                stage.score = None;
            }
            Record::Opened { host, hobbit, .. } => (*host, *hobbit) = (next(), next()),
            _ => {}
        }
    }
    assert!(place_of >= texts.len(), "all of them are somewhere");
    write_records(&dir, &records);
    // directories, where the system has such names
    for text in &texts {
        if !text.is_empty() && !text.contains(['/', '\u{0}']) && text != ".." {
            place.study(&format!("all/{text}"));
        }
    }
    let server = Server::start(&place, "all");
    let list = server.page("/");
    assert_harmless("the list", &list);
    let mut links = Vec::new();
    for link in list.split("href=\"/study/").skip(1).filter_map(|rest| rest.split('"').next()) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
        assert!(link.chars().all(is_plain), "{link}");
        links.push(link.to_owned());
    }
    assert!(links.iter().filter(|link| !link.contains('/')).count() > 60, "{links:?}");
    for link in links.iter().filter(|link| !link.contains('/')).step_by(7) {
        assert_harmless(link, &server.page(&format!("/study/{link}")));
    }
    let page = server.page("/study/study");
    assert_harmless("the page", &page);
    assert_harmless("the report", &server.page("/study/study/report.html").replacen("<script>", "", 1));
    assert!(page.contains("&#60;script&#62;ran=1&#60;/script&#62;"));
    let overview = Reader::open(&dir).unwrap().overview().unwrap();
    for trial in &overview.trials {
        assert_harmless("a trial", &server.page(&format!("/study/study/trial/{}", trial.id)));
    }
    // the terminal
    for words in ["show all/study -n 0", "status all/study", "best all/study"] {
        let output = place.run(words);
        assert!(!String::from_utf8_lossy(&output.stdout).contains('\u{202e}'), "{words}");
    }
}
