//! A batch: samples side by side in buffers that are used again and again.

/// Some samples with their targets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::train) struct Batch {
    pub(in crate::train) samples: usize,
    /// All samples' numbers, sample by sample.
    pub(in crate::train) inputs: Vec<f32>,
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
        self.classes.clear();
        self.values.clear();
        self.weights.clear();
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
