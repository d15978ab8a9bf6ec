//! Layers that only dfdx knows, in their place within a network.

use std::ops::Range;

use dfdx::shapes::HasShape;

use super::custom::builds;
use super::device::{Flat, Rows};
use super::place::{Mode, Place};
use crate::error::BoxError;
use crate::train::layer::Custom;
use crate::train::plan::Node;

/// A layer that only dfdx knows, and what it was said to make of which samples.
pub(super) struct Guest<D: Place> {
    layer: Box<D::Layer>,
    label: String,
    input: Vec<usize>,
    output: Vec<usize>,
    parameters: Range<usize>,
}

impl<D: Place> Guest<D> {
    pub(super) fn new(device: &D, custom: &Custom, node: &Node) -> Result<Guest<D>, BoxError> {
        Ok(Guest {
            layer: device.layer(builds(custom)?)?,
            label: node.label.clone(),
            input: node.input.clone(),
            output: node.output.clone(),
            parameters: node.parameters.clone(),
        })
    }

    pub(super) fn forward<T: Mode<D>>(
        &mut self,
        parameters: &mut [Flat<D>],
        x: Rows<D, T>,
    ) -> Result<Rows<D, T>, BoxError> {
        let own = &mut parameters[self.parameters.clone()];
        let y = T::run(&mut self.layer, x, &self.input, own)?;
        let (rows, columns) = *y.shape();
        if columns != self.output.iter().product::<usize>() {
            return Err(format!(
                "{} gave {columns} numbers for each of {rows} samples, and not {:?}",
                self.label, self.output
            )
            .into());
        }
        Ok(y)
    }
}
