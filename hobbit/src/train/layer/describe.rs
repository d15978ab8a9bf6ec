//! What is known of a layer without knowing which it is.

use std::fmt;

use crate::train::parameter::ParameterSpec;

/// What a layer says of itself. Whatever checks, counts and describes networks asks this, and not which layer
/// it is. Nothing has a default, so that a new layer answers everything.
pub(in crate::train) trait Describe {
    /// The shape of its output; an error says what does not fit. What is inside a block is looked into by the
    /// plan.
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String>;

    /// Its parameters for this input, which fits. `rectified` says that a ReLU or the like follows.
    fn parameters(&self, input: &[usize], rectified: bool) -> Vec<ParameterSpec>;

    /// In how many multiplications each of its weights takes part for a sample with this output.
    fn uses(&self, output: &[usize]) -> usize;

    /// What its outputs have a mean of 0 and a variance of 1 over, if it is there for that.
    fn normalizes(&self) -> Option<Over>;

    /// Writes its name and all its settings, as the journals of studies have them: the text stays what it is
    /// as long as the settings do. The input's shape is given where layers of users' own need it.
    fn write(&self, text: &mut String, name: &str, input: Option<&[usize]>) -> fmt::Result;
}

/// A layer that has no parameters and does not normalize: what it says of itself beyond that. Which layers
/// are so is said by each of them; nothing is unless it says so.
pub(super) trait Plain {
    /// See [`Describe::output`].
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String>;

    /// See [`Describe::write`].
    fn write(&self, text: &mut String, name: &str, input: Option<&[usize]>) -> fmt::Result;
}

impl<L: Plain> Describe for L {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Plain::output(self, input)
    }

    fn parameters(&self, _: &[usize], _: bool) -> Vec<ParameterSpec> {
        Vec::new()
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    fn normalizes(&self) -> Option<Over> {
        None
    }

    fn write(&self, text: &mut String, name: &str, input: Option<&[usize]>) -> fmt::Result {
        Plain::write(self, text, name, input)
    }
}

/// The output of a layer that takes flat samples or images, and leaves their shape as it is.
pub(super) fn flat_or_image(input: &[usize]) -> Result<Vec<usize>, String> {
    match input {
        [_] | [_, _, _] => Ok(input.to_vec()),
        _ => Err(format!(
            "it takes samples of shape [n] or [channels, height, width], but its input has shape {input:?}"
        )),
    }
}

/// What a normalization is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::train) enum Over {
    /// The samples of a batch.
    Batch,
    /// The numbers of a sample.
    Sample,
}

/// What journals say of a layer whose bias is left out.
pub(super) fn without_bias(bias: bool) -> &'static str {
    if bias { "" } else { " without bias" }
}
