//! The report: what is in it, that it is safe to open, and that no study is too odd for it.

mod large;

use std::path::Path;

use hobbit::report::Report;
use hobbit::repository::Reader;

fn page(dir: &Path) -> String {
    Report::read(&Reader::open(dir).unwrap()).unwrap().html()
}

/// The large study is kept where `scripts/report-test.sh` finds it.
#[test]
fn a_large_study() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("large-study");
    let _ = std::fs::remove_dir_all(&dir);
    large::run(&dir);
    let html = page(&dir);
    assert_eq!(html.matches("<tr><td>").count(), 1001);
}
