//! A worker's clock.

use std::time::{Duration, Instant};

use crate::repository::Timestamp;

/// Timestamps have milliseconds.
const DATED: Duration = Duration::from_millis(1);

/// Asking the system for the time takes a noticeable part of a stage that learns nothing. So it is asked once
/// a stage, where one stage begins as the one before it ends, and for the date once in a millisecond.
pub(crate) struct Clock {
    last: Instant,
    /// The date, and until when it is exact enough.
    date: Option<(Instant, Timestamp)>,
}

impl Clock {
    /// Looked at now.
    pub(crate) fn new() -> Clock {
        Clock { last: Instant::now(), date: None }
    }

    /// When it was looked at last.
    pub(crate) fn last(&self) -> Instant {
        self.last
    }

    /// Looks at it again.
    pub(crate) fn look(&mut self) -> Instant {
        self.last = Instant::now();
        self.last
    }

    /// The date and time when it was looked at last.
    pub(crate) fn date(&mut self) -> Timestamp {
        match self.date {
            Some((until, date)) if self.last < until => date,
            _ => self.date.insert((self.last + DATED, Timestamp::now())).1,
        }
    }
}
