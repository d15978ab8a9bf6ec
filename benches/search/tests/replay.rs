//! The program on the small tables beside it: what it prints and writes, and what it refuses.
#![expect(clippy::disallowed_methods, reason = "tests look at files")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn tables() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tables")
}

fn search_bench(tables: &Path, rest: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_search-bench"));
    command.arg("--tables").arg(tables).args(rest).output().unwrap()
}

#[track_caller]
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.starts_with("error: "), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// The cells of a method's line.
fn line<'a>(text: &'a str, suite: &str, method: &str) -> Vec<&'a str> {
    let of_suite =
        text.split("\n\n").skip_while(|part| !part.contains(&format!("{suite}, "))).nth(1).unwrap();
    let found = of_suite.lines().find(|line| line.starts_with(&format!("| {method} |"))).unwrap();
    found.split('|').map(str::trim).collect()
}

#[test]
fn every_method_is_replayed_and_written_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, method: &str| {
        let out = dir.path().join(name);
        let rest =
            ["--method", method, "--seeds", "2", "--epochs", "300", "--lookahead", "1,default", "--out"];
        let text = stdout(&search_bench(&tables(), &[&rest[..], &[out.to_str().unwrap()]].concat()));
        (text, std::fs::read_to_string(out).unwrap())
    };
    let (text, rows) = run("all.csv", "all");
    // 2 tables, 12 methods, 2 lookaheads, 2 seeds, 30 rows each
    assert_eq!(rows.lines().count(), 1 + 2 * 12 * 2 * 2 * 30);
    assert!(rows.starts_with("table,method,lookahead,seed,epochs,regret\n"));
    let mut sorted: Vec<&str> = rows.lines().skip(1).collect();
    sorted.sort_unstable();
    for row in &sorted {
        let cells: Vec<&str> = row.split(',').collect();
        let regret: f64 = cells[5].parse().unwrap();
        assert!((0.0..=1.0).contains(&regret), "{row}");
    }
    // what is there is not measured again, and is summed up alike
    let (again, same) = run("all.csv", "hyperband,recommended");
    assert_eq!((again, same), (text, rows.clone()));
    // and in another process it is the same
    let (_, part) = run("part.csv", "asha+kde");
    let mut part: Vec<&str> = part.lines().skip(1).collect();
    part.sort_unstable();
    sorted.retain(|row| row.contains(",asha+kde,"));
    assert_eq!(part, sorted);
}

/// The mean of many seeds is the closed form's, within four standard errors.
#[test]
fn random_search_is_as_good_as_it_is_known_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("random.csv");
    let rest =
        ["--method", "random", "--seeds", "200", "--epochs", "500", "--lookahead", "1", "--only", "taskset"];
    let text = stdout(&search_bench(&tables(), &[&rest[..], &["--out", out.to_str().unwrap()]].concat()));
    let exact = text.lines().find(|line| line.starts_with("Exact")).unwrap();
    // by hand: the sum over the sorted regrets of the 200 curves' best losses
    assert!(exact.ends_with("k = 10, 20, 40: 0.6426, 0.4739, 0.2786."), "{exact}");
    let rows = std::fs::read_to_string(out).unwrap();
    let last = rows.lines().filter(|row| row.contains(",500,"));
    let regrets: Vec<f64> = last.map(|row| row.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(regrets.len(), 200);
    let mean = regrets.iter().sum::<f64>() / 200.0;
    let variance = regrets.iter().map(|regret| (regret - mean).powi(2)).sum::<f64>() / 199.0;
    assert!((mean - 0.6426).abs() < 4.0 * (variance / 200.0).sqrt(), "{mean}, variance {variance}");
}

#[test]
fn early_stopping_of_bad_trials_pays() {
    let rest = ["--method", "random,halving", "--seeds", "10", "--epochs", "500", "--only", "taskset"];
    let text = stdout(&search_bench(&tables(), &rest));
    let at_400 =
        |method| line(&text, "taskset", method)[6].split(' ').next().unwrap().parse::<f64>().unwrap();
    assert!(at_400("halving") < 0.6 * at_400("random"), "{text}");
}

#[test]
fn bad_flags_are_refused() {
    let run = |rest: &[&str]| search_bench(&tables(), rest);
    refused(&run(&["--method", "hyperbnad"]), &["hyperbnad: no such method", "hyperband+kde", "recommended"]);
    refused(&run(&["--method", "random", "--lookahead", "0"]), &["0: no lookahead", "`default`"]);
    refused(&run(&["--method", "random", "--lookahead", "many"]), &["many: no lookahead"]);
    refused(&run(&["--method", "random", "--epochs", "5"]), &["--epochs", "at least 10"]);
    refused(&run(&["--method", "random", "--only", "cifar"]), &["--only", "no table's name"]);
    refused(&search_bench(Path::new("nowhere"), &["--method", "random"]), &["nowhere"]);
}

#[test]
fn damaged_tables_and_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = || {
        for file in std::fs::read_dir(tables()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
    };
    let change = |name: &str, from: &str, to: &str| {
        let path = dir.path().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let run = || search_bench(dir.path(), &["--method", "random", "--seeds", "1", "--epochs", "60"]);
    fresh();
    stdout(&run());
    change("initial.csv", "lcbench_7593", "lcbench_1");
    refused(&run(), &["lcbench_7593.csv.gz", "initial.csv says no initial loss"]);
    fresh();
    change("initial.csv", "1.861090", "0.1");
    refused(&run(), &["lcbench_7593.csv.gz", "no better than the initial 0.1"]);
    fresh();
    change("lcbench_hparams.csv", "momentum", "impetus");
    refused(&run(), &["lcbench", "no search space is known", "impetus", "spaces.rs"]);
    fresh();
    let hparams = dir.path().join("lcbench_hparams.csv");
    let text = std::fs::read_to_string(&hparams).unwrap();
    let fewer: Vec<&str> = text.lines().take(100).collect();
    std::fs::write(&hparams, fewer.join("\n")).unwrap();
    refused(&run(), &["lcbench_7593.csv.gz", "200 curves for 99 configurations"]);
    std::fs::write(&hparams, text.replacen("0.", "word", 1)).unwrap();
    refused(&run(), &["lcbench_hparams.csv", "line: 2"]);
    fresh();
    let table = dir.path().join("taskset_patch32_GRU128_bs128.csv.gz");
    let bytes = std::fs::read(&table).unwrap();
    std::fs::write(&table, &bytes[..bytes.len() / 2]).unwrap();
    refused(&run(), &["taskset_patch32_GRU128_bs128.csv.gz"]);
    // an output that is no such file, or of another budget
    fresh();
    let out = dir.path().join("out.csv");
    let into = |epochs| {
        let rest = ["--method", "random", "--seeds", "1", "--epochs", epochs, "--out", out.to_str().unwrap()];
        search_bench(dir.path(), &rest)
    };
    std::fs::write(&out, "a,b\n1,2\n").unwrap();
    refused(&into("60"), &["out.csv", "its first line is not"]);
    std::fs::remove_file(&out).unwrap();
    stdout(&into("60"));
    refused(&into("100"), &["out.csv", "has 60 epochs", "instead of 100"]);
    let rows = std::fs::read_to_string(&out).unwrap();
    std::fs::write(&out, rows.lines().take(5).collect::<Vec<_>>().join("\n")).unwrap();
    refused(&into("60"), &["the run was cut short"]);
}
