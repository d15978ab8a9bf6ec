//! How fast stages are over: where that is faster than messages go to and fro, some are had in advance.

use std::time::{Duration, Instant};

/// Stages are counted for this long.
const WINDOW: Duration = Duration::from_millis(100);

/// How many stages were over lately.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    count: usize,
    before: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { since: Instant::now(), count: 0, before: 0 }
    }
}

impl Pace {
    /// A stage is over.
    pub(super) fn count(&mut self) {
        self.count_at(Instant::now());
    }

    fn count_at(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed > WINDOW {
            self.before = if elapsed > 2 * WINDOW { 0 } else { self.count };
            (self.since, self.count) = (now, 0);
        }
        self.count += 1;
    }

    /// How many stages are over in a tenth of a second; none where they take longer than that.
    pub(super) fn stages(&self) -> usize {
        self.stages_at(Instant::now())
    }

    fn stages_at(&self, now: Instant) -> usize {
        match now.saturating_duration_since(self.since) > 2 * WINDOW {
            true => 0,
            // one alone says nothing
            false => self.before.max(self.count).saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_counted_for_a_while_and_forgotten() {
        let begin = Instant::now();
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        let mut pace = Pace { since: begin, count: 0, before: 1 };
        (0..=100).step_by(5).for_each(|time| pace.count_at(at(time)));
        assert_eq!(pace.stages_at(at(100)), 20);
        pace.count_at(at(110));
        assert_eq!(pace.stages_at(at(120)), 20, "as before, since there are few yet");
        assert_eq!(pace.stages_at(at(400)), 0);
        // stages of a second
        (1..4).for_each(|second| pace.count_at(at(1000 * second)));
        assert_eq!(pace.stages_at(at(3001)), 0);
    }
}
