//! The report: what is in it, that it is safe to open, and that no study is too odd for it.

mod large;

use std::path::Path;

use hobbit::report::Report;
use hobbit::repository::Reader;

fn page(dir: &Path) -> String {
    Report::read(&Reader::open(dir).unwrap()).unwrap().html()
}

#[test]
fn a_large_study() {
    let dir = tempfile::tempdir().unwrap();
    large::run(dir.path());
    let html = page(dir.path());
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-report.html"), &html).unwrap();
}
