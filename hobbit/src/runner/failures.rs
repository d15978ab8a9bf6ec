//! How many trials failed, and when that is too many.

use std::collections::HashSet;

use super::settings::MaxFailures;
use crate::error::Error;
use crate::repository::{End, StageRecord};
use crate::trial::TrialId;

/// Counts the trials of a study, and those of them that failed in this process. Failures of earlier processes
/// have been put up with already, and do not count.
pub(super) struct Failures {
    allowed: MaxFailures,
    tried: u32,
    failed: u32,
    first: Option<String>,
    /// A stage was trained without failing, by whatever process.
    works: bool,
    /// The failures of trials that no earlier process had begun.
    fresh: u32,
    /// The trials that an earlier process began, and left without an outcome. They are the first that this one
    /// trains, and say nothing of the study's first: they may have been left because they fail.
    begun: HashSet<TrialId>,
}

impl Failures {
    pub(super) fn new(allowed: MaxFailures, begun: HashSet<TrialId>) -> Failures {
        Failures { allowed, tried: 0, failed: 0, first: None, works: false, fresh: 0, begun }
    }

    /// Takes an outcome of an earlier process, before this one has any: when it is replayed may be later.
    pub(super) fn replay(&mut self, record: &StageRecord) {
        if record.end == End::Trained {
            self.works = true;
            self.tried += u32::from(record.stage == 0);
        }
    }

    /// Takes an outcome; an error if there have been too many failures.
    pub(super) fn enter(&mut self, record: &StageRecord) -> Option<Error> {
        self.tried += u32::from(record.stage == 0);
        let (End::Diverged { epoch, reason } | End::Failed { epoch, reason }) = &record.end else {
            self.works = true;
            return None;
        };
        self.failed += 1;
        self.fresh += u32::from(!self.begun.remove(&record.trial));
        let first =
            &*self.first.get_or_insert_with(|| format!("trial {}, epoch {epoch}: {reason}", record.trial));
        let (tried, failed) = (self.tried, self.failed);
        let hopeless = match self.allowed {
            MaxFailures::FirstAll(n) => !self.works && self.fresh >= n.max(1),
            MaxFailures::Count(n) => failed > n,
            MaxFailures::Share(share) => tried >= 5 && f64::from(failed) > share * f64::from(tried),
        };
        hopeless.then(|| {
            Error::study(format!(
                "{failed} of {tried} trials failed, the sweep is given up (`max_failures` sets how many may fail); the first was \
                 {first}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::History;
    use crate::repository::Timestamp;

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

    fn counts(failures: &Failures) -> (u32, u32) {
        (failures.failed, failures.tried)
    }

    #[test]
    fn a_trial_that_an_earlier_process_began_is_tried_once_more_here() {
        let mut failures = Failures::new(MaxFailures::Share(0.5), HashSet::new());
        (0..6).for_each(|index| failures.replay(&record(index, 0, false)));
        failures.replay(&record(0, 1, false));
        // of six, three fail here, each in another stage: no more than half of them
        for index in 0..3 {
            assert!(failures.enter(&record(index + 3, 1, false)).is_none());
            assert!(failures.enter(&record(index, 1 + u32::from(index == 0), true)).is_none());
        }
        assert_eq!(counts(&failures), (3, 6));
        // a later stage of the same is not another trial
        let error = failures.enter(&record(3, 2, true)).unwrap().to_string();
        assert!(error.contains("4 of 6 trials failed") && error.contains("trial 1-1"), "{error}");
    }

    #[test]
    fn failures_of_earlier_processes_do_not_count() {
        let mut failures = Failures::new(MaxFailures::Count(0), HashSet::new());
        (0..6).for_each(|index| failures.replay(&record(index, 0, true)));
        assert!(failures.enter(&record(6, 0, false)).is_none());
        assert!(failures.enter(&record(6, 1, false)).is_none());
        assert_eq!(counts(&failures), (0, 1));
        assert!(failures.enter(&record(7, 0, true)).is_some());
    }

    #[test]
    fn the_first_trials_are_those_of_the_study() {
        let fails = |failures: &mut Failures, index| failures.enter(&record(index, 0, true)).is_some();
        let of_five = |begun: &[u32]| {
            let begun = begun.iter().map(|index| TrialId::new(1, index + 1)).collect();
            Failures::new(MaxFailures::FirstAll(5), begun)
        };
        // one that an earlier process trained is enough
        let mut failures = of_five(&[]);
        failures.replay(&record(0, 0, false));
        assert!(!(1..30).any(|index| fails(&mut failures, index)));
        // those that failed there are no reason to give up at the first that fails here
        let mut failures = of_five(&[]);
        (0..5).for_each(|index| failures.replay(&record(index, 0, true)));
        assert!(!(5..9).any(|index| fails(&mut failures, index)) && fails(&mut failures, 9));
        // nor are those that an earlier process began and left
        let mut failures = of_five(&[0, 1, 2]);
        assert!(!(0..7).any(|index| fails(&mut failures, index)) && fails(&mut failures, 7));
        assert_eq!(counts(&failures), (8, 8));
    }

    #[test]
    fn a_share_is_one_of_the_whole_study() {
        let mut failures = Failures::new(MaxFailures::Share(0.2), HashSet::new());
        (0..95).for_each(|index| failures.replay(&record(index, 0, false)));
        assert!((95..118).all(|index| failures.enter(&record(index, 0, true)).is_none()));
        let error = failures.enter(&record(118, 0, true)).unwrap().to_string();
        assert!(error.contains("24 of 119 trials failed"), "{error}");
    }
}
