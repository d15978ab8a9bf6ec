//! A crate that gives hobbit another name in its Cargo.toml.

use std::path::Path;
use std::process::Command;

const MANIFEST: &str = r#"
[workspace]

[package]
name = "renamed"
version = "0.0.0"
edition = "2024"

[dependencies]
tuner = { package = "hobbit", path = "HOBBIT", default-features = false }
"#;

const PROGRAM: &str = r#"
#![deny(warnings)]

use tuner::{Key, SearchSpace, search_space};

#[search_space]
#[derive(Debug, Clone, PartialEq)]
enum Size {
    Small,
    Large,
}

#[search_space]
#[constraint(width > 2, "wide enough")]
struct Hparams {
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    #[int(1..=8)]
    width: usize,
    #[choice(Size::Small..=Size::Large)]
    size: Size,
}

fn main() -> tuner::Result<()> {
    let Hparams { learning_rate, width, size } = Hparams::draw(Key::new(1))?;
    println!("{learning_rate} {width} {size:?}");
    Ok(())
}
"#;

#[expect(clippy::disallowed_methods, reason = "a crate to try it with")]
#[test]
fn a_crate_that_renames_hobbit_compiles() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let manifest = MANIFEST.replace("HOBBIT", &workspace.join("hobbit").to_string_lossy().replace('\\', "/"));
    std::fs::create_dir(dir.path().join("src")).unwrap();
    std::fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(dir.path().join("src/main.rs"), PROGRAM).unwrap();
    // the versions that are here already
    std::fs::copy(workspace.join("Cargo.lock"), dir.path().join("Cargo.lock")).unwrap();
    let checked = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline", "--target-dir"])
        .arg(workspace.join("target/tests/renamed"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
