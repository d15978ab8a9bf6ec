//! A server that takes messages and cannot keep them. It remembers that a stream could not be written, because
//! its disk was full, until it is started again or the stream is made anew. What it says of a message then
//! depends on its version; most say nothing, as a server does that is slow. But of many messages a slow one keeps
//! some.

use std::time::{Duration, Instant};

/// How long nothing is kept before something is done about it.
const LASTING: Duration = Duration::from_secs(6);
/// After so long without another one, refusals are over: longer than a message is tried to be sent in pieces.
const OVER: Duration = Duration::from_secs(20);

/// What the server is asked to keep. These are in streams of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// A message in one piece.
    Message,
    /// A large one, whose pieces come first.
    Pieces,
    /// The streams themselves.
    Streams,
}

/// What the server has not kept lately.
#[derive(Debug, Default)]
pub(super) struct Refusals([Option<Refused>; 3]);

#[derive(Debug)]
struct Refused {
    first: Instant,
    last: Instant,
    why: String,
}

impl Refusals {
    /// Something was not kept now, in words why.
    pub(super) fn add(&mut self, kept: Kept, why: &str, now: Instant) {
        let before = &mut self.0[kept as usize];
        let first = before.as_ref().filter(|refused| now - refused.last < OVER).map(|refused| refused.first);
        *before = Some(Refused { first: first.unwrap_or(now), last: now, why: why.to_owned() });
    }

    /// Something is kept now, and with pieces the message that names them.
    pub(super) fn end(&mut self, kept: Kept) {
        self.0[kept as usize] = None;
        if kept == Kept::Pieces {
            self.0[Kept::Message as usize] = None;
        }
    }

    /// What the server has is made anew.
    pub(super) fn forget(&mut self) {
        *self = Refusals::default();
    }

    /// Why nothing has been kept for some time, if it still is not.
    pub(super) fn lasting(&self, now: Instant) -> Option<&str> {
        let lasts = |refused: &&Refused| refused.last - refused.first >= LASTING && now - refused.last < OVER;
        self.0.iter().flatten().find(lasts).map(|refused| &*refused.why)
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
        refusals.add(Kept::Message, "full", at(10));
        refusals.add(Kept::Message, "still full", at(15));
        assert_eq!(refusals.lasting(at(19)), None);
        refusals.add(Kept::Message, "still full", at(20));
        assert_eq!(
            (refusals.lasting(at(39)), refusals.lasting(at(40))),
            (Some("still full"), None),
            "it is over"
        );
        refusals.add(Kept::Message, "full again", at(50));
        assert_eq!(refusals.lasting(at(60)), None, "once is no time");
        refusals.add(Kept::Message, "full again", at(61));
        assert_eq!(refusals.lasting(at(61)), Some("full again"));
    }

    #[test]
    fn a_server_that_keeps_some_is_slow_and_not_full() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut refusals = Refusals::default();
        for second in [5, 10, 15] {
            refusals.add(Kept::Message, "timed out", at(second));
            refusals.end(Kept::Message);
        }
        assert_eq!(refusals.lasting(at(15)), None);
        for second in [20, 36] {
            refusals.add(Kept::Pieces, "timed out", at(second));
            refusals.end(Kept::Message);
            refusals.end(Kept::Streams);
        }
        assert_eq!(refusals.lasting(at(36)), Some("timed out"), "pieces are in a stream of their own");
        for second in [36, 46] {
            refusals.add(Kept::Message, "timed out", at(second));
        }
        refusals.end(Kept::Pieces);
        assert_eq!(refusals.lasting(at(46)), None, "one of them was kept, with its message");
    }
}
