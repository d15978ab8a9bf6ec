//! Metrics that only some epochs report: nothing of them is lost.

use hobbit::observe::epochs_csv;
use hobbit::repository::Reader;
use hobbit::{EpochContext, Metrics};

use crate::support::scripted::{Rate, scripted};

fn curve(hparams: &Rate, epoch: &EpochContext<'_>) -> f64 {
    hparams.rate + 1.0 / (epoch.epoch + 1) as f64
}

/// The monitor always, a test score after every third epoch, and another metric after the 5th alone.
fn sparse(hparams: &Rate, epoch: &EpochContext<'_>, metrics: &mut Metrics) {
    if epoch.epoch == 4 {
        metrics.report("fifth", 5.0);
    }
    metrics.report("val_loss", curve(hparams, epoch));
    if (epoch.epoch + 1).is_multiple_of(3) {
        metrics.report("test_score", (epoch.epoch + 1) as f64);
    }
}

#[test]
fn a_metric_that_comes_late_is_in_history_journal_results_and_tables() {
    let dir = tempfile::tempdir().unwrap();
    let results = scripted(&["val_loss"], sparse).repo_dir(dir.path()).run(9, 3).unwrap();
    let best = results.trials().iter().find(|trial| trial.stages.len() == 3).unwrap();
    // 1, 3 and 9 epochs
    let names: Vec<_> = best.stages.iter().map(|stage| stage.history.metrics().to_vec()).collect();
    assert_eq!(
        names,
        [vec!["val_loss"], vec!["val_loss", "test_score"], vec!["fifth", "val_loss", "test_score"]]
    );
    let scores: Vec<f64> =
        best.stages.iter().flat_map(|stage| stage.history.column("test_score")).flatten().collect();
    let expected = |epoch: u64| if epoch.is_multiple_of(3) { epoch as f64 } else { f64::NAN };
    assert!(
        scores.iter().zip(2..=13).all(|(a, epoch)| a.to_bits() == expected(epoch).to_bits()),
        "{scores:?}"
    );
    assert_eq!(scores.len(), 12);
    // the same in the journal, and in what is made of it
    let overview = Reader::open(dir.path()).unwrap().overview().unwrap();
    let seen = overview.trial(best.id).unwrap();
    for (seen, stage) in seen.stages.iter().zip(&best.stages) {
        assert_eq!(format!("{:?}", seen.history), format!("{:?}", stage.history));
    }
    let csv = epochs_csv(std::slice::from_ref(seen));
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 1 + 13);
    assert_eq!(rows[0], "trial,stage,epoch,metrics.val_loss,metrics.test_score,metrics.fifth");
    assert!(rows[12].ends_with(",12,NaN"), "{}", rows[12]);
    assert!(rows[5].ends_with(",NaN,5"), "{}", rows[5]);
    let text = std::fs::read_to_string(dir.path().join("results.ron")).unwrap();
    assert!(text.contains("\"test_score\"") && text.contains("\"fifth\""), "{text}");
    assert!(results.to_csv().lines().next().unwrap().contains("metrics.test_score"));
}

#[test]
fn metrics_that_come_and_go_survive_an_interruption_in_every_epoch() {
    let whole = tempfile::tempdir().unwrap();
    scripted(&["val_loss"], sparse).repo_dir(whole.path()).run(9, 3).unwrap();
    let parts = tempfile::tempdir().unwrap();
    let study = || scripted(&["val_loss"], sparse).repo_dir(parts.path()).epoch_budget(1);
    while study().run(9, 3).unwrap().stopped().is_some() {}
    let read = |dir: &tempfile::TempDir| std::fs::read(dir.path().join("results.ron")).unwrap();
    assert!(read(&whole) == read(&parts));
}
