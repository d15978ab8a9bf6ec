//! Pooling as data.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use super::describe::Plain;
use super::geometry::{Size, image, windows, write_moves};
use crate::train::written::sides;

/// A pooling layer's settings: [`Layer::MaxPool2d`](super::Layer::MaxPool2d),
/// [`Layer::AvgPool2d`](super::Layer::AvgPool2d).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pool2d {
    pub(in crate::train) window: [usize; 2],
    pub(in crate::train) stride: [usize; 2],
    pub(in crate::train) padding: [usize; 2],
}

impl Pool2d {
    /// Creates a pooling layer with windows of this height and width, side by side.
    pub fn new(window: impl Into<Size>) -> Pool2d {
        let Size(window) = window.into();
        Pool2d { window, stride: window, padding: [0, 0] }
    }

    /// Sets how far the window moves, down and across. Default: its own height and width.
    pub fn stride(self, stride: impl Into<Size>) -> Pool2d {
        Pool2d { stride: stride.into().0, ..self }
    }

    /// Sets how far windows reach over the edges; at most half of the window. Default: 0.
    pub fn padding(self, padding: impl Into<Size>) -> Pool2d {
        Pool2d { padding: padding.into().0, ..self }
    }
}

impl Plain for Pool2d {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [channels, height, width] = image(input, "pooling")?;
        if (0..2).any(|axis| self.padding[axis] * 2 > self.window[axis]) {
            return Err(format!(
                "its padding is {:?}; it may be at most half of its window {:?}",
                self.padding, self.window
            ));
        }
        let [down, across] = windows("window", [height, width], self.window, self.stride, self.padding)?;
        Ok(vec![channels, down, across])
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        let Pool2d { window, stride, padding } = self;
        write!(text, "{name} {}", sides(window))?;
        write_moves(text, *stride, *window, *padding)
    }
}

/// The mean of each channel.
pub(super) struct GlobalAvgPool;

impl Plain for GlobalAvgPool {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match input {
            [channels, _, ..] => Ok(vec![*channels]),
            _ => Err(format!("it takes samples of shape [channels, ...], but its input has shape {input:?}")),
        }
    }

    fn write(&self, text: &mut String, name: &str, _: Option<&[usize]>) -> fmt::Result {
        text.push_str(name);
        Ok(())
    }
}
