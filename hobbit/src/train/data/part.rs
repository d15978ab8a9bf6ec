//! Samples in memory, checked when they are made, and gathered into batches.

use std::sync::Arc;

use super::allowed::Judged;
use super::batch::Batch;
use super::samples::{Inputs, Targets};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::train::features::Features;
use crate::train::loss::Loss;

/// Some samples, possibly a selection of all.
#[derive(Debug, Clone)]
pub(in crate::train) struct Part {
    name: &'static str,
    pub(super) all: Arc<All>,
    /// Which of them; everything if there is none.
    rows: Option<Arc<[u32]>>,
}

#[derive(Debug)]
pub(super) struct All {
    pub(super) inputs: Arc<Features>,
    pub(super) targets: Targets,
    pub(super) weights: Vec<f32>,
    pub(super) samples: usize,
    pub(super) judged: Judged,
}

impl Part {
    /// # Errors
    /// Sizes that do not fit together, with both; or a number that is not finite, with its place.
    pub(in crate::train) fn new(
        name: &'static str,
        Inputs(inputs): Inputs,
        targets: Targets,
    ) -> Result<Part> {
        let samples = targets.check(name)?;
        if samples == 0 {
            return Err(Error::data(format!("there are no {name} samples")));
        }
        if samples > u32::MAX as usize {
            return Err(Error::data(format!(
                "there are {samples} {name} samples; at most {} are possible",
                u32::MAX
            )));
        }
        if inputs.is_empty() || !inputs.len().is_multiple_of(samples) {
            return Err(Error::data(format!(
                "the {name} inputs are {} numbers, which cannot be shared out equally among {samples} targets",
                inputs.len()
            )));
        }
        let width = inputs.len() / samples;
        if let Some(position) = inputs.iter().position(|value| !value.is_finite()) {
            return Err(Error::data(format!(
                "the {name} inputs have {} at place {} of sample {}",
                inputs[position],
                position % width,
                position / width
            )));
        }
        let inputs = Arc::new(Features::new(inputs, width));
        let all = All { inputs, targets, weights: Vec::new(), samples, judged: Judged::default() };
        Ok(Part { name, all: Arc::new(all), rows: None })
    }

    /// The same with a weight for each sample.
    pub(super) fn weighted(&self, weights: Vec<f32>) -> Result<Part> {
        let (name, samples) = (self.name, self.all.samples);
        if weights.len() != samples {
            return Err(Error::data(format!(
                "there are {} weights for {samples} {name} samples",
                weights.len()
            )));
        }
        if let Some(place) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            return Err(Error::data(format!(
                "the weight of {name} sample {place} is {}; it has to be a number that is not negative",
                weights[place]
            )));
        }
        let All { inputs, targets, samples, .. } = &*self.all;
        let (inputs, targets) = (Arc::clone(inputs), targets.clone());
        let all = All { inputs, targets, weights, samples: *samples, judged: Judged::default() };
        Ok(Part { name, all: Arc::new(all), rows: self.rows.clone() })
    }

    /// The same, if any sample of it has a weight.
    pub(super) fn counting(self) -> Result<Part> {
        let weights = &self.all.weights;
        let counts = match &self.rows {
            Some(rows) => rows.iter().any(|&row| weights[row as usize] > 0.0),
            None => weights.iter().any(|&weight| weight > 0.0),
        };
        if counts {
            return Ok(self);
        }
        Err(Error::data(format!(
            "all weights of the {} samples are 0, so that none counts; at least one has to be above 0",
            self.name
        )))
    }

    /// These samples of it.
    pub(super) fn select(&self, name: &'static str, rows: Vec<u32>) -> Part {
        Part { name, all: Arc::clone(&self.all), rows: Some(rows.into()) }
    }

    pub(in crate::train) fn width(&self) -> usize {
        self.all.inputs.width()
    }

    pub(in crate::train) fn samples(&self) -> usize {
        self.rows.as_ref().map_or(self.all.samples, |rows| rows.len())
    }

    /// Samples to train on, that were checked.
    pub(super) fn of(all: All) -> Part {
        Part { name: "training", all: Arc::new(all), rows: None }
    }

    /// Those that it is a selection of.
    pub(super) fn all_of_it(&self) -> Part {
        Part { name: "training", all: Arc::clone(&self.all), rows: None }
    }

    /// The inputs of its samples, in their order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        let (values, width) = (self.all.inputs.values(), self.width());
        self.places().map(move |row| &values[row * width..][..width])
    }

    /// Which of [all](All) samples they are, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let row = |place: u32| self.rows.as_ref().map_or(place, |rows| rows[place as usize]) as usize;
        (0..self.samples() as u32).map(row)
    }

    /// The classes of all samples, if targets are classes.
    pub(super) fn classes(&self) -> Option<&[usize]> {
        match &self.all.targets {
            Targets::Classes(classes) => Some(classes),
            Targets::Values { .. } => None,
        }
    }

    /// Whether the targets fit so many outputs.
    pub(in crate::train) fn check(&self, outputs: usize, loss: Loss) -> Result<()> {
        self.all.targets.fits(self.name, outputs, loss, &self.all.judged)
    }

    /// Puts these samples into a batch; if asked for, with their rows in place of the inputs' numbers.
    pub(in crate::train) fn gather(&self, order: &[u32], loss: Loss, by_rows: bool, batch: &mut Batch) {
        batch.clear();
        batch.samples = order.len();
        let All { inputs, targets, weights, .. } = &*self.all;
        let row = |&place: &u32| match &self.rows {
            Some(rows) => rows[place as usize] as usize,
            None => place as usize,
        };
        if by_rows {
            batch.features = Some(Arc::clone(inputs));
            batch.rows.extend(order.iter().map(|place| row(place) as u32));
        } else {
            inputs.gather(order.iter().map(row), &mut batch.inputs);
        }
        match targets {
            Targets::Classes(classes) if loss.has_classes() => {
                batch.classes.extend(order.iter().map(|place| classes[row(place)] as u32));
            }
            Targets::Classes(classes) => {
                batch.values.extend(order.iter().map(|place| classes[row(place)] as f32));
            }
            Targets::Values { values, width } => {
                for row in order.iter().map(row) {
                    batch.values.extend_from_slice(&values[row * width..(row + 1) * width]);
                }
            }
        }
        if !weights.is_empty() {
            batch.weights.extend(order.iter().map(|place| weights[row(place)]));
        }
    }

    /// The order of the samples as they were given.
    pub(in crate::train) fn in_order(&self) -> Vec<u32> {
        (0..self.samples() as u32).collect()
    }

    /// The order of the samples, shuffled by the key.
    pub(super) fn shuffled(&self, key: Key) -> Vec<u32> {
        let mut order = self.in_order();
        key.rng().shuffle(&mut order);
        order
    }

    /// The next `length` samples of an endless round over all, which are shuffled by the key; it begins where
    /// `turn` such windows have ended.
    pub(super) fn window(&self, key: Key, turn: u64, length: usize) -> Vec<u32> {
        let order = self.shuffled(key);
        let start = (u128::from(turn) * length as u128 % order.len() as u128) as usize;
        order.iter().copied().cycle().skip(start).take(length).collect()
    }

    /// Its shapes, and checksums of its values; `folds` are the parts like it, of which each has others of
    /// the same samples.
    pub(super) fn describe<'a>(&self, folds: impl Iterator<Item = &'a Part>) -> String {
        let sum = |take_in: &dyn Fn(&mut crc32fast::Hasher)| {
            let mut hasher = crc32fast::Hasher::new();
            take_in(&mut hasher);
            format!("{:08x}", hasher.finalize())
        };
        let All { inputs, targets, weights, samples, judged: _ } = &*self.all;
        let numbers = |values: &[f32]| sum(&|hasher| take_in(values, hasher));
        let mut text = format!("{samples} x {} {}", inputs.width(), numbers(inputs.values()));
        text += &match targets {
            Targets::Classes(classes) => {
                let each = |hasher: &mut crc32fast::Hasher| {
                    classes.iter().for_each(|&class| hasher.update(&(class as u64).to_le_bytes()));
                };
                format!(", classes {}", sum(&each))
            }
            Targets::Values { values, width } => format!(", targets x {width} {}", numbers(values)),
        };
        if !weights.is_empty() {
            text += &format!(", weights {}", numbers(weights));
        }
        let mut hasher = crc32fast::Hasher::new();
        let mut count = 0;
        for rows in folds.filter_map(|part| part.rows.as_ref()) {
            count += 1;
            hasher.update(&(rows.len() as u64).to_le_bytes());
            rows.iter().for_each(|row| hasher.update(&row.to_le_bytes()));
        }
        if count > 0 {
            text += &format!(", {count} folds {:08x}", hasher.finalize());
        }
        text
    }

    /// Takes in everything that it is.
    pub(super) fn hash(&self, hasher: &mut crc32fast::Hasher) {
        let All { inputs, targets, weights, .. } = &*self.all;
        take_in(inputs.values(), hasher);
        match targets {
            Targets::Classes(classes) => {
                classes.iter().for_each(|&class| hasher.update(&(class as u64).to_le_bytes()))
            }
            Targets::Values { values, .. } => take_in(values, hasher),
        }
        take_in(weights, hasher);
        if let Some(rows) = &self.rows {
            rows.iter().for_each(|row| hasher.update(&row.to_le_bytes()));
        }
    }
}

/// Takes in the bytes of numbers, the lowest first; all at once where they lie in memory like that.
fn take_in(values: &[f32], hasher: &mut crc32fast::Hasher) {
    if cfg!(target_endian = "little") {
        hasher.update(bytemuck::cast_slice(values));
    } else {
        values.iter().for_each(|value| hasher.update(&value.to_le_bytes()));
    }
}
