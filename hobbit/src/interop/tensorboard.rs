//! A study as TensorBoard runs: scalars, and the HParams view.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;

use super::event_file::{
    Dimension, End, Event as Record, HParam, HParams, Metadata, PluginData, RunFiles, SessionLog, Shape,
    Start, Summary, SummaryValue, Tensor,
};
use super::live::{Live, Writer, export, observe};
use super::replay::replay;
use super::told::{Told, Trial};
use crate::error::{BoxError, Error, Result};
use crate::observe::{Event, Observer, StudyInfo};
use crate::repository::{Overview, Status};
use crate::space::Value;
use crate::trial::TrialId;

/// Writes a study as event files for TensorBoard: `tensorboard --logdir DIR`.
///
/// As an observer it writes while the sweep runs; [`export`](TensorBoard::export) writes what a repository
/// holds. A directory that holds the study already is continued.
///
/// ```no_run
/// # use hobbit::prelude::*;
/// # fn example<O: hobbit::Objective>(objective: O) -> hobbit::Result<()> {
/// use hobbit::interop::TensorBoard;
/// Hyperband::of(objective).repo_dir("./digits_repo").observe(TensorBoard::new("./logs")).run(27, 3)?;
/// # Ok(())
/// # }
/// ```
///
/// Each trial is a run, named after it: `DIR/1-8`. It has its metrics as scalars, by epoch, and its
/// hyperparameters and what became of it for the HParams view. The scalar `hobbit/score`, written when the
/// trial's life is over, is what hobbit ranks by.
///
/// Scalars have the names of the metrics. Metrics whose names are hobbit's or TensorBoard's own (those that
/// begin with `hobbit/` or `_hparams_/`) or empty are put below `metrics/`, so that they are not mixed up
/// with those.
pub struct TensorBoard {
    dir: PathBuf,
    live: Option<Live>,
}

impl fmt::Debug for TensorBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorBoard").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl TensorBoard {
    /// Event files in directories below this one.
    pub fn new(dir: impl Into<PathBuf>) -> TensorBoard {
        TensorBoard { dir: dir.into(), live: None }
    }

    /// Writes everything about a stored study that is not there yet.
    ///
    /// # Errors
    /// The directory cannot be written, or holds another study.
    pub fn export(&self, overview: &Overview) -> Result<()> {
        export(Runs::new(&self.dir), &replay(overview))
    }
}

impl Observer for TensorBoard {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        observe(&mut self.live, event, || Runs::new(&self.dir))
    }
}

/// The tags of the HParams plugin.
const START: &str = "_hparams_/session_start_info";
const END: &str = "_hparams_/session_end_info";
/// The tag of the final score. No metric has a tag that begins like it.
const SCORE: &str = "hobbit/score";
/// What the tags of metrics begin with whose names are not free.
const METRICS: &str = "metrics/";

/// The tag of a metric; different metrics have different ones.
fn tag(metric: &str) -> String {
    let own = metric.trim_start_matches(METRICS);
    let is_taken = own.is_empty() || own.starts_with("hobbit/") || own.starts_with("_hparams_/");
    if is_taken { format!("{METRICS}{metric}") } else { metric.to_owned() }
}

/// The writer: what was told, and what the runs of those trials hold.
struct Runs {
    dir: PathBuf,
    told: Told,
    runs: HashMap<TrialId, Run>,
}

struct Run {
    files: RunFiles,
    hparams: Option<BTreeMap<String, HParam>>,
    /// The scalars of each epoch, by their tags.
    epochs: BTreeMap<u64, BTreeMap<String, f32>>,
    end: Option<i32>,
}

impl Run {
    fn open(dir: &Path) -> Result<Run> {
        let (files, records) = RunFiles::open(dir)?;
        let mut run = Run { files, hparams: None, epochs: BTreeMap::new(), end: None };
        for record in records {
            run.enter(&record);
        }
        Ok(run)
    }

    /// Takes a record as TensorBoard does.
    fn enter(&mut self, record: &Record) {
        let step = u64::try_from(record.step).unwrap_or_default();
        if record.session_log.is_some() {
            self.epochs.split_off(&step);
        }
        for value in record.summary.iter().flat_map(|summary| &summary.value) {
            let content =
                value.metadata.as_ref().and_then(|metadata| metadata.plugin_data.as_ref()?.content.as_ref());
            match (value.tag.as_str(), value.simple_value, content) {
                (START, _, Some(HParams { start: Some(start), .. })) => {
                    self.hparams = Some(start.hparams.clone())
                }
                (END, _, Some(HParams { end: Some(end), .. })) => self.end = Some(end.status),
                (SCORE, ..) => {}
                // beside others of the epoch: earlier versions wrote the final score among them, under the
                // tag `score`
                (tag, Some(value), _) => {
                    self.epochs.entry(step).or_default().insert(tag.to_owned(), value);
                }
                _ => {}
            }
        }
    }

    /// Writes what is missing. `false` if the run is another one.
    fn write(&mut self, trial: &Trial) -> Result<bool> {
        let mut records = Vec::new();
        let hparams: BTreeMap<_, _> =
            trial.hparams.iter().map(|(name, value)| (name.clone(), hparam(value))).collect();
        match &self.hparams {
            Some(held) if !is_same(held, &hparams) => return Ok(false),
            Some(_) => {}
            None => {
                let start =
                    Start { hparams, group_name: trial.id.to_string(), start_time_secs: trial.started.0 };
                let content = HParams { start: Some(start), end: None };
                records.push(about_run(START, content, trial.started.0));
            }
        }
        self.write_epochs(trial, &mut records);
        let end = trial.end.as_ref().map(|end| match end {
            Status::Finished | Status::Dropped(_) => 1,
            Status::Diverged { .. } | Status::Failed { .. } => 2,
            Status::Unfinished => 3,
        });
        // where training went on after the end, in an extended study, the end is said again
        if let Some(status) = end.filter(|&status| self.end != Some(status) || !records.is_empty()) {
            if let Some((score, epoch)) = trial.score {
                let score = (SCORE.to_owned(), score as f32);
                records.push(scalars([score], epoch, trial.time.0));
            }
            let content = HParams { start: None, end: Some(End { status, end_time_secs: trial.time.0 }) };
            records.push(about_run(END, content, trial.time.0));
        }
        if !records.is_empty() {
            self.files.append(&records)?;
            records.iter().for_each(|record| self.enter(record));
        }
        Ok(true)
    }

    /// Adds the epochs that are missing.
    fn write_epochs(&mut self, trial: &Trial, records: &mut Vec<Record>) {
        for (&epoch, (metrics, time)) in &trial.epochs {
            let finite = metrics.iter().filter(|(_, value)| value.is_finite());
            let row: BTreeMap<_, _> = finite.map(|(name, value)| (tag(name), value as f32)).collect();
            let held = self.epochs.get(&epoch);
            if held.is_some_and(|held| row.iter().all(|(tag, value)| held.get(tag) == Some(value)))
                || row.is_empty()
            {
                continue;
            }
            if self.epochs.range(epoch..).next().is_some() {
                // the trial failed and was begun anew
                records.push(Record {
                    wall_time: time.0,
                    step: epoch as i64,
                    session_log: Some(SessionLog { status: 1 }),
                    ..Record::default()
                });
                self.epochs.split_off(&epoch);
            }
            self.epochs.insert(epoch, row.clone());
            records.push(scalars(row, epoch, time.0));
        }
    }
}

impl Runs {
    fn new(dir: &Path) -> Runs {
        Runs { dir: dir.to_owned(), told: Told::default(), runs: HashMap::new() }
    }
}

impl Writer for Runs {
    fn open(&mut self, _: &Arc<StudyInfo>) -> Result<()> {
        // that it can be written to is to be known now
        RunFiles::make_dir(&self.dir)
    }

    fn take(&mut self, event: &Event) {
        self.told.take(event);
    }

    fn write(&mut self) -> Result<()> {
        let Runs { dir, told, runs } = self;
        told.take_news(|trial| {
            let path = dir.join(trial.id.to_string());
            let mut run = match runs.remove(&trial.id) {
                Some(run) => run,
                None => Run::open(&path)?,
            };
            if !run.write(trial)? {
                return Err(Error::repository(format!(
                    "{} holds a trial of another study; choose another directory",
                    path.display()
                )));
            }
            if trial.end.is_none() {
                runs.insert(trial.id, run);
            }
            Ok(())
        })
    }
}

/// Whether they are written the same way: a NaN is not equal to itself.
fn is_same(held: &BTreeMap<String, HParam>, ours: &BTreeMap<String, HParam>) -> bool {
    let written = |(name, value): (&String, &HParam)| (name.clone(), value.encode_to_vec());
    held.iter().map(written).eq(ours.iter().map(written))
}

fn hparam(value: &Value) -> HParam {
    match value {
        Value::Bool(value) => HParam { switch: Some(*value), ..HParam::default() },
        Value::Int(value) => HParam { number: Some(*value as f64), ..HParam::default() },
        // the format has no other numbers
        Value::UInt(value) => HParam { number: Some(*value as f64), ..HParam::default() },
        Value::Float(value) => HParam { number: Some(*value), ..HParam::default() },
        Value::Text(value) => HParam { text: Some(value.clone()), ..HParam::default() },
    }
}

fn scalars(row: impl IntoIterator<Item = (String, f32)>, epoch: u64, wall_time: f64) -> Record {
    let value = |(tag, value)| SummaryValue { tag, simple_value: Some(value), ..SummaryValue::default() };
    let summary = Some(Summary { value: row.into_iter().map(value).collect() });
    Record { wall_time, step: epoch as i64, summary, ..Record::default() }
}

/// A record for the HParams plugin.
fn about_run(tag: &str, content: HParams, wall_time: f64) -> Record {
    let plugin_data = PluginData { plugin_name: "hparams".to_owned(), content: Some(content) };
    let value = SummaryValue {
        tag: tag.to_owned(),
        simple_value: None,
        tensor: Some(Tensor { dtype: 1, shape: Some(Shape { dim: vec![Dimension { size: 0 }] }) }),
        metadata: Some(Metadata { plugin_data: Some(plugin_data) }),
    };
    let summary = Some(Summary { value: vec![value] });
    Record { wall_time, step: 0, summary, ..Record::default() }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at files")]
mod tests {
    use super::*;
    use crate::objective::Metrics;

    fn event(id: TrialId, epoch: u64, loss: f64) -> Event {
        let mut metrics = Metrics::new();
        metrics.report("loss", loss);
        metrics.report("val_loss", f64::NAN);
        Event::Epoch { trial: id, stage: 0, epoch, metrics }
    }

    fn begin(id: TrialId, rate: f64) -> Event {
        let hparams = [("rate".to_owned(), Value::Float(rate)), ("deep".to_owned(), Value::Bool(true))];
        Event::StageStarted { trial: id, stage: 0, from: 0, to: 9, worker: 0, hparams: Arc::new(hparams) }
    }

    fn write(dir: &Path, events: &[Event]) -> Result<()> {
        let mut runs = Runs::new(dir);
        events.iter().for_each(|event| runs.take(event));
        runs.write()
    }

    fn losses(run: &Run) -> Vec<(u64, f32)> {
        run.epochs.iter().map(|(&epoch, row)| (epoch, row["loss"])).collect()
    }

    /// However often a process is killed, the next one adds what is missing, once.
    #[test]
    fn a_torn_run_is_continued() {
        let dir = tempfile::tempdir().unwrap();
        let id = TrialId::new(2, 3);
        let path = dir.path().join("2-3");
        let mut events = vec![begin(id, 0.1)];
        for epoch in 1..=5 {
            events.push(event(id, epoch, 1.0 / epoch as f64));
            write(dir.path(), &events).unwrap();
            write(dir.path(), &events).unwrap();
            let (_, records) = RunFiles::open(&path).unwrap();
            assert!(records.iter().all(|record| record.session_log.is_none()));
            // the file of this process loses its end
            let last = path.join(format!("events.out.tfevents.hobbit.{epoch:06}"));
            let bytes = std::fs::read(&last).unwrap();
            std::fs::write(&last, &bytes[..bytes.len() - 7]).unwrap();
        }
        write(dir.path(), &events).unwrap();
        let run = Run::open(&path).unwrap();
        assert_eq!(losses(&run), (1..=5).map(|epoch| (epoch, 1.0 / epoch as f32)).collect::<Vec<_>>());
        assert_eq!(run.epochs[&1].len(), 1, "what is not finite is left out");
        assert_eq!(run.hparams.unwrap()["rate"].number, Some(0.1));
        assert_eq!(run.end, None);
    }

    #[test]
    fn a_trial_that_is_begun_anew_takes_its_first_attempt_back() {
        let dir = tempfile::tempdir().unwrap();
        let id = TrialId::new(1, 1);
        let failed = Status::Failed { epoch: 3, reason: "bad luck".to_owned() };
        let mut runs = Runs::new(dir.path());
        for (epoch, loss) in [(1, 0.5), (2, 0.4), (3, 0.3), (1, 0.6), (2, 0.5)] {
            runs.take(&begin(id, 0.1));
            runs.take(&event(id, epoch, loss));
            runs.write().unwrap();
        }
        runs.take(&Event::TrialEnded { trial: id, status: failed });
        runs.write().unwrap();
        let run = Run::open(&dir.path().join("1-1")).unwrap();
        assert_eq!(losses(&run), [(1, 0.6), (2, 0.5)]);
        assert_eq!(run.end, Some(2));
    }

    #[test]
    fn tags_of_metrics_are_their_own() {
        let names = [
            "score",
            "a/b",
            "Hobbit/score",
            "hobbit",
            "hobbit/score",
            "hobbit/",
            "_hparams_/x",
            START,
            END,
            "",
            "metrics/",
            "metrics/hobbit/score",
            "metrics/metrics/",
            "metrics/metrics/hobbit/score",
            "metrics/loss",
            "loss",
            "metrics",
        ];
        let tags: Vec<String> = names.iter().map(|name| tag(name)).collect();
        for (place, tag) in tags.iter().enumerate() {
            assert!(
                !tags[..place].contains(tag) && ![SCORE, START, END, ""].contains(&tag.as_str()),
                "{tag}"
            );
        }
        assert_eq!(tags[..4], names[..4], "free names stay");
    }

    /// A run as earlier versions wrote it: the final score is the scalar `score`, whatever the metrics are
    /// called.
    #[test]
    fn what_earlier_versions_wrote_is_continued_once() {
        for metric in ["loss", "score"] {
            let dir = tempfile::tempdir().unwrap();
            let id = TrialId::new(1, 1);
            let path = dir.path().join("1-1");
            let told = |epoch, value| {
                let mut metrics = Metrics::new();
                metrics.report(metric, value);
                Event::Epoch { trial: id, stage: 0, epoch, metrics }
            };
            let losses = [0.5, 0.25, 0.75];
            let mut events = vec![begin(id, 0.1)];
            events.extend((1..).zip(losses).map(|(epoch, loss)| told(epoch, loss)));
            events.push(Event::TrialEnded { trial: id, status: Status::Finished });

            let hparams = [("rate", Value::Float(0.1)), ("deep", Value::Bool(true))];
            let hparams = hparams.iter().map(|(name, value)| ((*name).to_owned(), hparam(value))).collect();
            let start = Start { hparams, group_name: "1-1".to_owned(), start_time_secs: 7.0 };
            let mut old = vec![about_run(START, HParams { start: Some(start), end: None }, 7.0)];
            for (epoch, loss) in (1..).zip(losses) {
                old.push(scalars([(metric.to_owned(), loss as f32)], epoch, 7.0));
            }
            // the score of another metric
            old.push(scalars([("score".to_owned(), 9.0)], 2, 7.0));
            let end = HParams { start: None, end: Some(End { status: 1, end_time_secs: 7.0 }) };
            old.push(about_run(END, end, 7.0));
            RunFiles::open(&path).unwrap().0.append(&old).unwrap();

            let files = || std::fs::read_dir(&path).unwrap().count();
            write(dir.path(), &events).unwrap();
            let expected = if metric == "score" { 2 } else { 1 };
            assert_eq!(files(), expected, "{metric}: only what was mixed up is put right");
            write(dir.path(), &events).unwrap();
            assert_eq!(files(), expected, "{metric}: once");
            let run = Run::open(&path).unwrap();
            let held: Vec<f32> = run.epochs.values().map(|row| row[metric]).collect();
            assert_eq!(held, losses.map(|loss| loss as f32));
        }
    }

    #[test]
    fn a_parameter_that_is_no_number_is_no_other_study() {
        let dir = tempfile::tempdir().unwrap();
        let id = TrialId::new(1, 1);
        for _ in 0..2 {
            write(dir.path(), &[begin(id, f64::NAN), event(id, 1, 0.5)]).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path().join("1-1")).unwrap().count(), 1);
    }

    #[test]
    fn another_study_is_not_mixed_in() {
        let dir = tempfile::tempdir().unwrap();
        let id = TrialId::new(1, 1);
        write(dir.path(), &[begin(id, 0.1), event(id, 1, 0.5)]).unwrap();
        let error = write(dir.path(), &[begin(id, 0.2), event(id, 1, 0.5)]).unwrap_err();
        assert!(error.to_string().contains("another study"), "{error}");
    }
}
