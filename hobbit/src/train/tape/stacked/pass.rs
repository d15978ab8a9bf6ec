//! What the layers of a stack are run with.

use dfdx::shapes::HasShape;
use dfdx::tensor::Tape;

use super::each::Each;
use crate::random::Key;
use crate::train::features::Given;
use crate::train::layer::{BatchNorm, Layer, LayerNorm};
use crate::train::plan::Node;
use crate::train::tape::device::{Rows, TensorDevice};

/// The numbers among the settings of a network's layers, in their order: each network has its own.
pub(super) fn settings(nodes: &[Node]) -> Vec<f64> {
    let of = |node: &Node| match node.layer {
        Layer::Dropout(probability) => vec![probability],
        Layer::BatchNorm(BatchNorm { epsilon, momentum }) => vec![epsilon, momentum],
        Layer::LayerNorm(LayerNorm { epsilon }) => vec![epsilon],
        _ => settings(&node.block),
    };
    nodes.iter().flat_map(of).collect()
}

/// How many settings and statistics the layers have that come before one.
#[derive(Default)]
pub(super) struct Before {
    settings: usize,
    statistics: usize,
}

impl Before {
    /// The number of the first of so many settings.
    pub(super) fn settings(&mut self, count: usize) -> usize {
        self.settings += count;
        self.settings - count
    }

    /// The number of the first of two statistics.
    pub(super) fn statistics(&mut self) -> usize {
        self.statistics += 2;
        self.statistics - 2
    }
}

/// What the layers of a stack are run with.
pub(super) struct Pass<'a, D: TensorDevice> {
    pub(super) device: &'a D,
    /// A row for each network, with all its parameters that are trained.
    pub(super) values: &'a Rows<D>,
    /// Each statistic, with a row for each network.
    pub(super) statistics: &'a mut [Rows<D>],
    /// Where each parameter begins in the rows, and how many numbers it is.
    pub(super) spans: &'a [(usize, usize)],
    /// The numbers among the settings of each network's layers.
    pub(super) settings: &'a [Vec<f64>],
    /// In training, the key of each network's step.
    pub(super) keys: Option<&'a [Key]>,
    /// The batches as they were given: the first layer takes them.
    pub(super) inputs: Option<&'a [Given<'a>]>,
}

impl<D: TensorDevice> Pass<'_, D> {
    /// A parameter of all networks. Its gradient is assigned to its place, so each is used once in a pass.
    pub(super) fn parameter<T: Tape<f32, D>>(&self, place: usize) -> Result<Rows<D, T>, D::Err> {
        let (start, length) = self.spans[place];
        let (networks, _) = *self.values.shape();
        self.values.retaped::<T>().try_slice((0..networks, start..start + length))
    }

    /// What follows from a setting of each network.
    pub(super) fn setting(&self, number: usize, of: impl Fn(f64) -> f64) -> Result<Each<D>, D::Err> {
        let numbers = self.settings.iter().map(|settings| of(settings[number]) as f32);
        Each::of(self.device, numbers.collect())
    }
}
