//! Data of both kinds, as a sweep has them.

use super::dataset::Dataset;
use super::generator::Generators;

/// What models are trained and validated on: a [`Dataset`] in memory, or [`Generators`].
#[derive(Debug, Clone)]
pub struct Data(pub(in crate::train) Kind);

/// The two kinds of data.
#[derive(Debug, Clone)]
pub(in crate::train) enum Kind {
    Memory(Dataset),
    Generated(Generators),
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
