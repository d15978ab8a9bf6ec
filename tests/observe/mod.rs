//! What is shown while a sweep runs.

#[cfg(unix)]
pub(crate) mod hostile;
#[cfg(unix)]
pub(crate) mod last_words;
#[cfg(unix)]
pub(crate) mod terminal;
#[cfg(feature = "tracing")]
mod tracing;

use hobbit::Hyperband;
use hobbit::repository::Reader;

use crate::support::{Curve, Params};

#[test]
fn a_trial_that_has_only_begun_took_no_time() {
    let dir = tempfile::tempdir().unwrap();
    Hyperband::of(Curve::default()).quiet().seed(1).workers(1).repo_dir(dir.path()).run(9, 3).unwrap();
    let journal = dir.path().join("journal.ron");
    let text = std::fs::read_to_string(&journal).unwrap();
    let begun: String = text.split_inclusive('\n').take_while(|line| !line.contains("Stage(")).collect();
    std::fs::write(&journal, begun).unwrap();
    let csv = hobbit::observe::trials_csv(&Reader::open(dir.path()).unwrap().overview().unwrap().trials);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let place = reader.headers().unwrap().iter().position(|name| name == "seconds").unwrap();
    let seconds: Vec<String> = reader.records().map(|row| row.unwrap()[place].to_owned()).collect();
    assert!(!seconds.is_empty());
    assert!(seconds.iter().all(|seconds| seconds == "0"), "{seconds:?}");
}

#[test]
fn results_are_rows_for_code_and_for_data_frames() {
    let dir = tempfile::tempdir().unwrap();
    let curve = Curve { trouble: Some(std::time::Duration::ZERO), ..Curve::default() };
    let results = Hyperband::of(curve).quiet().seed(1).workers(2).repo_dir(dir.path()).run(9, 3).unwrap();
    let rates: Vec<f64> = results.into_iter().map(|trial| trial.hparams.rate).collect();
    assert_eq!(rates.len(), 17);

    let csv = results.to_csv();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let place = |name: &str| columns.iter().position(|known| known == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 17);
    for (trial, row) in results.into_iter().zip(&rows) {
        assert_eq!(row[place("trial")], trial.id.to_string());
        assert_eq!(row[place("hparams.rate")].parse(), Ok(trial.hparams.rate));
        assert_eq!(row[place("score")].parse().ok(), trial.score);
        assert_eq!(row[place("metrics.val_accuracy")].parse().ok(), trial.metric("val_accuracy"));
        assert_eq!(row[place("reason")].is_empty(), trial.score.is_some());
    }

    let best = Reader::open(dir.path()).unwrap().best::<Params>().unwrap().unwrap();
    assert_eq!((best.trial, best.hparams.rate), (results.best().id, rates[0]));
}
