//! Windows that move over images: their sizes, how many there are, and where they are.

use std::fmt::{self, Write};

use crate::train::written::sides;

/// A height and a width. Made of one number for both, or of an array of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub(super) [usize; 2]);

impl From<usize> for Size {
    fn from(side: usize) -> Size {
        Size([side, side])
    }
}

impl From<[usize; 2]> for Size {
    fn from(sides: [usize; 2]) -> Size {
        Size(sides)
    }
}

/// An image's channels, height and width.
pub(super) fn image(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(input).map_err(|_| {
        format!("{what} takes samples of shape [channels, height, width], but its input has shape {input:?}; put `.reshape([c, h, w])` before it")
    })
}

/// How many windows fit down and across.
pub(super) fn windows(
    what: &str,
    sides: [usize; 2],
    window: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<[usize; 2], String> {
    if window.contains(&0) || stride.contains(&0) {
        return Err(format!(
            "its {what} is {window:?} and its stride {stride:?}; both have to be at least 1"
        ));
    }
    let mut count = [0; 2];
    for axis in 0..2 {
        let padded = sides[axis].saturating_add(2 * padding[axis]);
        if window[axis] > padded {
            return Err(format!(
                "its {what} {window:?} is larger than its input of {sides:?} with a padding of {padding:?}"
            ));
        }
        count[axis] = (padded - window[axis]) / stride[axis] + 1;
    }
    Ok(count)
}

/// Writes how windows move, where that is not as usual.
pub(super) fn write_moves(
    text: &mut String,
    stride: [usize; 2],
    usual: [usize; 2],
    padding: [usize; 2],
) -> fmt::Result {
    if stride != usual {
        write!(text, " stride {}", sides(&stride))?;
    }
    if padding != [0, 0] {
        write!(text, " padding {}", sides(&padding))?;
    }
    Ok(())
}

/// Sizes of a convolution or a pooling.
#[derive(Clone, Copy)]
pub(in crate::train) struct Geometry {
    pub(in crate::train) channels: usize,
    pub(in crate::train) input: [usize; 2],
    pub(in crate::train) output: [usize; 2],
    pub(in crate::train) window: [usize; 2],
    pub(in crate::train) stride: [usize; 2],
    pub(in crate::train) padding: [usize; 2],
}

impl Geometry {
    pub(in crate::train) fn new(
        input: &[usize],
        output: &[usize],
        window: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Geometry {
        Geometry {
            channels: input[0],
            input: [input[1], input[2]],
            output: [output[1], output[2]],
            window,
            stride,
            padding,
        }
    }

    /// The numbers of a patch.
    pub(in crate::train) fn patch(&self) -> usize {
        self.channels * self.window[0] * self.window[1]
    }

    /// The patches of a sample.
    pub(in crate::train) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Whether patches are the input itself.
    pub(in crate::train) fn is_plain(&self) -> bool {
        self.window == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Along one axis, the output places whose window, at this offset, is inside the input: from, to.
    pub(in crate::train) fn inside(&self, axis: usize, offset: usize) -> (usize, usize) {
        let (stride, padding) = (self.stride[axis], self.padding[axis]);
        let from = padding.saturating_sub(offset).div_ceil(stride);
        // the first place that is past the end
        let to = (self.input[axis] + padding).saturating_sub(offset).div_ceil(stride);
        let to = to.min(self.output[axis]);
        (from.min(to), to)
    }

    /// Calls with the input's and the patch matrix's starts and length of each run along a row: `(input,
    /// patches, length)`.
    #[inline(always)]
    pub(in crate::train) fn runs(&self, mut each: impl FnMut(usize, usize, usize)) {
        let ([height, width], [down, across]) = (self.input, self.output);
        let mut row = 0;
        for channel in 0..self.channels {
            for dy in 0..self.window[0] {
                let (top, bottom) = self.inside(0, dy);
                for dx in 0..self.window[1] {
                    let (left, right) = self.inside(1, dx);
                    for y in top..bottom {
                        let line = channel * height + y * self.stride[0] + dy - self.padding[0];
                        let start = line * width + left * self.stride[1] + dx - self.padding[1];
                        each(start, row * down * across + y * across + left, right - left);
                    }
                    row += 1;
                }
            }
        }
    }
}
