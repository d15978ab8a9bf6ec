//! How busy workers will be: an algorithm carried out on paper, where every epoch takes as long.

use std::collections::BTreeMap;

use super::algorithm::Algorithm;
use super::scheduler::{Ask, Assignment, Order, Scheduler};
use super::score::Score;
use super::virtual_time::{DEFAULT_LOOKAHEAD, VirtualTime};
use crate::error::{Error, Result};
use crate::trial::{Direction, TrialId};

/// How busy an algorithm keeps a number of workers, if every epoch takes equally long and no trial fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// The number of workers.
    pub workers: u32,
    /// The number of stages that may be under way at once, where decisions have a lookahead.
    pub lookahead: Option<u32>,
    /// The epochs that are trained in all.
    pub epochs: u64,
    /// The number of epochs that one worker could train until the last stage has ended.
    pub time: u64,
}

impl Occupancy {
    /// The share of the time that workers train, from 0 to 1.
    ///
    /// ```
    /// use hobbit::schedule::Algorithm;
    ///
    /// // 4 trials on 3 workers: one of them is trained alone
    /// let busy = Algorithm::Random { trials: 4, epochs: 10 }.occupancy(3, None)?;
    /// assert_eq!((busy.epochs, busy.time), (40, 20));
    /// assert!((busy.share() - 2.0 / 3.0).abs() < 1e-12);
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    pub fn share(&self) -> f64 {
        self.epochs as f64 / (self.time as f64 * f64::from(self.workers))
    }
}

/// An algorithm with more stages than this is not carried out: it would take seconds.
const MOST: u64 = 2_000_000;

impl Algorithm {
    /// How busy this many workers will be with a [lookahead](crate::Study::lookahead), by carrying the
    /// algorithm out with invented scores. Nothing is trained.
    ///
    /// An algorithm whose decisions depend on the order of results has a lookahead in any case,
    /// [`DEFAULT_LOOKAHEAD`] if none is given; others have one if a sampler learns.
    ///
    /// # Errors
    /// An invalid setting, no workers, a lookahead of 0, or an algorithm of millions of stages.
    pub fn occupancy(&self, workers: u32, lookahead: Option<u32>) -> Result<Occupancy> {
        if workers == 0 || lookahead == Some(0) {
            return Err(Error::setting("the number of workers and the lookahead have to be at least 1"));
        }
        let stages = self.outline()?.total_evaluations();
        if stages > MOST {
            return Err(Error::setting(format!(
                "to find out how busy workers are, each stage of each trial is carried out, and {stages} of them would take too long"
            )));
        }
        let inner = self.scheduler(Direction::Minimize)?;
        let lookahead = lookahead.or_else(|| (inner.order() == Order::Virtual).then_some(DEFAULT_LOOKAHEAD));
        let mut scheduler: Box<dyn Scheduler> = match lookahead {
            Some(lookahead) => Box::new(VirtualTime::new(inner, lookahead)),
            None => inner,
        };
        let (epochs, time) = carry_out(&mut *scheduler, workers);
        Ok(Occupancy { workers, lookahead, epochs, time })
    }
}

/// The epochs trained in all, and the time it takes, in epochs.
fn carry_out(scheduler: &mut dyn Scheduler, workers: u32) -> (u64, u64) {
    let (mut epochs, mut now, mut number) = (0_u64, 0_u64, 0_u64);
    // by their end, then as they began
    let mut under_way: BTreeMap<(u64, u64), Assignment> = BTreeMap::new();
    loop {
        while under_way.len() < workers as usize
            && let Ask::Run(assignment) = scheduler.ask()
        {
            let takes = assignment.to.saturating_sub(assignment.from);
            epochs = epochs.saturating_add(takes);
            under_way.insert((now.saturating_add(takes), number), assignment);
            number += 1;
        }
        let Some(((end, _), done)) = under_way.pop_first() else { return (epochs, now) };
        now = end;
        scheduler.tell(&done, Some(invented(done.trial)));
    }
}

/// A score that follows no order of trials: its id, with all bits stirred (the finalizer of SplitMix64).
fn invented(trial: TrialId) -> Score {
    let TrialId { iteration, bracket, index } = trial;
    let mut bits = (u64::from(iteration) << 48) ^ (u64::from(bracket) << 40) ^ u64::from(index);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Score::from(((bits ^ (bits >> 31)) >> 11) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::EpochCount;

    fn hyperband() -> Algorithm {
        Algorithm::Hyperband { max_epochs: 81, eta: 3, epoch_count: EpochCount::Additional, iterations: 1 }
    }

    fn times(algorithm: Algorithm, lookahead: Option<u32>, workers: [u32; 4]) -> [u64; 4] {
        workers.map(|workers| algorithm.occupancy(workers, lookahead).unwrap().time)
    }

    #[test]
    fn one_worker_is_always_busy() {
        for lookahead in [None, Some(1), Some(8)] {
            let busy = hyperband().occupancy(1, lookahead).unwrap();
            assert_eq!((busy.epochs, busy.time, busy.share()), (1902, 1902, 1.0), "{lookahead:?}");
        }
    }

    #[test]
    fn workers_beyond_the_lookahead_change_nothing() {
        assert_eq!(times(hyperband(), Some(1), [1, 2, 7, 1000]), [1902; 4]);
        let [one, four, eight, many] = times(hyperband(), Some(4), [1, 4, 8, 1000]);
        assert_eq!((one, four), (1902, eight));
        assert_eq!(eight, many);
        // stages of the first bracket come one after the other
        assert_eq!(times(hyperband(), None, [10_000, 20_000, 30_000, 40_000]), [121; 4]);
    }

    #[test]
    fn asynchronous_halving_has_a_lookahead() {
        let asha = Algorithm::Asha { trials: 100, max_epochs: 27, eta: 3 };
        assert_eq!(asha.occupancy(4, None).unwrap(), asha.occupancy(4, Some(4)).unwrap());
        let (few, many) = (asha.occupancy(8, Some(2)).unwrap(), asha.occupancy(8, Some(8)).unwrap());
        assert!(few.share() < 0.3 && many.share() > 0.7, "{few:?} {many:?}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let message = |outcome: Result<Occupancy>| outcome.unwrap_err().to_string();
        assert!(message(hyperband().occupancy(0, None)).contains("at least 1"));
        assert!(message(hyperband().occupancy(1, Some(0))).contains("at least 1"));
        let endless = Algorithm::Random { trials: u32::MAX, epochs: 1 };
        assert!(message(endless.occupancy(2, None)).contains("4294967295"));
    }
}
