//! The report: what is in it, that it is safe to open, and that no study is too odd for it.

mod large;
mod markup;
mod origins;
mod plots;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hobbit::report::Report;
use hobbit::repository::{End, Reader, Record, StageRecord, Timestamp};
use hobbit::space::Value;
use hobbit::{Hyperband, RandomSearch};

use crate::support::Curve;
use crate::support::journal::write_records;

const SECTIONS: [&str; 10] = [
    "best",
    "curves",
    "parameters",
    "parallel",
    "importance",
    "early",
    "time",
    "failures",
    "trials",
    "settings",
];

fn report(dir: &Path) -> Report {
    Report::read(&Reader::open(dir).unwrap()).unwrap()
}

/// The page and the pictures, which hold whatever the study is.
fn checked(dir: &Path) -> (String, Vec<(String, String)>) {
    let report = report(dir);
    let (html, pictures) = (report.html(), report.pictures());
    for section in SECTIONS {
        assert!(html.contains(&format!("<section id=\"{section}\">")), "no section {section}");
    }
    assert!(html.ends_with("</html>\n") || html.ends_with("</html>"), "the page is whole");
    for address in ["http:", "https:", "<img", "<script src", "@import", "url("] {
        let found = html.replace("http://www.w3.org", "");
        assert!(!found.contains(address), "the page asks the network for something: {address}");
    }
    for (name, svg) in &pictures {
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{name}");
        // where marks and lines are
        for path in svg.split(" d=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(!path.contains("NaN") && !path.contains("inf"), "{name}: {path}");
        }
        for attribute in ["x=\"NaN", "y=\"NaN", "1=\"NaN", "2=\"NaN", "=\"inf", "=\"-inf"] {
            assert!(!svg.contains(attribute), "{name} has {attribute}");
        }
    }
    (html, pictures)
}

/// Where `scripts/report-test.sh` finds what it opens in a browser.
fn kept(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn keep(name: &str, html: &str, pictures: &[(String, String)]) {
    let dir = kept(name);
    std::fs::write(dir.join("report.html"), html).unwrap();
    for (name, svg) in pictures {
        std::fs::write(dir.join(name), svg).unwrap();
    }
}

fn rows(html: &str) -> usize {
    let table = html.split("id=\"all\"").nth(1).map_or("", |rest| rest.split("</table>").next().unwrap());
    table.matches("\n<tr><td>").count()
}

#[test]
fn a_large_study() {
    let dir = tempfile::tempdir().unwrap();
    large::run(dir.path());
    let (html, pictures) = checked(dir.path());
    keep("large", &html, &pictures);
    assert_eq!(rows(&html), 1001);
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    let parameters = overview.study.space.parameters();
    assert!(parameters.len() >= 30, "{}", parameters.len());
    for parameter in parameters {
        assert!(html.contains(&format!(">{}</th>", parameter.name())), "{}", parameter.name());
    }
    // five brackets, each parameter, the parallel coordinates, importance and timeline, two pairs, and the
    // best score by epochs and by time
    assert_eq!(pictures.len(), 5 + parameters.len() + 7);
    let names: Vec<&str> = pictures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[0], "curves-bracket-1.svg");
    // the simulated loss depends on it most
    assert_eq!(names[5], "parameter-01-learning_rate.svg");
    // an axis of powers of ten
    assert!(pictures[5].1.contains(">0.001</text>") && pictures[5].1.contains(">0.1</text>"));
    // the best first: its score and all its hyperparameters
    let best = overview.best().unwrap();
    let section = html.split("<section id=\"curves\">").next().unwrap();
    assert!(section.contains(&format!("trial <b>{}</b>", best.id)));
    for (name, value) in &best.hparams {
        assert!(section.contains(&format!("<dt>{name}</dt><dd>{value}</dd>")), "{name}");
    }
    // failures that differ in their numbers only are one line
    assert_eq!(html.matches("lost patience at loss").count(), 1);
    assert_eq!(html.matches("out of memory").count(), 1);
    assert!(html.contains("rank correlation"));
    let again = report(dir.path());
    assert!(again.html() == html && again.pictures() == pictures, "the same repository gives the same bytes");
}

#[test]
fn a_study_of_more_trials_than_a_page_has_rows_for() {
    let dir = tempfile::tempdir().unwrap();
    RandomSearch::of(Curve::default()).seed(3).workers(2).quiet().repo_dir(dir.path()).run(4100, 1).unwrap();
    let (html, pictures) = checked(dir.path());
    assert_eq!(rows(&html), 200);
    let rest = html.split("<pre id=\"rest\" hidden>").nth(1).unwrap().split("</pre>").next().unwrap();
    assert_eq!(rest.lines().count(), 4100 - 200);
    // the script takes them for rows of the table
    let cells = html.split("<tbody>\n<tr><td>1</td>").nth(1).unwrap().split("</tr>").next().unwrap();
    let cells = 1 + cells.matches("<td>").count();
    for (rank, line) in (201..).zip(rest.lines()) {
        assert_eq!(line.split('\t').count(), cells);
        assert!(line.starts_with(&format!("{rank}\t1-")), "{line}");
    }
    // the best 1,000, and every second of the others
    assert!(html.contains("Of 4100 trials 2550 are drawn: the best 1000, and one in 2 of the others."));
    let (_, parameter) = pictures.iter().find(|(name, _)| name.starts_with("parameter-01-")).unwrap();
    let marks = parameter.split("data-t=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let marks: BTreeSet<usize> =
        marks.flat_map(str::split_ascii_whitespace).map(|row| row.parse().unwrap()).collect();
    assert!(marks.len() == 2550 && (0..1000).all(|row| marks.contains(&row)), "{}", marks.len());
}

#[test]
fn names_values_and_messages_are_text() {
    let dir = tempfile::tempdir().unwrap();
    markup::run(dir.path());
    let dir = markup::directory(dir.path());
    let mut records = Reader::open(&dir).unwrap().journal().unwrap();
    let mut study = std::fs::read_to_string(dir.join("study.ron")).unwrap();
    for (plain, name) in markup::NAMES {
        study = study.replace(&format!("name: \"{plain}\""), &format!("name: {name:?}"));
        for record in &mut records {
            if let Record::Started { hparams, .. } = record {
                hparams
                    .iter_mut()
                    .filter(|(known, _)| known == plain)
                    .for_each(|(known, _)| *known = name.to_owned());
            }
        }
    }
    std::fs::write(dir.join("study.ron"), study).unwrap();
    write_records(&dir, &records);
    let (html, pictures) = checked(&dir);
    keep("markup", &html, &pictures);
    let tags = |text: &str| text.matches("<script").count();
    assert_eq!(tags(&html), 1, "only the page's own script");
    assert!(!html.contains("<img") && !html.contains("<b onclick"));
    for escaped in ["&#60;script&#62;", "&#60;img"] {
        assert!(html.contains(escaped), "{escaped}");
    }
    assert!(html.contains("$x$") && html.contains("a &#38; b"));
    for (name, svg) in &pictures {
        assert_eq!(tags(svg), 0, "{name}");
        assert!(!svg.contains("<img") && !svg.contains('\u{1}'), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{name}");
    }
    assert!(pictures.iter().any(|(_, svg)| svg.contains("&lt;script")));
}

/// A study that was run, to be told otherwise.
fn small(dir: &Path) -> Vec<Record> {
    Hyperband::of(Curve::default()).seed(3).workers(2).quiet().repo_dir(dir).run(9, 3).unwrap();
    Reader::open(dir).unwrap().journal().unwrap()
}

#[test]
fn a_study_at_every_moment() {
    let dir = tempfile::tempdir().unwrap();
    let records = small(dir.path());
    let mut before = 0;
    for count in 0..=records.len() {
        write_records(dir.path(), &records[..count]);
        let (html, _) = checked(dir.path());
        assert!(rows(&html) >= before);
        before = rows(&html);
        match count {
            0 => assert!(html.contains("not begun") && html.contains("No trial has a score yet")),
            1 => assert!(html.contains("No trial has begun yet")),
            _ if count == records.len() => assert!(html.contains("<dd>finished</dd>")),
            _ => assert!(html.contains("running, or its process was killed")),
        }
    }
    assert_eq!(before, 9 + 5 + 3);
    std::fs::remove_file(dir.path().join("journal.ron")).unwrap();
    checked(dir.path());
}

/// Changes every outcome of a study.
fn changed(records: &[Record], mut change: impl FnMut(usize, &mut StageRecord)) -> Vec<Record> {
    let mut records = records.to_vec();
    let mut outcomes = 0;
    for record in &mut records {
        if let Record::Stage(stage) = record {
            change(outcomes, stage);
            outcomes += 1;
        }
    }
    records
}

#[test]
fn odd_outcomes() {
    let dir = tempfile::tempdir().unwrap();
    let records = small(dir.path());
    let strange = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 0.0, -0.0, 5e-324];
    for first in 0..strange.len() {
        let odd = changed(&records, |i, stage| {
            let value = strange[(first + i) % strange.len()];
            let values = vec![ron::to_string(&value).unwrap(); 3 * stage.history.len()].join(",");
            let text = format!("(metrics:[\"loss\",\"val_loss\",\"val_accuracy\"],values:[{values}])");
            stage.history = ron::from_str(&text).unwrap();
            stage.score = Some((value, stage.to)).filter(|(value, _)| value.is_finite());
            stage.seconds = value;
        });
        write_records(dir.path(), &odd);
        checked(dir.path());
    }
    // all equal
    write_records(dir.path(), &changed(&records, |_, stage| stage.score = Some((0.25, stage.to))));
    checked(dir.path());
    // all failed
    let failed = changed(&records, |i, stage| {
        stage.end = match i % 2 {
            0 => End::Failed { epoch: 0, reason: String::new() },
            _ => End::Diverged { epoch: 1, reason: format!("val_loss is {i}") },
        };
        stage.score = None;
    });
    write_records(dir.path(), &failed);
    let (html, _) = checked(dir.path());
    assert!(html.contains("No trial has a score yet") && html.contains("failed or diverged (100 %)"));
    // one trial alone
    let mut opened = records[..2].to_vec();
    opened.extend(records.iter().find(|record| matches!(record, Record::Stage(_))).cloned());
    write_records(dir.path(), &opened);
    checked(dir.path());
    // metrics under other names
    let other = changed(&records, |_, stage| {
        stage.history = ron::from_str("(metrics:[\"x\"],values:[1.0])").unwrap();
    });
    write_records(dir.path(), &other);
    checked(dir.path());
}

#[test]
fn odd_values_and_clocks() {
    let dir = tempfile::tempdir().unwrap();
    let records = small(dir.path());
    let strange = [
        Value::Text("\u{1} $x$ 漢字 ".repeat(30)),
        Value::Text(String::new()),
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Float(-1e308),
        Value::Float(1e308),
    ];
    for kinds in [&strange[..], &strange[3..], &strange[6..]] {
        let mut odd = records.clone();
        let mut trials = 0;
        for record in &mut odd {
            if let Record::Started { hparams, stage: 0, .. } = record {
                trials += 1;
                hparams[0].1 = kinds[trials % kinds.len()].clone();
                if trials % 3 == 0 {
                    hparams[1].0 = "not in the space".to_owned();
                }
                if trials % 5 == 0 {
                    hparams.clear();
                }
            }
        }
        write_records(dir.path(), &odd);
        let (html, _) = checked(dir.path());
        assert!(html.contains(">not in the space</th>"));
    }
    // a clock that was set back, and one that shows nothing
    for time in [0.0, -1e300, 1e300, f64::NAN] {
        write_records(dir.path(), &changed(&records, |_, stage| stage.time = Timestamp(time)));
        checked(dir.path());
    }
}

#[test]
fn a_study_that_was_continued() {
    let dir = tempfile::tempdir().unwrap();
    let study = || Hyperband::of(Curve::default()).seed(3).workers(2).quiet().repo_dir(dir.path());
    study().epoch_budget(20).run(9, 3).unwrap();
    let (html, _) = checked(dir.path());
    assert!(html.contains("stopped before its end"));
    study().run(9, 3).unwrap();
    let (html, pictures) = checked(dir.path());
    assert!(html.contains("2 processes, one after the other") && html.contains("<dd>finished</dd>"));
    let (_, timeline) = pictures.iter().find(|(name, _)| name == "timeline.svg").unwrap();
    assert!(timeline.contains("pauses between processes"));
    assert!(html.contains("Too few trials to tell"), "17 trials say nothing of importance");
}

#[test]
fn a_running_trial_is_shown_with_its_worker_and_machine() {
    let dir = tempfile::tempdir().unwrap();
    let mut records = small(dir.path());
    let begun = |record: &Record| matches!(record, Record::Started { stage: 0, .. });
    let second = records.iter().enumerate().filter(|(_, record)| begun(record)).nth(1).unwrap().0;
    records.truncate(second + 1);
    let Some(Record::Started { trial: id, worker, machine, .. }) = records.last_mut() else { panic!() };
    (*worker, *machine) = (1, 3);
    let id = *id;
    write_records(dir.path(), &records);
    let report = report(dir.path());
    let trial = report.overview().trial(id).unwrap();
    assert!(matches!(trial.running, Some((0, 1, _))) && trial.machine == 3);
    let page = report.served("here", "1");
    let now = page.split("id=\"now\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(
        now.contains(&format!("<a href=\"/study/here/trial/{id}\">{id}</a>"))
            && now.contains("2 of machine 3")
    );
    let page = report.trial("here", "1", id, false).unwrap();
    assert!(page.contains("in stage 1 on worker 2 of machine 3"));
}

/// What a server's page says that each of its parts was made of.
fn made(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split(" data-made=\"").skip(1);
    parts
        .filter_map(|part| Some((part.split("id=\"").nth(1)?.split('"').next()?, part.split('"').next()?)))
        .collect()
}

#[test]
fn a_part_of_a_server_s_page_says_whether_it_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let records = small(dir.path());
    let page = report(dir.path()).served("here", "1");
    let all = made(&page);
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    assert_eq!(names[0], "head");
    for section in SECTIONS {
        assert!(names.contains(&section), "{section}");
    }
    // the frozen page needs none
    assert!(made(&report(dir.path()).html()).is_empty());
    assert_eq!(made(&report(dir.path()).served("here", "2")), all);
    write_records(dir.path(), &records[..records.len() - 2]);
    let before = report(dir.path()).served("here", "1");
    let differ = made(&before).into_iter().filter(|part| !all.contains(part)).map(|(name, _)| name);
    let differ: Vec<&str> = differ.collect();
    assert!(
        differ.contains(&"head") && differ.contains(&"settings") && !differ.contains(&"importance"),
        "{differ:?}"
    );
}
