//! Data from generators: functions that make iterators of batches.

use std::fmt;
use std::sync::Arc;

use super::part::Part;
use super::samples::{Inputs, IntoSamples, Samples, Targets};
use crate::error::{BoxError, Error, Result};
use crate::random::Key;
use crate::train::loss::Loss;
use crate::train::names::Names;

/// What a generator knows when it is started.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Start {
    /// Everything random has to come from this key: it is the trial's own, and the same whenever the trial is
    /// continued.
    pub key: Key,
    /// The batch size that the sweep or the model asks for. A generator may yield batches of other sizes.
    pub batch_size: usize,
}

impl Start {
    /// A seed for generators that take a number.
    pub fn seed(&self) -> u64 {
        self.key.seed()
    }
}

/// The batches of a started generator.
pub(super) type Batches = Box<dyn Iterator<Item = Result<Samples, BoxError>> + Send>;

/// Where one kind of samples comes from.
#[derive(Clone)]
pub(super) enum Source {
    None,
    Function(Arc<dyn Fn(&Start) -> Batches + Send + Sync>),
    Memory(Result<Part, Arc<Error>>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::None => "None",
            Source::Function(_) => "Function",
            Source::Memory(_) => "Memory",
        })
    }
}

/// Data from functions that make iterators of batches.
///
/// Each batch is checked when it comes, as a [`Dataset`](crate::train::Dataset) is when a sweep begins; a
/// trial fails whose batch does not fit, with the step and the sample. A model with batch normalization of
/// single numbers cannot be trained on a batch of one sample, so one joins the batch before it.
///
/// The functions are called afresh for each trial, with its key; they capture whatever else they need. A
/// trial that is continued after a crash gets a new iterator, of which the batches that were used up are
/// drawn and thrown away.
///
/// ```
/// use hobbit::train::Generators;
///
/// let noise = 0.1; // an argument of the generator
/// let data = Generators::new()
///     .train_data(move |start| {
///         let mut rng = start.key.rng();
///         let size = start.batch_size;
///         std::iter::repeat_with(move || {
///             let x: Vec<f32> = (0..size).map(|_| rng.unit() as f32).collect();
///             let y: Vec<f32> = x.iter().map(|x| 2.0 * x + noise * (rng.unit() as f32 - 0.5)).collect();
///             (x, y)
///         })
///     })
///     .steps_per_epoch(20)
///     .validation_data(|_| [(vec![0.0f32, 0.5, 1.0], vec![0.0f32, 1.0, 2.0])])
///     .prefetch(2);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Generators {
    pub(super) training: Source,
    pub(super) validation: Source,
    pub(super) steps_per_epoch: Option<usize>,
    pub(super) validation_steps: Option<usize>,
    pub(super) prefetch: usize,
    pub(super) name: String,
    pub(super) names: Names,
}

impl Default for Generators {
    fn default() -> Generators {
        Generators::new()
    }
}

impl Generators {
    /// Creates generators without data.
    pub fn new() -> Generators {
        Generators {
            training: Source::None,
            validation: Source::None,
            steps_per_epoch: None,
            validation_steps: None,
            prefetch: 0,
            name: String::new(),
            names: Names::default(),
        }
    }

    /// Sets the function that makes the batches to train on.
    ///
    /// With [`steps_per_epoch`](Generators::steps_per_epoch) the iterator runs over the trial's whole life,
    /// and must not end as long as the trial is trained. Otherwise a new one is made for each epoch, with a
    /// key of its own, and the epoch lasts until it ends.
    pub fn train_data<F, I>(mut self, function: F) -> Generators
    where
        F: Fn(&Start) -> I + Send + Sync + 'static,
        I: IntoIterator<Item: IntoSamples> + 'static,
        I::IntoIter: Send + 'static,
    {
        self.training = source(function);
        self
    }

    /// Sets the function that makes the batches to validate on. A new iterator is made for each epoch, with
    /// the same key, so that all epochs of a trial are measured alike; it lasts until it ends, or for
    /// [`validation_steps`](Generators::validation_steps).
    pub fn validation_data<F, I>(mut self, function: F) -> Generators
    where
        F: Fn(&Start) -> I + Send + Sync + 'static,
        I: IntoIterator<Item: IntoSamples> + 'static,
        I::IntoIter: Send + 'static,
    {
        self.validation = source(function);
        self
    }

    /// Validates on samples in memory.
    pub fn validation_samples(
        mut self,
        inputs: impl Into<Inputs>,
        targets: impl Into<Targets>,
    ) -> Generators {
        self.validation =
            Source::Memory(Part::new("validation", inputs.into(), targets.into()).map_err(Arc::new));
        self
    }

    /// Sets the number of batches per epoch.
    pub fn steps_per_epoch(mut self, batches: usize) -> Generators {
        self.steps_per_epoch = Some(batches);
        self
    }

    /// Sets the largest number of batches per validation.
    pub fn validation_steps(mut self, batches: usize) -> Generators {
        self.validation_steps = Some(batches);
        self
    }

    /// Prepares this many batches ahead (at most 1024) on another thread while the model is trained. Results
    /// do not depend on it. Default: 0, which makes each batch on the trial's own thread when it is needed.
    pub fn prefetch(mut self, batches: usize) -> Generators {
        self.prefetch = batches;
        self
    }

    /// A name for what is generated. It is kept with a study, which refuses data of another name.
    pub fn name(mut self, name: impl Into<String>) -> Generators {
        self.name = name.into();
        self
    }

    /// Sets the names of the classes, in the order of their numbers: those of
    /// [`Table::classes`](crate::train::Table::classes), say. For one yes-or-no output there are two, that
    /// of no first; for several yes-or-no outputs, one for each. They are kept with the weights, and
    /// predictions have them: [`labels`](crate::train::Predictions::labels).
    pub fn class_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Generators {
        self.names.classes = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the names of a sample's numbers, in their order. They are kept with the weights, so that a model
    /// finds its columns in a table: [`predict_table`](crate::train::Model::predict_table).
    pub fn feature_names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Generators {
        self.names.features = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether there are data, and they fit as far as that is known beforehand.
    pub(in crate::train) fn check(&self, shape: &[usize], outputs: usize, loss: Loss) -> Result<()> {
        if matches!(self.training, Source::None) {
            return Err(Error::data("the generators have no training data: give them `train_data`"));
        }
        if self.steps_per_epoch == Some(0) || self.validation_steps == Some(0) {
            return Err(Error::data("an epoch or a validation has 0 steps; it needs at least 1"));
        }
        match &self.validation {
            Source::None => {
                Err(Error::data("the generators have no validation data: give them `validation_data`"))
            }
            Source::Function(_) => Ok(()),
            Source::Memory(Err(error)) => Err(Error::data(error.to_string())),
            Source::Memory(Ok(part)) => {
                let width: usize = shape.iter().product();
                if part.width() != width {
                    return Err(Error::data(format!(
                        "the model takes samples of shape {shape:?}, which is {width} numbers, but a validation sample has {}",
                        part.width()
                    )));
                }
                part.check(outputs, loss)
            }
        }
    }

    /// A short text that is another for other data, as far as can be known.
    pub(in crate::train) fn fingerprint(&self) -> String {
        let name = if self.name.is_empty() { "generated" } else { &self.name };
        let steps = |steps: Option<usize>| steps.map_or("all".to_owned(), |steps| steps.to_string());
        format!("{name}, {} + {} batches", steps(self.steps_per_epoch), steps(self.validation_steps))
    }
}

fn source<F, I>(function: F) -> Source
where
    F: Fn(&Start) -> I + Send + Sync + 'static,
    I: IntoIterator<Item: IntoSamples> + 'static,
    I::IntoIter: Send + 'static,
{
    Source::Function(Arc::new(move |start| {
        Box::new(function(start).into_iter().map(IntoSamples::into_samples))
    }))
}
