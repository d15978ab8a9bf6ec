//! Residual blocks as data.

use std::fmt::{self, Write};

use super::Layer;
use super::describe::{Describe, Over};
use crate::train::parameter::ParameterSpec;

/// A block of these layers. What they are and have is theirs to say.
pub(super) struct Residual<'a>(pub(super) &'a [Layer]);

impl Describe for Residual<'_> {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, _: &[usize], _: bool) -> Vec<ParameterSpec> {
        Vec::new()
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    fn normalizes(&self) -> Option<Over> {
        None
    }

    fn write(&self, text: &mut String, name: &str, input: Option<&[usize]>) -> fmt::Result {
        write!(text, "{name} (")?;
        Layer::write_all(self.0, text, input, "")?;
        write!(text, ")")
    }
}
