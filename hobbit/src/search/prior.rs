//! Random search: every configuration is drawn as its space says.

use super::{Draw, Proposal, Sampler};
use crate::error::BoxError;

/// Draws every configuration at random, as the search space says. The default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prior;

impl Sampler for Prior {
    fn name(&self) -> &str {
        "random"
    }

    fn propose(&self, _: &Draw<'_>) -> Result<Proposal, BoxError> {
        Ok(Proposal::Prior)
    }

    fn learns(&self) -> bool {
        false
    }
}
