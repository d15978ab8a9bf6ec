//! Samplers: which configuration a new trial gets.
//!
//! A [`Sampler`] is asked for the configuration of each new trial and answers with a [`Point`] of the unit
//! cube, or leaves it to chance ([`Proposal::Prior`]). Like everything else in hobbit it is exact: what it
//! proposes depends on nothing but the [`Draw`] it is given, so that a study has the same trials on one
//! worker and on a thousand, even after it was killed and continued.
//!
//! - **What is known** is what was told in the study's own order, not what happens to have arrived:
//!   [`Draw::seen`] and [`Draw::pending`] are the same however fast or slow the workers are.
//! - **Randomness** comes from [`Draw::key`].
//! - **A configuration is what its point decodes to.** The point is written to the journal with the trial, as
//!   text that reads back as the same bits, and a study that is continued asks the sampler only for trials
//!   that it has not begun.
//! - **What is not a configuration is asked for again.** A point that breaks a constraint, or is no point of
//!   the space, counts as a failed attempt: the sampler is asked again, with another key, up to
//!   [`ATTEMPTS`] times in all. After that the configuration is drawn at random, as [`Prior`] does.
//! - The configurations that a study begins with (defaults, enqueued and imported ones) come first and are
//!   not asked for. They and configurations drawn at random have points like any other.
//!
//! Not every configuration has a point of its own. A coordinate has 53 bits, so whole numbers of a range of
//! more than 2⁵³ of them, or above 2⁴² where they come from a distribution, share points with their
//! neighbours, and so do values of a user's own [`Scalar`](crate::space::Scalar) that does not invert itself
//! exactly. Where such a configuration was drawn at random or enqueued, its point is its neighbour's; the
//! trial itself is not changed, because the journal holds its values too.
//!
//! # A sampler of your own
//!
//! Around the best configuration so far, closer and closer:
//!
//! ```
//! use hobbit::BoxError;
//! use hobbit::search::{Draw, Point, Proposal, Sampler};
//!
//! #[derive(Debug)]
//! struct NearBest;
//!
//! impl Sampler for NearBest {
//!     fn name(&self) -> &str {
//!         "near best"
//!     }
//!
//!     fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
//!         let healthy = at.seen.iter().filter(|outcome| outcome.score.is_some());
//!         let Some(best) = healthy.min_by(|a, b| a.compare(b, at.direction)) else {
//!             return Ok(Proposal::Prior);
//!         };
//!         let tree = at.space.tree()?;
//!         let width = 1.0 / (at.seen.len() as f64).sqrt();
//!         let mut coordinates = Vec::new();
//!         for place in 0..at.space.parameters().len() {
//!             // each parameter draws from a key of its own
//!             let random = at.key.child(place as u64).rng().unit();
//!             let unit = match best.point[place] {
//!                 Some(center) => (center + (random - 0.5) * width).clamp(0.0, 0.999_999),
//!                 // the best one does not have it
//!                 None => random,
//!             };
//!             let active = tree.is_active(place, &coordinates);
//!             coordinates.push(active.then_some(unit));
//!         }
//!         Ok(Proposal::Point(Point::new(coordinates)))
//!     }
//! }
//! ```

mod choose;
mod draw;
mod kde;
mod point;
mod prior;

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use choose::ATTEMPTS;
pub(crate) use choose::{Chosen, Known, choose, drawn};
pub use draw::{Draw, Observation};
pub use kde::Kde;
pub use point::Point;
pub use prior::Prior;

use crate::error::BoxError;
use crate::space::Value;

/// What a sampler answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Draw it at random, as the space says.
    Prior,
    /// This one.
    Point(Point),
}

/// Proposes the configurations of new trials. See the [module](self) for what is asked of it, and for an
/// example.
///
/// A sampler is stateless: equal arguments get equal answers, on any thread, in any order. It uses no clock,
/// no files, and no randomness except that of the key, and its arithmetic has the same bits on every platform
/// (`libm` instead of `f64::exp` and its like). `hobbit::testing::sampler` (feature `testing`) checks that.
pub trait Sampler: Debug + Send + Sync {
    /// Its name in `study.ron`, by which a study is continued with the same sampler.
    fn name(&self) -> &str;

    /// The version of its rule in `study.ron`: a new one with every change that makes it propose other
    /// points.
    fn version(&self) -> u32 {
        1
    }

    /// The settings that what it proposes depends on, for `study.ron`.
    fn settings(&self) -> Vec<(String, Value)> {
        Vec::new()
    }

    /// The configuration of a new trial.
    ///
    /// # Errors
    /// The sampler cannot go on; this ends the sweep.
    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError>;

    /// Whether proposals depend on outcomes. If not, it is given none, and no trial waits for another.
    fn learns(&self) -> bool {
        true
    }

    /// Name, version and settings, as `study.ron` has them.
    fn id(&self) -> SamplerId {
        SamplerId { name: self.name().to_owned(), version: self.version(), settings: self.settings() }
    }
}

macro_rules! through {
    ($($pointer:ident)*) => {
        $(impl<S: Sampler + ?Sized> Sampler for $pointer<S> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn version(&self) -> u32 {
                (**self).version()
            }

            fn settings(&self) -> Vec<(String, Value)> {
                (**self).settings()
            }

            fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
                (**self).propose(at)
            }

            fn learns(&self) -> bool {
                (**self).learns()
            }

            fn id(&self) -> SamplerId {
                (**self).id()
            }
        })*
    };
}

through!(Box Arc);

/// Which sampler a study has. Its `Display` is `name (version 2, random 0.2)`, without the first version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplerId {
    /// Its name.
    pub name: String,
    /// The version of its rule.
    pub version: u32,
    /// The settings that what it proposes depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<(String, Value)>,
}

impl fmt::Display for SamplerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let version = (self.version != 1).then(|| format!("version {}", self.version));
        let settings = self.settings.iter().map(|(name, value)| format!("{name} {value}"));
        let parts: Vec<String> = version.into_iter().chain(settings).collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampler_is_named_with_its_version_and_settings() {
        let mut id = Prior.id();
        assert_eq!(id.to_string(), "random");
        assert_eq!(ron::to_string(&id).unwrap(), "(name:\"random\",version:1)");
        id.version = 2;
        id.settings = vec![("share".to_owned(), Value::Float(0.2)), ("most".to_owned(), Value::Int(9))];
        assert_eq!(id.to_string(), "random (version 2, share 0.2, most 9)");
        assert_eq!(ron::from_str::<SamplerId>(&ron::to_string(&id).unwrap()).unwrap(), id);
        let shared: Arc<dyn Sampler> = Arc::new(Prior);
        assert_eq!((Box::new(shared.clone()).id(), shared.learns()), (Prior.id(), false));
    }
}
