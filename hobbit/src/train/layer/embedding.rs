//! Embeddings as data.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::describe::{Describe, Over};
use crate::error::BoxError;
use crate::train::init::Init;
use crate::train::parameter::ParameterSpec;

/// An embedding's settings: [`Layer::Embedding`](super::Layer::Embedding).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    pub(in crate::train) words: usize,
    pub(in crate::train) width: usize,
    pub(in crate::train) init: Init,
}

impl Embedding {
    /// Creates an embedding of `words` vectors of this width, normally distributed around zero at first.
    pub fn new(words: usize, width: usize) -> Embedding {
        Embedding { words, width, init: Init::Normal(1.0) }
    }

    /// Sets how its vectors begin. Default: normal with a standard deviation of 1.
    pub fn init(self, init: Init) -> Embedding {
        Embedding { init, ..self }
    }
}

/// The place that a number stands for, among so many vectors.
pub(in crate::train) fn place(value: f64, words: usize) -> Result<usize, BoxError> {
    if value >= 0.0 && value < words as f64 && value.fract() == 0.0 {
        Ok(value as usize)
    } else {
        Err(format!("an embedding of {words} vectors was asked for number {value}; it takes whole numbers below {words}").into())
    }
}

impl Describe for Embedding {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let Embedding { words, width, init } = self;
        init.check()?;
        if *words == 0 || *width == 0 {
            return Err(format!("it has {words} vectors of width {width}; both have to be at least 1"));
        }
        // places are given as 32-bit floats, which hold whole numbers up to here
        if *words > 1 << 24 {
            return Err(format!("it has {words} vectors; it may have at most {}", 1 << 24));
        }
        match input {
            [length] => Ok(vec![*length, *width]),
            _ => Err(format!("it takes samples of shape [length], but its input has shape {input:?}")),
        }
    }

    fn parameters(&self, _: &[usize], rectified: bool) -> Vec<ParameterSpec> {
        let Embedding { words, width, init } = self;
        let fans = (*words as f64, *width as f64);
        vec![ParameterSpec::weight("weight", &[*words, *width], init.resolve(rectified), fans)]
    }

    /// Vectors are looked up, and multiplied by nothing.
    fn uses(&self, _: &[usize]) -> usize {
        0
    }

    fn normalizes(&self) -> Option<Over> {
        None
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        let Embedding { words, width, init } = self;
        write!(text, "{name} {words} x {width}{}", init.written())
    }
}
