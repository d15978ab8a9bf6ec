//! Dropout as data.

use std::fmt::{self, Write};

use super::describe::Plain;
use crate::train::written::float;

/// Dropout with this probability.
pub(super) struct Dropout(pub(super) f64);

impl Plain for Dropout {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let Dropout(p) = self;
        if (0.0..=1.0).contains(p) {
            Ok(input.to_vec())
        } else {
            Err(format!("its probability is {p}; it has to be from 0 to 1"))
        }
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        write!(text, "{name} {}", float(self.0))
    }
}
