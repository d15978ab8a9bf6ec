//! Configurations with odd values in a repository: the study can always be opened again.

use std::path::Path;

use hobbit::repository::Reader;
use hobbit::space::Value;
use hobbit::testing::Fake;
use hobbit::{Hyperband, Key, SearchSpace, search_space};

use crate::support::journal::make_older;

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Impute {
    NaN,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Odd {
    #[uniform(-1.0..=1.0)]
    pub(crate) x: f64,
    #[uniform(0.1..=0.3, step = 0.1)]
    pub(crate) tenths: f64,
    /// NaN below 0.
    #[derived(x.sqrt())]
    pub(crate) root: f64,
    #[derived((x.signum() / 0.0, [x.sqrt()]))]
    pub(crate) pair: (f64, [f64; 1]),
    #[fixed(Impute::NaN)]
    pub(crate) impute: Impute,
    #[fixed(f64::NEG_INFINITY)]
    pub(crate) least: f64,
    #[fixed(u64::MAX)]
    pub(crate) mask: u64,
    #[fixed("a\n\"b\", 'c' ".to_owned())]
    pub(crate) text: String,
    #[choice("", " ", "true", "1", "1.0", "NaN", "None", "a,b", "a\nb", "\"", "'", "\r\n", "é", " é")]
    pub(crate) option: String,
    #[optional(0.5)]
    #[choice("", "a")]
    pub(crate) maybe: Option<String>,
}

pub(crate) fn study(dir: &Path) -> Hyperband<Fake<Odd, f64>> {
    Hyperband::of(Fake::constant(|odd: &Odd| odd.x)).quiet().workers(1).repo_dir(dir)
}

#[test]
fn a_study_with_numbers_that_are_none_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let enqueued =
        (0..).map(|seed| Odd::draw(Key::new(seed)).unwrap()).find(|odd| odd.root.is_nan()).unwrap();
    enqueued.check().unwrap();
    let run = || {
        let results = study(dir.path()).enqueue(enqueued.clone()).run(9, 3).unwrap();
        (results.trials().len(), results.to_csv(), std::fs::read(dir.path().join("results.ron")).unwrap())
    };
    let first = run();
    assert_eq!(first, run());
    // a larger plan as well
    let results = study(dir.path()).enqueue(enqueued.clone()).extend().iterations(2).run(9, 3).unwrap();
    assert_eq!(results.trials().len(), 2 * first.0);
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    for trial in &overview.trials {
        let value = |name: &str| trial.hparam(name).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        let Value::Float(x) = value("x") else { panic!("{trial:?}") };
        assert_eq!(*value("root"), Value::Float(x.sqrt()));
        assert_eq!(*value("impute"), text("NaN"));
        assert_eq!(*value("least"), Value::Float(f64::NEG_INFINITY));
        assert_eq!(*value("mask"), Value::UInt(u64::MAX));
        assert_eq!(*value("text"), text("a\n\"b\", 'c' "));
    }
    let other = Odd { x: 0.5, root: f64::NAN, ..enqueued };
    let error = other.check().unwrap_err().to_string();
    assert!(error.contains("`root` is NaN; it has to be 0.7"), "{error}");
}

/// As 0.1.0 wrote them: guessed from how they look, and with the last digit of a grid wrong.
#[test]
fn a_study_of_an_earlier_version_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = study(dir.path()).run(9, 3).unwrap().to_csv();
    let before = |text: &str| {
        text.replace("(\"tenths\",Float(0.3))", "(\"tenths\",Float(0.30000000000000004))")
            .replace("Text(\"NaN\")", "Float(NaN)")
            .replace("UInt(18446744073709551615)", "Float(18446744073709552000.0)")
            .replace("Text(\"a\\n\\\"b\\\",", "Text(\"a\\\\n\\\\\\\"b\\\\\\\",")
    };
    make_older(dir.path(), before);
    let older = std::fs::read_to_string(dir.path().join("journal.ron")).unwrap();
    for part in ["0.30000000000000004", "(\"impute\",Float(NaN))", "Float(18446744073709552000.0)", "\\\\n"] {
        assert!(older.contains(part), "{part}");
    }
    let results = study(dir.path()).run(9, 3).unwrap();
    assert_eq!(results.to_csv(), first);
    // what was really drawn in another way is refused, as ever
    assert!(older.contains("(\"tenths\",Float(0.1))"));
    make_older(dir.path(), |text| text.replacen("(\"tenths\",Float(0.1))", "(\"tenths\",Float(0.2))", 1));
    let error = study(dir.path()).run(9, 3).err().unwrap().to_string();
    assert!(error.contains("another configuration"), "{error}");
}
