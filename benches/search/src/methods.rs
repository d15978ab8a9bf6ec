//! The methods that are measured: algorithms and samplers of hobbit, set up as its users would.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hobbit::search::{Kde, Prior, Sampler};
use hobbit::{Asha, Hyperband, MaxFailures, Pasha, Plan, RandomSearch, Results, Study, SuccessiveHalving};

use crate::Failure;
use crate::protocol::regrets;
use crate::replay::{Replay, Stages};
use crate::snap::{Configurations, Snap};
use crate::spaces::Rows;
use crate::tables::Table;

/// What a study has if nobody says how far it looks ahead.
pub(crate) const DEFAULT_LOOKAHEAD: u32 = 4;
const ETA: u32 = 3;

/// A method by its name.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// In words, for the help.
    pub(crate) about: &'static str,
}

const fn method(name: &'static str, about: &'static str) -> Method {
    Method { name, about }
}

pub(crate) const ALL: [Method; 12] = [
    method("random", "whole curves, drawn at random"),
    method("hyperband", "Hyperband, drawn at random"),
    method("halving", "the first bracket of Hyperband repeated, drawn at random"),
    method("asha", "asynchronous successive halving, drawn at random"),
    method("one-epoch", "one epoch of as many as fit into the budget, then the best three"),
    method("kde", "whole curves, proposed by Kde"),
    method("hyperband+kde", "Hyperband with Kde"),
    method("pasha", "the same, stage by stage, only as far as needed, drawn at random"),
    method("asha+kde", "asynchronous successive halving with Kde"),
    method("pasha+kde", "the same, stage by stage, only as far as needed, with Kde"),
    method("halving+kde", "the first bracket of Hyperband repeated, with Kde"),
    method("recommended", "what the guide says: asynchronous successive halving with Kde"),
];

/// What is replayed, and how far.
pub(crate) struct Setup<R> {
    pub(crate) table: Arc<Table>,
    pub(crate) configurations: Arc<Configurations>,
    /// As many virtual workers; the default if nothing is said.
    pub(crate) lookahead: Option<u32>,
    pub(crate) seed: u64,
    pub(crate) epochs: usize,
    pub(crate) space: PhantomData<fn() -> R>,
}

impl<R: Rows> Setup<R> {
    /// The regret after each epoch of budget.
    ///
    /// # Errors
    /// The sweep's.
    pub(crate) fn replay(&self, method: &str) -> Result<Vec<f64>, Failure> {
        let longest = self.table.max_epochs() as u32;
        let trials = self.configurations.units.len() as u32;
        let r = largest_r(longest);
        let random = || Box::new(Prior);
        let kde = || Box::new(Kde::new());
        match method {
            "random" => self.sweep(random(), |study: RandomSearch<_>| study.run(trials, longest)),
            "kde" => self.sweep(kde(), |study: RandomSearch<_>| study.run(trials, longest)),
            "hyperband" => self.sweep(random(), |study: Hyperband<_>| study.iterations(trials).run(r, ETA)),
            "hyperband+kde" => self.sweep(kde(), |study: Hyperband<_>| study.iterations(trials).run(r, ETA)),
            "halving" => {
                self.sweep(random(), |study: Hyperband<_>| study.brackets(1).iterations(trials).run(r, ETA))
            }
            "halving+kde" => {
                self.sweep(kde(), |study: Hyperband<_>| study.brackets(1).iterations(trials).run(r, ETA))
            }
            "asha" => self.sweep(random(), |study: Asha<_>| study.run(trials, longest, ETA)),
            "asha+kde" | "recommended" => self.sweep(kde(), |study: Asha<_>| study.run(trials, longest, ETA)),
            "pasha" => self.sweep(random(), |study: Pasha<_>| study.run(trials, longest, ETA)),
            "pasha+kde" => self.sweep(kde(), |study: Pasha<_>| study.run(trials, longest, ETA)),
            "one-epoch" => {
                let begun = one_epoch(trials, longest, self.epochs);
                // the best three of them, in one step
                let eta = (begun / 3).max(2);
                self.sweep(random(), |study: SuccessiveHalving<_>| study.run(begun, 1, longest.max(eta), eta))
            }
            other => Err(Failure::of(other, "no such method")),
        }
    }

    /// Runs a study until the budget is used, or every row of the table.
    fn sweep<A>(
        &self,
        sampler: Box<dyn Sampler>,
        run: impl FnOnce(Study<Replay<R>, A>) -> hobbit::Result<Results<Replay<R>>>,
    ) -> Result<Vec<f64>, Failure> {
        let objective = Replay::<R>::new(self.table.clone(), self.configurations.clone());
        let stages: Stages = objective.stages();
        let is_used_up = Arc::new(AtomicBool::new(false));
        let snap = Snap::<R> {
            sampler,
            configurations: self.configurations.clone(),
            is_used_up: is_used_up.clone(),
            space: PhantomData,
        };
        let lanes = self.lookahead.unwrap_or(DEFAULT_LOOKAHEAD);
        // what is under way at the end counts up to the budget
        let spare = lanes as usize * self.table.max_epochs();
        let mut study = Study::of(objective)
            .quiet()
            .seed(self.seed)
            .workers(1)
            .max_failures(MaxFailures::Share(1.0))
            .epoch_budget((self.epochs + spare) as u64)
            .sampler(snap)
            .observe(stages.clone());
        if let Some(lookahead) = self.lookahead {
            study = study.lookahead(lookahead);
        }
        match run(study) {
            Err(error) if !is_used_up.load(Ordering::Relaxed) => Err(Failure::of(&self.table.name, error)),
            _ => Ok(regrets(&self.table, &stages.list(), lanes as usize, self.epochs)),
        }
    }
}

/// The largest power of eta whose first bracket gives no trial more epochs than the table has.
fn largest_r(longest: u32) -> u32 {
    let fits = |r: &u32| {
        let most = Plan::new(*r, ETA).ok().and_then(|plan| Some(plan.brackets()[0].stages.last()?.trained));
        most.is_some_and(|most| most <= u64::from(longest))
    };
    let powers = (0..).map_while(|power| ETA.checked_pow(power));
    powers.take_while(fits).last().unwrap_or(1)
}

/// The trials that are begun, so that three of them can be trained to the end within the budget.
fn one_epoch(rows: u32, longest: u32, epochs: usize) -> u32 {
    let left = epochs.saturating_sub(3 * (longest as usize - 1));
    rows.min(u32::try_from(left).unwrap_or(rows)).max(3)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spaces::LcBench;

    #[test]
    fn a_trial_gets_no_more_epochs_than_the_table_has() {
        assert_eq!([1, 3, 4, 13, 39, 40, 52, 121].map(largest_r), [1, 1, 3, 9, 9, 27, 27, 81]);
        // 1000 trials and three of them to the end; fewer, where the budget ends before
        assert_eq!((one_epoch(1000, 50, 2000), one_epoch(2000, 52, 2000)), (1000, 1847));
        assert_eq!((one_epoch(1000, 50, 200), one_epoch(1000, 50, 100)), (53, 3));
    }

    #[test]
    fn the_default_is_that_of_a_study() {
        let dir = tempfile::tempdir().unwrap();
        let suites = crate::tables::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tables")).unwrap();
        let suite = suites.iter().find(|suite| suite.name == "lcbench").unwrap();
        let configurations = Arc::new(Configurations::new::<LcBench>(suite).unwrap());
        let objective = Replay::<LcBench>::new(suite.tables[0].clone(), configurations);
        let study = RandomSearch::of(objective).quiet().sampler(Kde::new()).repo_dir(dir.path());
        study.run(1, 1).unwrap();
        let study = hobbit::repository::Reader::open(dir.path()).unwrap().study().unwrap();
        assert_eq!(study.lookahead, Some(DEFAULT_LOOKAHEAD));
    }
}
