//! Writes the report of a study: `cargo run --release --example report --no-default-features --features report -- DIR`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use hobbit::report::Report;
use hobbit::repository::Reader;

/// Writes the report of a study as a page and as pictures.
#[derive(Parser)]
struct Options {
    /// The study's directory.
    dir: PathBuf,
    /// Where the page is written.
    #[arg(short, long, default_value = "report.html")]
    output: PathBuf,
    /// Where the pictures are written.
    #[arg(long)]
    pictures: Option<PathBuf>,
}

#[expect(clippy::disallowed_methods, reason = "a program writes its own files")]
fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let report = Report::read(&Reader::open(&options.dir)?)?;
    fs::write(&options.output, report.html())?;
    if let Some(dir) = options.pictures {
        fs::create_dir_all(&dir)?;
        for (name, svg) in report.pictures() {
            fs::write(dir.join(name), svg)?;
        }
    }
    Ok(())
}
