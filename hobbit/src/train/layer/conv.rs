//! Convolutions as data.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::describe::{Describe, Over, without_bias};
use super::geometry::{Size, image, windows, write_moves};
use crate::train::init::Init;
use crate::train::parameter::{ParameterSpec, Role};
use crate::train::written::sides;

/// A convolution's settings: [`Layer::Conv2d`](super::Layer::Conv2d).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    pub(in crate::train) filters: usize,
    pub(in crate::train) kernel: [usize; 2],
    pub(in crate::train) stride: [usize; 2],
    pub(in crate::train) padding: [usize; 2],
    pub(in crate::train) bias: bool,
    pub(in crate::train) init: Init,
}

impl Conv2d {
    /// Creates a convolution with `filters` filters and a kernel of this height and width, stride 1, no
    /// padding, and a bias.
    pub fn new(filters: usize, kernel: impl Into<Size>) -> Conv2d {
        let Size(kernel) = kernel.into();
        Conv2d { filters, kernel, stride: [1, 1], padding: [0, 0], bias: true, init: Init::Auto }
    }

    /// Sets how far the kernel moves, down and across. Default: 1.
    pub fn stride(self, stride: impl Into<Size>) -> Conv2d {
        Conv2d { stride: stride.into().0, ..self }
    }

    /// Sets how many zeros are put above and below, and left and right. Default: 0.
    pub fn padding(self, padding: impl Into<Size>) -> Conv2d {
        Conv2d { padding: padding.into().0, ..self }
    }

    /// Leaves the bias out: before a batch normalization it would have no effect.
    pub fn without_bias(self) -> Conv2d {
        Conv2d { bias: false, ..self }
    }

    /// Sets how its weights begin.
    pub fn init(self, init: Init) -> Conv2d {
        Conv2d { init, ..self }
    }
}

impl Describe for Conv2d {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        if self.filters == 0 {
            return Err("it has no filters; it has to have at least 1".to_owned());
        }
        self.init.check()?;
        let [_, height, width] = image(input, "a convolution")?;
        let [down, across] = windows("kernel", [height, width], self.kernel, self.stride, self.padding)?;
        Ok(vec![self.filters, down, across])
    }

    fn parameters(&self, input: &[usize], rectified: bool) -> Vec<ParameterSpec> {
        let area = (self.kernel[0] * self.kernel[1]) as f64;
        let fans = (input[0] as f64 * area, self.filters as f64 * area);
        let shape = [self.filters, input[0], self.kernel[0], self.kernel[1]];
        let weight = ParameterSpec::weight("weight", &shape, self.init.resolve(rectified), fans);
        let bias = self.bias.then(|| ParameterSpec::constant("bias", self.filters, Role::Other, 0.0));
        [weight].into_iter().chain(bias).collect()
    }

    /// Once at each place of the kernel.
    fn uses(&self, output: &[usize]) -> usize {
        output[1..].iter().product()
    }

    fn normalizes(&self) -> Option<Over> {
        None
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        let Conv2d { filters, kernel, stride, padding, bias, init } = self;
        write!(text, "{name} {filters} of {}", sides(kernel))?;
        write_moves(text, *stride, [1, 1], *padding)?;
        write!(text, "{}{}", without_bias(*bias), init.written())
    }
}
