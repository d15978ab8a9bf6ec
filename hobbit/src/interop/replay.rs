//! A kept study as events, for observers.

use std::sync::Arc;

use crate::observe::{Event, StudyInfo};
use crate::repository::{Overview, StageRecord, Status};

/// The events that an observer of this study would see if it were resumed now: what was trained, by time, and
/// how trials ended.
///
/// Epochs have no events of their own: they are in the records of the stages.
///
/// ```
/// use hobbit::Observer;
/// use hobbit::repository::Overview;
///
/// fn feed(mut tracker: impl Observer, overview: &Overview) -> Result<(), hobbit::BoxError> {
///     hobbit::interop::replay(overview).iter().try_for_each(|event| tracker.event(event))
/// }
/// ```
pub fn replay(overview: &Overview) -> Vec<Event> {
    let study = &overview.study;
    let stages = || overview.trials.iter().flat_map(|trial| &trial.stages);
    let info = StudyInfo {
        algorithm: study.algorithm,
        outline: overview.outline.clone(),
        plan: overview.plan.clone(),
        iterations: overview.outline.repetitions(),
        space: study.space.clone(),
        monitor: study.monitor.clone(),
        direction: study.direction,
        ties: study.ties,
        seed: study.seed,
        workers: overview.processes.last().map_or(0, |process| process.workers),
        repo_dir: None,
        known_stages: stages().count() as u64,
        known_epochs: stages().map(StageRecord::epochs).fold(0, u64::saturating_add),
    };
    let mut timed = Vec::new();
    for trial in &overview.trials {
        let hparams: Arc<[_]> = trial.hparams.as_slice().into();
        for record in &trial.stages {
            let event = Event::StageEnded {
                record: Arc::new(record.clone()),
                replayed: true,
                hparams: hparams.clone(),
            };
            timed.push((record.time.0, trial.id, record.stage, event));
        }
        if let (Some(last), false) = (trial.stages.last(), trial.status == Status::Unfinished) {
            let event = Event::TrialEnded { trial: trial.id, status: trial.status.clone() };
            timed.push((last.time.0, trial.id, last.stage, event));
        }
        if let Some((stage, worker, since)) = trial.running {
            let from = trial.epochs();
            let planned = overview.outline.stages_of(trial.id).and_then(|stages| stages.get(stage as usize));
            let to = planned.map_or(from, |planned| from.saturating_add(u64::from(planned.epochs)));
            let event = Event::StageStarted { trial: trial.id, stage, from, to, worker, hparams };
            timed.push((since.0, trial.id, stage, event));
        }
    }
    // a stable sort: the end of a trial stays behind the end of its last stage
    timed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let stopped = match overview.processes.last() {
        Some(process) => process.closed.as_ref().and_then(|(_, reason)| reason.clone()),
        None => None,
    };
    std::iter::once(Event::Started(Arc::new(info)))
        .chain(timed.into_iter().map(|(.., event)| event))
        .chain(std::iter::once(Event::Ended { stopped }))
        .collect()
}
