//! The inputs of samples in memory, and those of a batch: numbers, or which rows they are.

use std::borrow::Cow;
use std::sync::Arc;

/// The inputs of all samples, one after the other. Parts of a data set share them, and a device knows by
/// their place in memory what it has already.
#[derive(Debug, PartialEq)]
pub(super) struct Features {
    values: Vec<f32>,
    width: usize,
}

impl Features {
    /// Of samples that are so many numbers each, at least one.
    pub(super) fn new(values: Vec<f32>, width: usize) -> Features {
        Features { values, width }
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The numbers of a sample.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Appends these rows.
    pub(super) fn gather(&self, rows: impl Iterator<Item = usize>, to: &mut Vec<f32>) {
        for row in rows {
            to.extend_from_slice(&self.values[row * self.width..(row + 1) * self.width]);
        }
    }
}

/// The inputs of a batch, as a network is given them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// All samples' numbers, sample by sample.
    Numbers(&'a [f32]),
    /// These rows of samples in memory: for a network that has them on its device.
    Rows(&'a Arc<Features>, &'a [u32]),
}

impl<'a> Given<'a> {
    /// The numbers, sample by sample; rows are gathered.
    pub(super) fn numbers(self) -> Cow<'a, [f32]> {
        match self {
            Given::Numbers(numbers) => Cow::Borrowed(numbers),
            Given::Rows(features, rows) => {
                let mut numbers = Vec::with_capacity(rows.len() * features.width);
                features.gather(rows.iter().map(|&row| row as usize), &mut numbers);
                Cow::Owned(numbers)
            }
        }
    }
}
