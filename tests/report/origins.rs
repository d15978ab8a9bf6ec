//! Where configurations are from: in the journal, in the overview, in tables, and in pictures.

use std::path::Path;

use hobbit::observe::trials_csv;
use hobbit::repository::{Origin, Overview, Reader, Record};
use hobbit::search::Kde;
use hobbit::testing::Fake;
use hobbit::{BoxError, EpochContext, Hyperband, Metrics, Results, TrialContext, search_space};

use super::{checked, keep};
use crate::support::journal::write_records;

#[search_space]
#[derive(Debug, Clone)]
struct Params {
    #[log_uniform(1e-4..=1.0)]
    rate: f64,
    #[choice("relu", "gelu", "tanh")]
    activation: String,
    #[int(1..=64, log)]
    width: u32,
}

type Objective = Fake<Params, f64>;

fn study(dir: &Path) -> Hyperband<Objective> {
    let build = |hparams: &Params, _: &TrialContext| {
        let shape = if hparams.activation == "gelu" { 0.0 } else { 0.3 };
        Ok((hparams.rate.log10() + 2.0).abs() + shape + 1.0 / f64::from(hparams.width))
    };
    let epoch = |loss: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| -> Result<(), BoxError> {
        *loss *= 0.9;
        metrics.report("val_loss", *loss);
        Ok(())
    };
    Hyperband::of(Fake::new(build, epoch)).quiet().seed(4).iterations(2).workers(2).repo_dir(dir)
}

fn sampled(dir: &Path) -> Results<Objective> {
    let given = Params { rate: 0.5, activation: "tanh".to_owned(), width: 3 };
    study(dir).sampler(Kde::new()).enqueue(given).run(27, 3).unwrap()
}

fn overview(dir: &Path) -> Overview {
    Reader::open(dir).unwrap().overview().unwrap()
}

/// How many trials are given, drawn, proposed, and not known.
fn counts(overview: &Overview) -> [usize; 4] {
    let count = |origin| overview.trials.iter().filter(|trial| trial.origin == origin).count();
    [Some(Origin::Given), Some(Origin::Drawn), Some(Origin::Proposed), None].map(count)
}

#[test]
fn a_sampler_s_proposals_are_told_from_what_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let results = sampled(dir.path());
    let all = overview(dir.path());
    let [given, drawn, proposed, unknown] = counts(&all);
    assert_eq!((given, unknown), (1, 0));
    assert!(drawn >= 8 && proposed > 20, "{drawn} drawn, {proposed} proposed");
    // those of a sweep know the same, and so do both tables
    for trial in &results {
        assert_eq!(all.trial(trial.id).unwrap().origin, Some(results.origin(trial.id)), "{}", trial.id);
    }
    let csv = trials_csv(&all.trials);
    assert_eq!(results.to_csv(), csv);
    assert!(csv.lines().next().unwrap().contains(",seconds,origin,metrics."));
    assert_eq!(csv.matches(",proposed,").count(), proposed);
    let (html, pictures) = checked(dir.path());
    keep("sampled", &html, &pictures);
    assert!(html.contains(">origin</th>") && html.contains("Where the sampler looked"));
    assert_eq!(html.matches("<td>proposed</td>").count(), proposed);
    let (_, history) = pictures.iter().find(|(name, _)| name == "best-by-epochs.svg").unwrap();
    for text in [">proposed<", ">drawn at random<", ">given<"] {
        assert!(history.contains(text), "{text}");
    }
    assert_eq!(pictures.iter().filter(|(name, _)| name.starts_with("sampled-")).count(), 3);
}

#[test]
fn a_journal_of_before_does_not_say_what_was_left_to_chance() {
    let dir = tempfile::tempdir().unwrap();
    sampled(dir.path());
    let written = |record: &Record| matches!(record, Record::Started { stage: 0, origin: Some(_), .. });
    let mut records = Reader::open(dir.path()).unwrap().journal().unwrap();
    assert_eq!(records.iter().filter(|record| written(record)).count(), overview(dir.path()).trials.len());
    for record in &mut records {
        if let Record::Started { origin, .. } = record {
            *origin = None;
        }
    }
    write_records(dir.path(), &records);
    let [given, drawn, proposed, unknown] = counts(&overview(dir.path()));
    assert_eq!((given, drawn, proposed), (1, 0, 0));
    assert!(unknown > 20);
    let (html, pictures) = checked(dir.path());
    assert!(html.contains("<td>–</td>"));
    assert!(pictures.iter().any(|(_, svg)| svg.contains("drawn or proposed")));
    // and it is continued as it was
    let again = sampled(dir.path());
    assert_eq!(again.trials().len(), given + unknown);
}

#[test]
fn without_a_sampler_nothing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let results = study(dir.path()).run(9, 3).unwrap();
    let journal = std::fs::read_to_string(dir.path().join("journal.ron")).unwrap();
    assert!(!journal.contains("origin"));
    assert!(results.trials().iter().all(|trial| results.origin(trial.id) == Origin::Drawn));
    assert_eq!(counts(&overview(dir.path()))[1], results.trials().len());
    assert!(!results.to_csv().contains("origin"));
    let (html, pictures) = checked(dir.path());
    assert!(!html.contains(">origin</th>") && !html.contains("Where the sampler looked"));
    assert!(pictures.iter().all(|(_, svg)| !svg.contains("proposed")));
    // one that was given is told from the others
    let other = tempfile::tempdir().unwrap();
    let given = Params { rate: 0.5, activation: "tanh".to_owned(), width: 3 };
    let results = study(other.path()).enqueue(given).run(9, 3).unwrap();
    let [given, drawn, ..] = counts(&overview(other.path()));
    assert_eq!((given, drawn), (1, results.trials().len() - 1));
    assert_eq!(results.to_csv(), trials_csv(&overview(other.path()).trials));
}
