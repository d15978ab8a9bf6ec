//! How many trials failed, and when that is too many.

use std::collections::HashSet;

use super::settings::MaxFailures;
use crate::error::Error;
use crate::repository::{End, StageRecord};
use crate::trial::TrialId;

/// Counts the trials that this process trained, and those of them that failed in it.
pub(super) struct Failures {
    allowed: MaxFailures,
    tried: u32,
    failed: u32,
    first: Option<String>,
    /// Trials that an earlier process trained, and this one has not.
    earlier: HashSet<TrialId>,
}

impl Failures {
    pub(super) fn new(allowed: MaxFailures) -> Failures {
        Failures { allowed, tried: 0, failed: 0, first: None, earlier: HashSet::new() }
    }

    /// Takes an outcome of an earlier process. Its failures have been put up with already.
    pub(super) fn replay(&mut self, record: &StageRecord) {
        // what it was trained since then may be partly lost, and is trained here
        if record.stage == 0 {
            self.earlier.insert(record.trial);
        }
    }

    /// Takes an outcome; an error if there have been too many failures.
    pub(super) fn enter(&mut self, record: &StageRecord) -> Option<Error> {
        let is_new = record.stage == 0 || !self.earlier.is_empty() && self.earlier.remove(&record.trial);
        self.tried += u32::from(is_new);
        let (End::Diverged { epoch, reason } | End::Failed { epoch, reason }) = &record.end else {
            return None;
        };
        self.failed += 1;
        let first =
            &*self.first.get_or_insert_with(|| format!("trial {}, epoch {epoch}: {reason}", record.trial));
        let (tried, failed) = (self.tried, self.failed);
        let hopeless = match self.allowed {
            MaxFailures::FirstAll(n) => tried == failed && failed >= n.max(1),
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
        let mut failures = Failures::new(MaxFailures::Share(0.5));
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
        let mut failures = Failures::new(MaxFailures::Count(0));
        (0..6).for_each(|index| failures.replay(&record(index, 0, true)));
        assert!(failures.enter(&record(6, 0, false)).is_none());
        assert!(failures.enter(&record(6, 1, false)).is_none());
        assert_eq!(counts(&failures), (0, 1));
        assert!(failures.enter(&record(7, 0, true)).is_some());
    }
}
