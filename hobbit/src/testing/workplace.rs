//! What every workplace has to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::Fake;
use crate::metrics::Metrics;
use crate::objective::{EpochContext, TrialContext};
use crate::observe::Event;
use crate::repository::{End, StageRecord};
use crate::trial::TrialId;
use crate::work::Workplace;
use crate::{Hyperband, Results, search_space};

/// The search space of the sweeps in [`workplace()`].
#[search_space]
#[derive(Debug)]
pub struct Steps {
    /// Where the loss ends.
    #[uniform(0.0..=1.0)]
    goal: f64,
    /// How fast it gets there.
    #[log_uniform(1e-2..=1.0)]
    rate: f64,
}

/// The objective of the sweeps in [`workplace()`]: its state is a loss and how often it was trained.
pub type Stepping = Fake<Steps, (f64, f64, f64, f64)>;

/// A curve with noise. Of some trials an epoch fails, of others it diverges, and others stop early.
fn stepping() -> Stepping {
    let build = |hparams: &Steps, trial: &TrialContext| {
        Ok((1.0 + trial.key.child(0).rng().unit(), 0.0, hparams.goal, hparams.rate))
    };
    let epoch = |model: &mut (f64, f64, f64, f64), epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        let (loss, steps, goal, rate) = model;
        *steps += 1.0;
        *loss += *rate * (*goal - *loss) + 0.01 * epoch.key(1).rng().unit();
        match (*goal * 100.0) as u32 {
            90..=94 if *steps > 1.0 => return Err("it failed".into()),
            95.. => *loss = f64::NAN,
            40..=49 if *steps == 2.0 => metrics.stop(),
            _ => {}
        }
        metrics.report("val_loss", *loss);
        metrics.report("steps", *steps);
        Ok(())
    };
    let save = |&(loss, steps, ..): &(f64, f64, f64, f64)| vec![loss, steps];
    let load = |model: &mut (f64, f64, f64, f64), saved: &[f64]| (model.0, model.1) = (saved[0], saved[1]);
    Fake::new(build, epoch).metrics(["val_loss", "steps"]).state(save, load).fusing(|_| Some(0))
}

/// What of an outcome does not depend on who trained it, and when.
fn essence(record: &StageRecord) -> String {
    let StageRecord { trial, stage, from, to, end, score, attempt, history, .. } = record;
    format!("{trial} {stage} {from} {to} {end:?} {score:?} {attempt} {history:?}")
}

/// The outcomes of each trial, in order, with its rank and status.
fn outcomes(results: &Results<Stepping>) -> BTreeMap<TrialId, Vec<String>> {
    let of_trial = |trial: &crate::Trial<Steps>| {
        let head = format!("{} {:?} {:?} {}", trial.rank, trial.status, trial.score, trial.epochs);
        let stages = trial.stages.iter().map(|record| essence(record));
        (trial.id, std::iter::once(head).chain(stages).collect())
    };
    results.trials().iter().map(of_trial).collect()
}

/// What every [`Workplace`] has to do. `make` makes one for an objective, of which it may make as many as it
/// likes.
///
/// ```
/// use hobbit::LocalPool;
///
/// hobbit::testing::workplace(|objective| LocalPool::new(objective, 3));
/// ```
///
/// # Panics
/// With the law that is broken:
///
/// - It is at least one worker wide.
/// - A sweep has the results that it has on the threads of this process, bit for bit: scores, histories,
///   failures and their reasons.
/// - Every outcome counts once, those of a trial in order. An epoch belongs to a stage that was begun and has
///   not ended.
/// - When the sweep is stopped it comes to an end, and what was trained is what it would have been.
pub fn workplace<W: Workplace + 'static>(make: impl Fn(Arc<Stepping>) -> W) {
    let width = make(Arc::new(stepping())).width();
    assert!(width > 0, "a workplace without workers never comes to an end");
    for seed in 0..2 {
        let study = || Hyperband::of(stepping()).quiet().seed(seed);
        let run = |study: Hyperband<Stepping>| study.run(9, 3).expect("the sweep has results");
        let here = outcomes(&run(study().workers(1)));
        let there = |study: Hyperband<Stepping>| run(study.workplace(make(Arc::new(stepping()))));
        assert_same(&here, &outcomes(&there(study())), "a sweep has other results there than here");

        let seen = Arc::new(Mutex::new(Seen::default()));
        let sight = seen.clone();
        let observed = study().observe(move |event: &Event| {
            sight.lock().unwrap_or_else(std::sync::PoisonError::into_inner).see(event);
        });
        assert_same(
            &here,
            &outcomes(&there(observed)),
            "an observed sweep has other results there than here",
        );
        let seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(seen.faults.is_empty(), "what observers see is not in order: {}", seen.faults.join("; "));

        let stopped = there(study().epoch_budget(30));
        assert!(stopped.stopped().is_some(), "a sweep that was stopped went on to its end");
        for trial in stopped.trials() {
            for record in trial.stages.iter().filter(|record| record.end != End::Trained || is_whole(record))
            {
                let known = here.get(&trial.id).is_some_and(|known| known.contains(&essence(record)));
                assert!(known, "a stopped sweep has another outcome: {}", essence(record));
            }
        }
    }
}

/// Whether it is not one of those that a stopped sweep leaves before their ends.
fn is_whole(record: &StageRecord) -> bool {
    record.stopped_at().is_none()
}

fn assert_same(here: &BTreeMap<TrialId, Vec<String>>, there: &BTreeMap<TrialId, Vec<String>>, law: &str) {
    for (trial, known) in here {
        assert_eq!(Some(known), there.get(trial), "{law}: trial {trial}");
    }
    assert_eq!(here.len(), there.len(), "{law}: there are other trials");
}

/// What observers have seen of each trial: the stage that is under way, and how many have ended.
#[derive(Default)]
struct Seen {
    trials: BTreeMap<TrialId, (Option<u32>, u32)>,
    faults: Vec<String>,
}

impl Seen {
    fn see(&mut self, event: &Event) {
        match event {
            Event::StageStarted { trial, stage, .. } => {
                self.trials.entry(*trial).or_default().0 = Some(*stage);
            }
            Event::Epoch { trial, stage, epoch, .. }
                if self.trials.get(trial).is_none_or(|(begun, ended)| begun.is_none() && stage >= ended) =>
            {
                self.faults.push(format!("epoch {epoch} of trial {trial} belongs to no stage"));
            }
            Event::StageEnded { record, .. } => {
                let (begun, ended) = self.trials.entry(record.trial).or_default();
                if record.stage != *ended || begun.take().is_none() {
                    self.faults
                        .push(format!("stage {} of trial {} ends out of turn", record.stage, record.trial));
                }
                *ended += 1;
            }
            _ => {}
        }
    }
}
