//! Where a trial's configuration is from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a trial's configuration is from. Its `Display` is a word: `drawn`, `proposed` or `given`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Origin {
    /// It was drawn at random, as the search space says: the study has no sampler, or the sampler left this
    /// trial to chance.
    Drawn,
    /// The study's sampler proposed it.
    Proposed,
    /// It was given to the study: the defaults of its space, or one that was enqueued or imported.
    Given,
}

impl Origin {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Origin::Drawn => "drawn",
            Origin::Proposed => "proposed",
            Origin::Given => "given",
        }
    }

    /// That of the trial at a place among all, of which the journal may say something. The study itself says
    /// how many are given, and that all others are drawn if it has no sampler.
    pub(super) fn of(
        place: Option<u64>,
        recorded: Option<Origin>,
        given: usize,
        has_sampler: bool,
    ) -> Option<Origin> {
        if place.is_some_and(|place| place < given as u64) {
            return Some(Origin::Given);
        }
        // an older hobbit did not write what its sampler left to chance
        recorded.or_else(|| (!has_sampler).then_some(Origin::Drawn))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
