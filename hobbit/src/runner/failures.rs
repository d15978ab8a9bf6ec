//! How many trials failed, and when that is too many.

use std::collections::{BTreeMap, HashSet};

use super::settings::MaxFailures;
use crate::error::Error;
use crate::repository::{End, StageRecord};

/// Counts the trials of a study, and those of them that failed in this process. Failures of earlier processes
/// have been put up with already, and do not count.
///
/// Trials that fail are over sooner than others, so that the first outcomes of many workers are failures even
/// where few trials fail: what counts is which trials failed, and how many were begun.
pub(super) struct Failures {
    allowed: MaxFailures,
    tried: u64,
    failed: u64,
    first: Option<String>,
    /// A stage was trained without failing, by whatever process.
    works: bool,
    /// What became of the trials that failed, by their places, as long as nothing works.
    hopeless: BTreeMap<u64, String>,
    /// The places of the trials that an earlier process had. Those that it left without an outcome are the
    /// first that this one trains, and say nothing of the study's first: they may have been left because they
    /// fail.
    had: HashSet<u64>,
}

impl Failures {
    /// `begun` are the places of trials that an earlier process began, and left without an outcome.
    pub(super) fn new(allowed: MaxFailures, begun: HashSet<u64>) -> Failures {
        let hopeless = BTreeMap::new();
        Failures { allowed, tried: 0, failed: 0, first: None, works: false, hopeless, had: begun }
    }

    /// Takes an outcome of an earlier process, before this one has any: when it is replayed may be later.
    pub(super) fn replay(&mut self, place: u64, record: &StageRecord) {
        if record.end == End::Trained {
            self.works = true;
            self.tried += u64::from(record.stage == 0);
        }
        self.had.insert(place);
    }

    /// Takes an outcome of the trial at `place`, with `begun` trials begun so far; an error if there have been
    /// too many failures.
    pub(super) fn enter(&mut self, (place, begun): (u64, u64), record: &StageRecord) -> Option<Error> {
        self.tried += u64::from(record.stage == 0);
        let (End::Diverged { epoch, reason } | End::Failed { epoch, reason }) = &record.end else {
            if !self.works {
                (self.works, self.hopeless) = (true, BTreeMap::new());
            }
            return None;
        };
        self.failed += 1;
        let failed = self.failed;
        let what = || format!("trial {}, epoch {epoch}: {reason}", record.trial);
        let first = self.first.get_or_insert_with(what);
        let (failed, first) = match self.allowed {
            MaxFailures::FirstAll(_) if self.works => return None,
            MaxFailures::FirstAll(n) => {
                self.hopeless.insert(place, what());
                let mut firsts = (0..begun).filter(|place| !self.had.contains(place));
                let mut fails = || firsts.next().is_some_and(|place| self.hopeless.contains_key(&place));
                let first = self.hopeless.values().next().filter(|_| (0..n.max(1)).all(|_| fails()))?;
                (format!("all of the first {} trials failed", n.max(1)), first)
            }
            MaxFailures::Count(n) if failed > u64::from(n) => {
                (format!("{failed} of {} trials failed", self.tried), &*first)
            }
            MaxFailures::Share(share) if begun >= 5 && failed as f64 > share * begun as f64 => {
                (format!("{failed} of {begun} trials failed"), &*first)
            }
            MaxFailures::Count(_) | MaxFailures::Share(_) => return None,
        };
        Some(Error::study(format!(
            "{failed}, the sweep is given up (`max_failures` sets how many may fail); the first was {first}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::History;
    use crate::repository::Timestamp;
    use crate::trial::TrialId;

    fn record(index: u32, stage: u32, fails: bool) -> StageRecord {
        let end = match fails {
            true => End::Failed { epoch: 1, reason: "bad luck".to_owned() },
            false => End::Trained,
        };
        StageRecord {
            time: Timestamp::now(),
            trial: TrialId::new(1, index + 1),
            stage,
            from: 0,
            to: 1,
            end,
            score: None,
            attempt: 0,
            worker: 0,
            machine: 0,
            seconds: 0.0,
            history: History::default(),
        }
    }

    /// The trial at `index` is done with its first stage, and no later one is begun.
    fn enter(failures: &mut Failures, index: u32, fails: bool) -> Option<Error> {
        failures.enter((index.into(), u64::from(index) + 1), &record(index, 0, fails))
    }

    fn replay(failures: &mut Failures, index: u32, fails: bool) {
        failures.replay(index.into(), &record(index, 0, fails));
    }

    #[test]
    fn a_trial_that_an_earlier_process_began_is_tried_once_more_here() {
        let mut failures = Failures::new(MaxFailures::Share(0.5), HashSet::new());
        (0..6).for_each(|index| replay(&mut failures, index, false));
        failures.replay(0, &record(0, 1, false));
        // of six, three fail here, each in another stage: no more than half of them
        let mut fails = |index: u32, stage| failures.enter((index.into(), 6), &record(index, stage, true));
        assert!((0..3).all(|index| fails(index, 1 + u32::from(index == 0)).is_none()));
        // a later stage of the same is not another trial
        let error = fails(3, 2).unwrap().to_string();
        assert!(error.contains("4 of 6 trials failed") && error.contains("trial 1-1"), "{error}");
    }

    #[test]
    fn failures_of_earlier_processes_do_not_count() {
        let mut failures = Failures::new(MaxFailures::Count(0), HashSet::new());
        (0..6).for_each(|index| replay(&mut failures, index, true));
        assert!(enter(&mut failures, 6, false).is_none());
        assert!(failures.enter((6, 7), &record(6, 1, false)).is_none());
        let error = enter(&mut failures, 7, true).unwrap().to_string();
        assert!(error.contains("1 of 2 trials failed"), "{error}");
    }

    #[test]
    fn the_first_trials_are_those_of_the_study() {
        let fails = |failures: &mut Failures, index| enter(failures, index, true).is_some();
        let of_five =
            |begun: &[u64]| Failures::new(MaxFailures::FirstAll(5), begun.iter().copied().collect());
        // one that an earlier process trained is enough
        let mut failures = of_five(&[]);
        replay(&mut failures, 0, false);
        assert!(!(1..30).any(|index| fails(&mut failures, index)));
        // those that failed there are no reason to give up at the first that fails here
        let mut failures = of_five(&[]);
        (0..5).for_each(|index| replay(&mut failures, index, true));
        assert!(!(5..9).any(|index| fails(&mut failures, index)) && fails(&mut failures, 9));
        // nor are those that an earlier process began and left
        let mut failures = of_five(&[0, 1, 2]);
        assert!(!(0..7).any(|index| fails(&mut failures, index)) && fails(&mut failures, 7));
    }

    #[test]
    fn trials_that_fail_are_over_sooner_and_say_nothing_of_those_that_are_not() {
        let fails = |failures: &mut Failures, index: u32| {
            failures.enter((index.into(), 16), &record(index, 0, true)).is_some()
        };
        // of sixteen that are begun, many fail at once, while the third is trained
        let mut failures = Failures::new(MaxFailures::FirstAll(5), HashSet::new());
        let others = (0..16).filter(|index| *index != 2);
        assert!(!others.clone().any(|index| fails(&mut failures, index)));
        assert!(fails(&mut failures, 2), "all have failed");
        let mut failures = Failures::new(MaxFailures::FirstAll(5), HashSet::new());
        assert!(!others.clone().any(|index| fails(&mut failures, index)));
        assert!(enter(&mut failures, 2, false).is_none());
        assert!(!(16..40).any(|index| fails(&mut failures, index)), "one was trained");
        // half of sixteen are eight, and not of the first five that are over
        let mut failures = Failures::new(MaxFailures::Share(0.5), HashSet::new());
        assert!(!(0..8).any(|index| fails(&mut failures, index)) && fails(&mut failures, 8));
    }

    #[test]
    fn a_share_is_one_of_the_whole_study() {
        let mut failures = Failures::new(MaxFailures::Share(0.2), HashSet::new());
        (0..95).for_each(|index| replay(&mut failures, index, false));
        assert!((95..118).all(|index| enter(&mut failures, index, true).is_none()));
        let error = enter(&mut failures, 118, true).unwrap().to_string();
        assert!(error.contains("24 of 119 trials failed"), "{error}");
    }
}
