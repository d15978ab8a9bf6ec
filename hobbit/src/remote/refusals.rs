//! A server that takes messages and cannot keep them. It remembers that a stream could not be written, because
//! its disk was full, until it is started again or the stream is made anew.

use std::time::{Duration, Instant};

/// How long messages are refused before something is done about it.
const LASTING: Duration = Duration::from_secs(3);
/// After so long without one, refusals are over.
const OVER: Duration = Duration::from_secs(5);

/// The messages that the server has refused lately.
#[derive(Debug, Default)]
pub(super) struct Refusals(Option<Refused>);

#[derive(Debug)]
struct Refused {
    first: Instant,
    last: Instant,
    why: String,
}

impl Refusals {
    /// A message was refused now, in the server's words.
    pub(super) fn add(&mut self, why: &str, now: Instant) {
        let first = self.0.as_ref().filter(|refused| now - refused.last < OVER).map(|refused| refused.first);
        self.0 = Some(Refused { first: first.unwrap_or(now), last: now, why: why.to_owned() });
    }

    /// Why messages are refused, if they have been for some time, and still are.
    pub(super) fn lasting(&self, now: Instant) -> Option<&str> {
        let lasts = |refused: &&Refused| now - refused.first >= LASTING && now - refused.last < OVER;
        self.0.as_ref().filter(lasts).map(|refused| &*refused.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_last_from_the_first_to_the_last() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut refusals = Refusals::default();
        assert_eq!(refusals.lasting(at(9)), None);
        refusals.add("full", at(10));
        refusals.add("still full", at(12));
        assert_eq!((refusals.lasting(at(12)), refusals.lasting(at(13))), (None, Some("still full")));
        assert_eq!(refusals.lasting(at(17)), None, "it is over");
        refusals.add("full again", at(18));
        assert_eq!((refusals.lasting(at(20)), refusals.lasting(at(21))), (None, Some("full again")));
    }
}
