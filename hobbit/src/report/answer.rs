//! The answer: the best trial, its configuration, and how to load it.

use super::Report;
use crate::observe::Wording;
use crate::observe::text::number;
use crate::repository::{Overview, TrialOverview};

/// So many hyperparameters are shown at once, the most important ones if that is known.
const FIRST: usize = 10;

pub(super) struct Best {
    pub(super) trial: String,
    pub(super) score: String,
    pub(super) epoch: u64,
    pub(super) epochs: u64,
    pub(super) status: String,
    /// The hyperparameters that are shown at once, and the others, as people write them.
    pub(super) first: Vec<(String, String)>,
    pub(super) more: Vec<(String, String)>,
    /// All of them, exactly.
    pub(super) hparams: Vec<(String, String)>,
    pub(super) model: Vec<(String, String)>,
    pub(super) metrics: String,
    pub(super) rust: String,
    pub(super) python: Option<String>,
}

pub(super) fn best(report: &Report) -> Option<Best> {
    let trial = report.overview.best()?;
    let (score, epoch) = trial.score?;
    let id = trial.id;
    let weights = report.dir.join("weights").join(format!("{id}.safetensors"));
    let metrics = trial.score_metrics().map(|(name, value)| format!("{name} {}", number(value)));
    let mut first = in_order(report, trial);
    let more = first.split_off(first.len().min(FIRST));
    Some(Best {
        trial: id.to_string(),
        score: number(score),
        epoch,
        epochs: trial.epochs(),
        status: trial.status.to_string(),
        first,
        more,
        hparams: trial.hparams.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        model: trial.model.iter().map(|(name, text)| (name.clone(), text.clone())).collect(),
        metrics: metrics.collect::<Vec<_>>().join(", "),
        // one that is in no directory cannot be loaded
        rust: if report.dir.as_os_str().is_empty() { String::new() } else { rust(report, trial) },
        python: report.has_weights.then(|| {
            let file = weights.display().to_string();
            format!("import safetensors.numpy\n\narrays = safetensors.numpy.load_file({file:?})")
        }),
    })
}

/// The hyperparameters of a trial in the order of the pictures: what is written in one piece, such as a list,
/// has the place of its first part.
fn in_order(report: &Report, trial: &TrialOverview) -> Vec<(String, String)> {
    let ordered = report.ordered();
    let is_part = |name: &str, of: &str| {
        name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let place = |field: &str| ordered.iter().position(|column| is_part(&column.name, field));
    let mut fields = Wording::new(&report.overview.study.space).fields(&trial.hparams);
    fields.sort_by_cached_key(|(field, _)| place(field).unwrap_or(usize::MAX));
    fields
}

/// How to load the best model in Rust.
fn rust(report: &Report, trial: &TrialOverview) -> String {
    let dir = report.dir.display().to_string();
    let id = trial.id;
    format!(
        "// in the program of the study, with the same settings: returns at once, once the study is finished\n\
         let results = study.repo_dir({dir:?}).{run}?;\n\
         let hparams = &results.best().hparams;\n\
         let model = results.best_model()?;\n\n\
         // in any other program, if it is a model of hobbit's own layers\n\
         let model = hobbit::train::load({dir:?})?;\n\n\
         // of any model: its arrays, by name\n\
         use hobbit::TrialId;\n\
         use hobbit::repository::Reader;\n\n\
         let reader = Reader::open({dir:?})?;\n\
         let id = TrialId {{ iteration: {iteration}, bracket: {bracket}, index: {index} }};\n\
         let arrays = reader.model(id)?.best.arrays;",
        run = report.overview.study.algorithm.call(),
        iteration = id.iteration,
        bracket = id.bracket,
        index = id.index,
    )
}

/// How far the next ones are behind.
pub(super) fn runners_up(overview: &Overview) -> Vec<String> {
    let next = overview.trials.iter().skip(1).take(3);
    next.filter_map(|trial| Some(format!("{} with {}", trial.id, number(trial.score?.0)))).collect()
}
