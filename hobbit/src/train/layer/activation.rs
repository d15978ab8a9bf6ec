//! Activations as layers.

use std::fmt;

use super::describe::{Describe, Over};
use crate::train::activation::Activation;
use crate::train::parameter::ParameterSpec;

impl Describe for Activation {
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

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        text.push_str(name);
        Ok(())
    }
}
