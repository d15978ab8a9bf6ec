//! Search spaces: what hyperparameters there are, and how a configuration is drawn, described, checked and
//! encoded.

mod asked;
mod cells;
mod choice;
mod composite;
mod constant;
mod describe;
mod field;
mod float;
mod functions;
mod grid;
mod kept;
mod kinds;
#[cfg(feature = "interop")]
mod named;
mod narrowing;
mod needs;
mod normal;
mod outside;
mod root;
mod sampled;
mod scalar;
mod texts;
mod tree;
mod uniform;
mod value;
mod variants;
mod wanted;
mod whole;

pub use cells::Cells;
pub use describe::{Condition, Domain, Parameter, Space};
#[cfg(feature = "interop")]
pub use named::from_values;
pub use narrowing::Narrowing;
pub(crate) use normal::normal_below;
#[cfg(feature = "interop")]
pub(crate) use outside::Others;
pub(crate) use root::Root;
pub use scalar::Scalar;
pub use tree::Tree;
pub use value::Value;

/// What only the code that the macro writes needs.
pub(crate) mod private {
    pub use super::choice::{
        Choice, Label, Switch, Text, Texts, draw_kind, is_kind, kind, kind_value, variant_unit,
    };
    pub use super::composite::{Array, IsOption, IsVec, Nested, Optional, Several};
    pub use super::constant::{
        AnyLimits, Limits, holds, is_drawable, is_end, is_named_range, is_same, is_step, is_variant_range,
        is_weight,
    };
    pub use super::field::{Coordinates, Field, Names, One, constrained, missing_defaults, owned, present};
    pub use super::functions::{Calls, Endless, Finite, Functions, Lacking, Unstored};
    pub use super::kept::{KeptText, kept_text};
    pub use super::needs::{
        ArrayType, Chosen, ChosenType, ChosenUnwrittenType, DefaultType, Defaulted, Made, MadeType,
        MadeUnwrittenType, Mentioned, NestedSpace, Nth, ReadableType, Same, Stored, WritableType, Written,
        WrittenType, defaulted, written,
    };
    pub use super::normal::Normal;
    pub use super::sampled::Sampled;
    pub use super::scalar::weighted;
    pub use super::texts::{ReadText, read_text};
    pub use super::uniform::{LogUniform, Uniform};
    pub use super::variants::{
        EndsAre, NoRanges, Ranged, Ranges, Variant, VariantRange, Variants, ends, numbers,
    };
    pub use super::whole::Int;
}

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::random::Key;

/// A set of configurations, described by a struct or enum that carries
/// [`#[search_space]`](macro@crate::search_space).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a search space",
    label = "a type with `#[search_space]` is needed here",
    note = "a search space is a struct or an enum that carries `#[search_space]`; where it is in an `Option`, `#[optional(0.5)]` \
            says how often it is there, and in a `Vec`, `#[length(1..=4)]` how many there are"
)]
pub trait SearchSpace: Sized + Serialize + DeserializeOwned {
    /// Made of those of nested spaces, so that a space within itself does not compile.
    #[doc(hidden)]
    const IS_FINITE: bool = true;

    /// The parameters, as data.
    fn space() -> Space;

    /// Draws the configuration of this key; equal keys give equal configurations on every platform.
    ///
    /// # Errors
    /// A constraint that almost nothing satisfies, or a distribution whose parameters are not allowed.
    fn draw(key: Key) -> Result<Self>;

    /// Names and values in the order of declaration, for tables. Only those that exist: of an enum, the
    /// chosen variant's.
    fn values(&self) -> Vec<(String, Value)>;

    /// Checks that every value is in its domain, and that every constraint holds.
    ///
    /// # Errors
    /// The first value that is not, with its field and what is allowed.
    fn check(&self) -> Result<()>;

    /// The configuration as a point of the unit cube: a number in `[0, 1)` for each parameter of
    /// [`space`](SearchSpace::space), in its order; `None` for those that do not exist in this
    /// configuration.
    ///
    /// What was drawn is decoded to the same configuration again. A value that no number stands for exactly
    /// (one that was typed by a person) is decoded to its neighbour. So is a whole number of a range of more
    /// than 2⁵³ of them, or, from a distribution, one above 2⁴²: the numbers of the cube have 53 bits.
    fn encode(&self) -> Vec<Option<f64>>;

    /// The configuration of a point of the unit cube.
    ///
    /// # Errors
    /// A coordinate that is missing or outside of the cube, or a constraint that does not hold.
    fn decode(coordinates: &[Option<f64>]) -> Result<Self>;

    /// The configuration of the defaults given in the space.
    ///
    /// # Errors
    /// The fields that have none.
    fn defaults() -> Result<Self> {
        Err(functions::no_defaults(&Self::space()))
    }
}
