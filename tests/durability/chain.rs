//! Journals whose lines are not those that were written, or not in their order: each is refused with the
//! number of the line, and what is before it can be saved.

use std::path::Path;

use hobbit::repository::{FileState, Reader};
use hobbit::{Hyperband, Key, KeyRng, salvage};

use crate::errors::files;
use crate::support::Curve;

fn study(dir: &Path, seed: u64) -> Hyperband<Curve> {
    Hyperband::of(Curve::default()).quiet().seed(seed).workers(1).repo_dir(dir)
}

fn below(rng: &mut KeyRng, end: usize) -> usize {
    rng.below(end as u64) as usize
}

/// A finished study: the lines of its journal.
fn finished(dir: &Path, seed: u64) -> Vec<String> {
    study(dir, seed).run(9, 3).unwrap();
    let journal = std::fs::read_to_string(dir.join("journal.ron")).unwrap();
    journal.lines().map(|line| format!("{line}\n")).collect()
}

/// Everybody refuses this journal because of this line (counted from 1), and changes nothing.
#[track_caller]
fn refused(dir: &Path, lines: &[String], line: usize) -> String {
    let path = dir.join("journal.ron");
    std::fs::write(&path, lines.concat()).unwrap();
    let before = files(dir);
    let named = format!("journal.ron:{line}: the line ");
    let reader = Reader::open(dir).unwrap();
    let error = study(dir, 3).run(9, 3).map(drop).unwrap_err().to_string();
    assert!(error.contains(&named) && error.contains("`hobbit salvage "), "{error}");
    for said in [reader.journal().map(drop), reader.study().map(drop), reader.overview().map(drop)] {
        assert_eq!(said.unwrap_err().to_string(), error);
    }
    let checks = reader.verify().unwrap();
    let check = checks.iter().find(|check| check.file == "journal.ron").unwrap();
    assert!(
        check.state == FileState::Damaged && check.text.starts_with(&format!("line {line} ")),
        "{check:?}"
    );
    assert!(files(dir) == before);
    error
}

#[test]
fn one_line_lost_doubled_moved_or_of_another_study_is_refused_with_its_number() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = finished(dir.path(), 3);
    let foreign = finished(other.path(), 4);
    let (dir, count) = (dir.path(), whole.len());
    assert!(count > 40 && foreign.len() > 40);
    for at in 0..count - 1 {
        let number = at + 1;
        let mut lines = whole.clone();
        lines.remove(at);
        let error = refused(dir, &lines, number);
        assert!(
            error.contains(&format!("it has the number {}: a line before it is missing", number + 1)),
            "{error}"
        );

        let mut lines = whole.clone();
        lines.insert(at, whole[at].clone());
        let error = refused(dir, &lines, number + 1);
        assert!(error.contains("it was written twice, or moved"), "{error}");

        let mut lines = whole.clone();
        lines.swap(at, at + 1);
        let error = refused(dir, &lines, number);
        assert!(error.contains("lines were moved"), "{error}");

        // the first line is right by itself in any study, but not before the second
        if foreign[at] != whole[at] {
            let mut lines = whole.clone();
            lines[at] = foreign[at].clone();
            let error = refused(dir, &lines, number.max(2));
            assert!(error.contains("it was changed, or is of another journal"), "{error}");
        }
    }
}

#[test]
fn a_journal_without_a_third_of_its_lines_is_refused_and_what_is_saved_of_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let whole = finished(dir.path(), 3);
    let dir = dir.path();
    let results = std::fs::read(dir.join("results.ron")).unwrap();
    let mut rng = Key::new(30).rng();
    for _ in 0..20 {
        let mut lines = whole.clone();
        for _ in 0..whole.len() * 3 / 10 {
            lines.remove(below(&mut rng, lines.len()));
        }
        let kept = lines.iter().zip(&whole).take_while(|(line, whole)| line == whole).count();
        if kept == lines.len() {
            continue;
        }
        refused(dir, &lines, kept + 1);
        assert_eq!(salvage(dir).unwrap(), kept);
        study(dir, 3).run(9, 3).unwrap();
        assert_eq!(std::fs::read(dir.join("results.ron")).unwrap(), results);
        assert!(Reader::open(dir).unwrap().verify().unwrap().iter().all(|check| check.state.is_fine()));
        std::fs::remove_file(dir.join("journal.ron.damaged")).unwrap();
    }
}

/// Processes that look on see whole lines only, at every moment.
#[test]
fn a_journal_that_is_being_written_is_read_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let journal = finished(dir.path(), 3).concat();
    let reader = Reader::open(dir.path()).unwrap();
    for cut in (0..journal.len()).step_by(97) {
        std::fs::write(dir.path().join("journal.ron"), &journal.as_bytes()[..cut]).unwrap();
        let whole = journal[..cut].matches('\n').count();
        assert_eq!(reader.journal().unwrap().len(), whole);
    }
}

/// A journal put back from before its study was resumed by a newer hobbit.
#[test]
fn a_journal_of_an_older_format_than_the_study_is_refused_and_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let lines = finished(dir.path(), 3).concat();
    let older = crate::support::journal::older(crate::support::journal::texts(&lines));
    let error = refused(dir.path(), &[older], 1);
    assert!(error.contains("of an older format than study.ron"), "{error}");
}
