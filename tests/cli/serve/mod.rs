//! `hobbit serve`: what it answers, to whom, and that it follows studies.

mod texts;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use hobbit::Hyperband;
use hobbit::repository::{Reader, Record};
use sha2::Digest;

use super::Place;
use crate::support::Curve;
use crate::support::journal::write_records;

/// A server, which ends with its test.
struct Server {
    child: Child,
    /// Its address, and what follows it in the one that it prints.
    at: String,
    query: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was answered.
struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Server {
    fn start(place: &Place, words: &str) -> Server {
        let mut command = place.command(&format!("serve {words} --port 0"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.rsplit_once("http://").unwrap_or_else(|| panic!("{line}")).1.trim();
        let (at, query) = url.split_once('/').unwrap();
        Server { child, at: at.replace("0.0.0.0", "127.0.0.1"), query: query.to_owned() }
    }

    /// Asks for something with these headers, and leaves what is answered to be read.
    fn ask(&self, method: &str, path: &str, headers: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.at).unwrap();
        let host = if headers.to_lowercase().contains("host: ") {
            String::new()
        } else {
            format!("Host: {}\r\n", self.at)
        };
        write!(stream, "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{headers}\r\n").unwrap();
        BufReader::new(stream)
    }

    fn asked(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut bytes = Vec::new();
        self.ask(method, path, headers).read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (headers, body) = text.split_once("\r\n\r\n").unwrap();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: headers.to_owned(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.asked("GET", path, "")
    }

    /// The page at this address.
    fn page(&self, path: &str) -> String {
        let Answer { status, body, .. } = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

#[test]
fn a_study_has_a_page_for_everything() {
    let place = Place::with_study();
    let server = Server::start(&place, "study");
    let first = server.get("/");
    assert_eq!((first.status, first.header("location")), (307, Some("/study/study")));
    let page = server.page("/study/study");
    let overview = Reader::open(place.path("study")).unwrap().overview().unwrap();
    let best = overview.best().unwrap();
    assert!(page.contains(&format!("trial <b>{}</b>", best.id)) && page.contains("<h1>Study study</h1>"));
    // the same page as one file is the report
    assert_eq!(server.page("/study/study/report.html"), place.stdout("report study -o -"));
    assert_eq!(server.page("/study/study/trials.csv"), place.stdout("export study --csv"));
    assert_eq!(server.page("/study/study/epochs.csv"), place.stdout("export study --csv --epochs"));
    let results = std::fs::read_to_string(place.path("study/results.ron")).unwrap();
    assert_eq!(server.page("/study/study/results.ron"), results);
    let trial = server.page(&format!("/study/study/trial/{}", best.id));
    assert!(trial.contains(&format!("<h1>Trial {}</h1>", best.id)) && trial.contains("Hyperparameters"));
    for (name, value) in &best.hparams {
        assert!(trial.contains(&format!("<dt>{name}</dt><dd>{value}</dd>")), "{name}");
    }
    let kept = Reader::open(place.path("study")).unwrap().models().unwrap();
    for id in kept {
        let weights = server.get(&format!("/study/study/weights/{id}.safetensors"));
        assert_eq!(weights.status, 200);
        let length: u64 =
            std::fs::metadata(place.path(&format!("study/weights/{id}.safetensors"))).unwrap().len();
        assert!(length > 0 && weights.headers.contains("attachment"));
    }
    for missing in [
        "/study/other",
        "/study/study/trial/9-9",
        "/study/study/trial/x",
        "/study/study/journal.ron",
        "/study/study/weights/9-9.safetensors",
        "/study/study/weights/..%2Fstudy.ron",
        "/study/..%2F..%2Fetc/trials.csv",
        "/nothing",
    ] {
        assert_eq!(server.get(missing).status, 404, "{missing}");
    }
}

#[test]
fn pages_may_do_nothing_that_is_not_from_here() {
    let place = Place::with_study();
    let server = Server::start(&place, "study");
    for path in ["/study/study", "/", "/nothing", "/script.js", "/study/study/trials.csv"] {
        let answer = server.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}"));
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let page = server.page("/study/study");
    assert_eq!(page.matches("<script").count(), 1, "the server's own script");
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("://"));
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(server.asked(method, "/study/study", "").status, 405);
    }
}

/// The report has no server that could forbid anything: the page itself says what may be run, by its hash.
#[test]
fn the_report_runs_its_own_script_and_no_other() {
    let place = Place::with_study();
    let page = place.stdout("report study -o -");
    for tag in ["style", "script"] {
        let content =
            page.split(&format!("<{tag}>")).nth(1).unwrap().split(&format!("</{tag}>")).next().unwrap();
        let hash = data_encoding::BASE64.encode(&sha2::Sha256::digest(content));
        assert!(
            page.contains(&format!("{tag}-src 'sha256-{hash}'")),
            "the hash of the {tag} is sha256-{hash}"
        );
    }
    assert!(!page.contains("unsafe-inline") && !page.contains(" style="));
}

#[test]
fn who_may_ask() {
    let place = Place::with_study();
    // a page of elsewhere, whose name was made to lead to this machine
    let server = Server::start(&place, "study");
    assert_eq!(server.asked("GET", "/study/study", "Host: evil.example\r\n").status, 403);
    assert_eq!(server.asked("GET", "/study/study", "Host: localhost:1\r\n").status, 200);
    assert_eq!(server.query, "");

    let server = Server::start(&place, "study --host 0.0.0.0");
    let token = server.query.strip_prefix("?token=").unwrap().to_owned();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    let other = token.chars().rev().collect::<String>();
    for path in ["/", "/study/study", "/style.css", "/events", "/study/study/results.ron", "/nothing"] {
        for headers in ["", "Cookie: hobbit_token=\r\n", &format!("Authorization: Bearer {other}\r\n")] {
            let answer = server.asked("GET", path, headers);
            assert_eq!((answer.status, answer.body.as_str()), (401, ""), "{path}");
        }
    }
    let entered = server.get(&format!("/study/study?token={token}"));
    assert_eq!((entered.status, entered.header("location")), (303, Some("/study/study")));
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: a=b; {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(server.asked("GET", "/study/study", &cookie).status, 200);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(server.asked("GET", "/study/study", &bearer).status, 200);
}

#[test]
fn a_directory_of_studies_is_a_list_that_grows() {
    let place = Place::new();
    std::fs::create_dir(place.path("all")).unwrap();
    let server = Server::start(&place, "all");
    assert!(server.page("/").contains("There is no study here yet"));
    place.study("all/first");
    place.study("all/second one");
    std::fs::create_dir(place.path("all/damaged")).unwrap();
    std::fs::write(place.path("all/damaged/study.ron"), "(").unwrap();
    let list = server.page("/");
    assert!(
        list.contains("3 studies") && list.contains("/study/first\"") && list.contains("/study/second-one\"")
    );
    assert!(list.contains("Cannot be read") && list.contains("damaged/study.ron:1"));
    assert!(server.page("/study/second-one").contains("Study second one"));
    assert_eq!(server.get("/study/damaged").status, 500);
}

#[test]
fn studies_are_listed() {
    let place = Place::new();
    place.study("all/first");
    std::fs::create_dir(place.path("all/damaged")).unwrap();
    std::fs::write(place.path("all/damaged/study.ron"), "(").unwrap();
    let text = place.stdout("list all");
    assert!(text.contains("all/first") && text.contains("val_loss 0.1432 (1-6)"), "{text}");
    assert!(text.contains("cannot be read: all/damaged/study.ron:1"), "{text}");
    let json = place.json("list all all/first --format json");
    let studies = json["studies"].as_array().unwrap();
    assert_eq!(studies.len(), 3);
    assert!(studies[0]["error"].is_string() && studies[0]["best"].is_null());
    assert_eq!(studies[1]["directory"], "all/first");
    assert_eq!((studies[2]["trials"].as_u64(), studies[2]["epochs"]["left"].as_u64()), (Some(17), Some(0)));
    std::fs::create_dir(place.path("empty")).unwrap();
    assert_eq!(place.stdout("list empty"), "There is no study in it.\n");
}

#[test]
fn trials_are_chosen_as_in_the_report() {
    let place = Place::with_study();
    let ranks = |words: &str| -> Vec<usize> {
        let text = place.stdout(&format!("show study {words}"));
        text.lines().skip(1).filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    };
    assert_eq!(ranks("--where epochs>10"), [1, 2]);
    assert_eq!(ranks("-w status=finished -w rate<0.5"), [1, 3]);
    assert_eq!(ranks("--where 2- -n 2"), [2, 8]);
    assert_eq!(ranks("--where status=finished --sort rate"), [3, 1, 5, 4, 2]);
    assert_eq!(ranks("--where status=finished --sort rate --reverse"), [2, 4, 5, 1, 3]);
    assert_eq!(ranks("--where rank=3"), [3]);
    let text = place.stdout("show study -n 1 --columns val_accuracy,rate");
    assert_eq!(
        text,
        "rank  trial  val_accuracy  rate\n   1  1-6    0.8764        0.2219\n... and 16 more: `-n 0` shows all\n"
    );
    assert_eq!(
        place.json("show study --where epochs>10 --format json")["trials"].as_array().unwrap().len(),
        2
    );
    assert_eq!(place.stdout("show study --where epochs>1000"), "No trial matches.\n");
    let output = place.run("show study --sort rates");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("there is no column `rates`; there are: rank, trial")
    );
}

#[test]
fn what_cannot_be_served_is_said() {
    let place = Place::with_study();
    for (words, code, part) in [
        ("serve nowhere", 3, "there is no such directory"),
        ("serve study/study.ron", 3, "it is a file"),
        ("serve study --host 203.0.113.7", 2, "cannot listen at 203.0.113.7:8000"),
        ("serve", 2, "required"),
        ("list nowhere", 3, "there is no such directory"),
    ] {
        let output = place.run(words);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
}

/// The next version that an address of events tells of.
fn version(events: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "the events have ended");
        if let Some(version) = line.strip_prefix("data: ") {
            return version.trim().to_owned();
        }
    }
}

#[test]
fn a_journal_that_grows_is_followed() {
    let place = Place::new();
    let dir = place.path("study");
    Hyperband::of(Curve::default()).seed(3).workers(2).quiet().repo_dir(&dir).run(9, 3).unwrap();
    let records = Reader::open(&dir).unwrap().journal().unwrap();
    let begun = |records: &[Record]| {
        records.iter().filter(|record| matches!(record, Record::Started { stage: 0, .. })).count()
    };
    write_records(&dir, &records[..1]);
    let server = Server::start(&place, "study");
    let mut events = server.ask("GET", "/study/study/events", "");
    let mut list = server.ask("GET", "/events", "");
    let (mut known, listed) = (version(&mut events), version(&mut list));
    assert!(server.page("/study/study").contains(&format!("data-version=\"{known}\"")));
    for count in [5, 20, records.len()] {
        write_records(&dir, &records[..count]);
        let new = version(&mut events);
        assert_ne!(new, known);
        let page = server.page("/study/study");
        assert!(page.contains(&format!("<dd>{} of 17</dd>", begun(&records[..count]))), "{count}");
        known = new;
    }
    assert_ne!(version(&mut list), listed);
    // as nothing is written, so nothing is locked
    let before = super::files(&dir);
    server.page("/study/study");
    assert_eq!(super::files(&dir), before);
}
