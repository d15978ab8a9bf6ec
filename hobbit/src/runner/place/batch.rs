//! How many stages a worker takes at once.

/// A worker whose stages are over in no time takes as many of them at once as take so long, in seconds, so
/// that workers do not wait for each other's lock.
const AT_ONCE: f64 = 1e-4;
const MOST_AT_ONCE: usize = 64;

/// The stages that a worker trains between two visits at the desk.
#[derive(Debug)]
pub(super) struct Batch {
    /// Each is waited for or looked at, so that nothing is gained by several.
    singly: bool,
    size: usize,
    done: usize,
    seconds: f64,
}

impl Batch {
    pub(super) fn new(singly: bool) -> Batch {
        Batch { singly, size: 1, done: 0, seconds: 0.0 }
    }

    /// How many stages to take next.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Another stage is over.
    pub(super) fn add(&mut self, seconds: f64) {
        self.done += 1;
        self.seconds += seconds;
    }

    /// Whether there is time for another one.
    pub(super) fn has_time(&self) -> bool {
        self.seconds < AT_ONCE
    }

    /// Whether so many are over that their outcomes can be handed in, if nobody else is doing so.
    pub(super) fn is_half_done(&self) -> bool {
        self.done >= self.size / 2
    }

    /// The next batch begins.
    pub(super) fn restart(&mut self) {
        if !self.singly && self.done > 0 {
            let size = (self.done as f64 * AT_ONCE / self.seconds) as usize;
            self.size = size.clamp(1, MOST_AT_ONCE);
        }
        (self.done, self.seconds) = (0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size after a batch in which this many stages took so long each.
    fn after(batch: &mut Batch, stages: usize, seconds: f64) -> usize {
        (0..stages).for_each(|_| batch.add(seconds));
        batch.restart();
        batch.size()
    }

    #[test]
    fn batches_are_as_large_as_stages_are_short() {
        let mut batch = Batch::new(false);
        assert_eq!(batch.size(), 1);
        assert_eq!(after(&mut batch, 1, 1e-5), 10);
        assert_eq!(after(&mut batch, 10, 2e-5), 5);
        // a clock that does not move is no reason for more than the most
        assert_eq!(after(&mut batch, 5, 0.0), MOST_AT_ONCE);
        assert_eq!(after(&mut batch, 3, 1e-9), MOST_AT_ONCE);
        assert_eq!(after(&mut batch, 1, 3.0), 1);
        // nothing was done: nothing is known
        assert_eq!(after(&mut batch, 0, 0.0), 1);
        assert_eq!(after(&mut Batch::new(true), 3, 1e-9), 1);
    }

    #[test]
    fn a_batch_is_handed_in_from_its_half_on_and_at_its_end() {
        let mut batch = Batch::new(false);
        after(&mut batch, 1, 1e-5);
        for done in 0..10 {
            assert_eq!(batch.is_half_done(), done >= 5);
            assert!(batch.has_time());
            batch.add(1e-6);
        }
        batch.add(1e-4);
        assert!(!batch.has_time());
    }
}
