//! Activations as layers.

use std::fmt;

use super::describe::Plain;
use crate::train::activation::Activation;

impl Plain for Activation {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        text.push_str(name);
        Ok(())
    }
}
