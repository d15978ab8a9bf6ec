//! A batch: samples side by side in buffers that are used again and again.

use std::sync::Arc;

use crate::train::features::{Features, Given};
use crate::train::math::argmax;

/// Some samples with their targets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::train) struct Batch {
    pub(in crate::train) samples: usize,
    /// All samples' numbers, sample by sample: unless there are rows.
    pub(in crate::train) inputs: Vec<f32>,
    /// For a network that gathers them itself: of what, and which rows.
    pub(super) features: Option<Arc<Features>>,
    pub(super) rows: Vec<u32>,
    /// A class for each sample, if the loss takes classes.
    pub(in crate::train) classes: Vec<u32>,
    /// Otherwise numbers, as many for each sample as there are outputs.
    pub(in crate::train) values: Vec<f32>,
    /// A weight for each sample; empty if all are 1.
    pub(in crate::train) weights: Vec<f32>,
}

impl Batch {
    pub(in crate::train) fn clear(&mut self) {
        self.samples = 0;
        self.inputs.clear();
        self.features = None;
        self.rows.clear();
        self.classes.clear();
        self.values.clear();
        self.weights.clear();
    }

    /// The inputs, for a network.
    pub(in crate::train) fn given(&self) -> Given<'_> {
        match &self.features {
            Some(features) => Given::Rows(features, &self.rows),
            None => Given::Numbers(&self.inputs),
        }
    }

    /// The batch with its samples weighted by their classes as well.
    pub(in crate::train) fn weighed(&self, weights: &[f32]) -> Batch {
        let width = self.values.len() / self.samples.max(1);
        let class = |sample: usize| match self.classes.get(sample) {
            Some(&class) => class as usize,
            None if width == 1 => usize::from(self.values[sample] > 0.5),
            None => argmax(&self.values[sample * width..(sample + 1) * width]),
        };
        let weight = |sample| self.weight(sample) * weights.get(class(sample)).copied().unwrap_or(1.0);
        let weights = (0..self.samples).map(weight).collect();
        Batch { weights, ..self.clone() }
    }

    /// Whether any sample has a weight.
    pub(in crate::train) fn counts(&self) -> bool {
        self.weights.is_empty() || self.weights.iter().any(|&weight| weight > 0.0)
    }

    pub(in crate::train) fn weight(&self, sample: usize) -> f32 {
        self.weights.get(sample).copied().unwrap_or(1.0)
    }

    /// The targets as `width` numbers for each sample; classes become one-hot.
    pub(in crate::train) fn answers(&self, width: usize) -> Vec<f32> {
        if !self.values.is_empty() {
            return self.values.clone();
        }
        let mut answers = vec![0.0; self.samples * width];
        for (row, &class) in answers.chunks_exact_mut(width).zip(&self.classes) {
            row[class as usize] = 1.0;
        }
        answers
    }

    /// The target of a sample: its class alone, or its numbers.
    pub(in crate::train) fn target<'a>(&'a self, sample: usize, class: &'a mut [f32; 1]) -> &'a [f32] {
        match self.classes.get(sample) {
            Some(&number) => {
                *class = [number as f32];
                class
            }
            None => {
                let width = self.values.len() / self.samples.max(1);
                &self.values[sample * width..(sample + 1) * width]
            }
        }
    }
}
