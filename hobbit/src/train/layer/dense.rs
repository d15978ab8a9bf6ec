//! Dense layers as data.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::describe::{Describe, Over, without_bias};
use crate::train::init::Init;
use crate::train::parameter::{ParameterSpec, Role};

/// A dense layer's settings: [`Layer::Dense`](super::Layer::Dense).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    pub(in crate::train) width: usize,
    pub(in crate::train) bias: bool,
    pub(in crate::train) init: Init,
}

impl Dense {
    /// Creates a dense layer with `width` outputs and a bias.
    pub fn new(width: usize) -> Dense {
        Dense { width, bias: true, init: Init::Auto }
    }

    /// Leaves the bias out: before a batch normalization it would have no effect.
    pub fn without_bias(self) -> Dense {
        Dense { bias: false, ..self }
    }

    /// Sets how its weights begin.
    pub fn init(self, init: Init) -> Dense {
        Dense { init, ..self }
    }
}

impl Describe for Dense {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let Dense { width, bias: _, init } = self;
        if *width == 0 {
            return Err("it has no outputs; its width has to be at least 1".to_owned());
        }
        init.check()?;
        match input {
            [_] => Ok(vec![*width]),
            _ => Err(format!(
                "it takes flat samples of shape [n] and gives [{width}], but its input has shape {input:?}; put `.flatten()` before it"
            )),
        }
    }

    fn parameters(&self, input: &[usize], rectified: bool) -> Vec<ParameterSpec> {
        let (inputs, width) = (input.iter().product::<usize>(), self.width);
        let fans = (inputs as f64, width as f64);
        let weight = ParameterSpec::weight("weight", &[inputs, width], self.init.resolve(rectified), fans);
        let bias = self.bias.then(|| ParameterSpec::constant("bias", width, Role::Other, 0.0));
        [weight].into_iter().chain(bias).collect()
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    fn normalizes(&self) -> Option<Over> {
        None
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        let Dense { width, bias, init } = self;
        write!(text, "{name} {width}{}{}", without_bias(*bias), init.written())
    }
}
