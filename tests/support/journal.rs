//! The lines of `journal.ron`, made by hand: as hobbit writes them, and as hobbit 0.1 did (format 1).

use std::path::Path;

use hobbit::repository::Record;
use hobbit::schedule::Algorithm;

/// A journal of these records' texts.
pub(crate) fn journal<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let (mut journal, mut all) = (String::new(), crc32fast::Hasher::new());
    for (number, text) in (1..).zip(texts) {
        let text = text.as_ref();
        all.update(text.as_bytes());
        journal += &format!("({number}, \"{:08x}\", {text})\n", all.clone().finalize());
    }
    journal
}

/// The texts of the records in a journal of either format.
pub(crate) fn texts(journal: &str) -> Vec<&str> {
    let text = |line: &'_ str| -> Option<(usize, usize)> {
        let begin = line.find("\", ")? + 3;
        line.ends_with(')').then_some((begin, line.len() - 1))
    };
    let texts = journal.lines().map(|line| text(line).map(|(begin, end)| &line[begin..end]));
    texts.collect::<Option<_>>().expect("it is a journal")
}

/// Changes the texts of the records in the journal of the study in `dir`.
pub(crate) fn change_journal(dir: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let path = dir.join("journal.ron");
    let before = std::fs::read_to_string(&path).unwrap();
    let mut texts: Vec<String> = texts(&before).into_iter().map(str::to_owned).collect();
    change(&mut texts);
    std::fs::write(&path, journal(texts)).unwrap();
}

/// Puts these records in place of the journal of the study in `dir`.
#[allow(dead_code, reason = "not every set of features looks at journals")]
pub(crate) fn write_records(dir: &Path, records: &[Record]) {
    let texts = records.iter().map(|record| ron::to_string(record).unwrap());
    std::fs::write(dir.join("journal.ron"), journal(texts)).unwrap();
}

/// A journal of these records' texts as hobbit 0.1 wrote it.
pub(crate) fn older<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let line = |text: &str| format!("(\"{:08x}\", {text})\n", crc32fast::hash(text.as_bytes()));
    texts.into_iter().filter_map(|text| older_text(text.as_ref())).map(|text| line(&text)).collect()
}

/// A record as hobbit 0.1 wrote it, if it did.
fn older_text(text: &str) -> Option<String> {
    if text.starts_with("Ended(") {
        return None;
    }
    if !text.starts_with("Closed(") && !text.starts_with("Extended(") {
        return Some(text.to_owned());
    }
    let (time, reason) = match ron::from_str(text) {
        Ok(Record::Closed { time, reason }) => (time, reason.map(|reason| reason.to_string())),
        Ok(Record::Extended { time, algorithm }) => {
            let Algorithm::Hyperband { max_epochs, iterations, .. } = algorithm else { return None };
            let time = ron::to_string(&time).unwrap();
            return Some(format!("Extended(time:{time},max_epochs:{max_epochs},iterations:{iterations})"));
        }
        // it is that already, or somebody made it up
        _ => return Some(text.to_owned()),
    };
    Some(format!(
        "Closed(time:{},reason:{})",
        ron::to_string(&time).unwrap(),
        ron::to_string(&reason).unwrap()
    ))
}

/// `study.ron` as hobbit 0.1 wrote it.
pub(crate) fn older_study(study: &str) -> String {
    let (before, rest) = study.split_once("    algorithm: Hyperband(\n").expect("it is a Hyperband");
    let (settings, after) = rest.split_once("    ),\n").expect("it is a study");
    let settings = settings.lines().map(|line| format!("{}\n", &line[4..]));
    before.replacen("format: 2,", "format: 1,", 1) + &settings.collect::<String>() + after
}

/// Makes the repository in `dir` one that hobbit 0.1 wrote, with these changes to its records' texts.
pub(crate) fn make_older(dir: &Path, change: impl Fn(&str) -> String) {
    let rewrite = |name: &str, with: &dyn Fn(&str) -> String| {
        let path = dir.join(name);
        std::fs::write(&path, with(&std::fs::read_to_string(&path).unwrap())).unwrap();
    };
    rewrite("journal.ron", &|journal| older(texts(journal).into_iter().map(&change)));
    rewrite("study.ron", &older_study);
}
