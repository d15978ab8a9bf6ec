//! Data of both kinds, as a sweep has them.

use super::dataset::Dataset;
use super::generator::Generators;
use crate::train::names::Names;

/// What models are trained and validated on: a [`Dataset`] in memory, or [`Generators`].
#[derive(Debug, Clone)]
pub struct Data(pub(in crate::train) Kind);

/// The two kinds of data.
#[derive(Debug, Clone)]
pub(in crate::train) enum Kind {
    Memory(Dataset),
    Generated(Generators),
}

impl Data {
    /// The data set, if all samples are there from the beginning.
    pub(in crate::train) fn in_memory(&self) -> Option<&Dataset> {
        match &self.0 {
            Kind::Memory(dataset) => Some(dataset),
            Kind::Generated(_) => None,
        }
    }

    /// What its classes and numbers are called.
    pub(in crate::train) fn names(&self) -> &Names {
        match &self.0 {
            Kind::Memory(dataset) => &dataset.names,
            Kind::Generated(generators) => &generators.names,
        }
    }
}

impl From<Dataset> for Data {
    fn from(dataset: Dataset) -> Data {
        Data(Kind::Memory(dataset))
    }
}

impl From<Generators> for Data {
    fn from(generators: Generators) -> Data {
        Data(Kind::Generated(generators))
    }
}
