//! Layers that only give samples another shape, as data.

use std::fmt::{self, Write};

use super::describe::Plain;
use crate::train::written::sides;

/// Makes samples flat.
pub(super) struct Flatten;

impl Plain for Flatten {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(vec![input.iter().product()])
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        text.push_str(name);
        Ok(())
    }
}

/// Gives samples this shape.
pub(super) struct Reshape<'a>(pub(super) &'a [usize]);

impl Plain for Reshape<'_> {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let Reshape(shape) = self;
        let (before, after) = (input.iter().product::<usize>(), shape.iter().product::<usize>());
        if before == after && !shape.is_empty() {
            Ok(shape.to_vec())
        } else {
            Err(format!(
                "it makes samples of shape {shape:?}, which is {after} numbers, of samples of shape {input:?}, which is {before}"
            ))
        }
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        write!(text, "{name} {}", sides(self.0))
    }
}
