//! Residual blocks as data.

use std::fmt::{self, Write};

use super::Layer;
use super::describe::Plain;

/// A block of these layers. What they are and have is theirs to say.
pub(super) struct Residual<'a>(pub(super) &'a [Layer]);

impl Plain for Residual<'_> {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn write(&self, text: &mut String, name: &str, input: Option<&[usize]>) -> fmt::Result {
        write!(text, "{name} (")?;
        Layer::write_all(self.0, text, input, "")?;
        write!(text, ")")
    }
}
