//! The seam between what training does and where it is computed.

use super::data::Given;
use crate::error::BoxError;
use crate::objective::Checkpoint;
use crate::random::Key;

/// What one step of training is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// For dropout masks.
    pub(super) key: Key,
    pub(super) learning_rate: f64,
    pub(super) clip_norm: Option<f64>,
    pub(super) clip_value: Option<f64>,
    pub(super) l1: f64,
    pub(super) l2: f64,
}

/// Looks at the outputs of a batch and writes the gradient of the loss for them; or says that no step is to be taken.
pub(super) type Criterion<'a, T = f32> = dyn FnMut(&[T], &mut [T]) -> Result<bool, BoxError> + 'a;

/// A network with its optimizer, on some device. Samples come and go as flat rows, one after the other.
pub(super) trait Network: Send {
    /// Whether it keeps data on its device, and gathers batches there: it is then given rows of data in memory.
    fn gathers(&self) -> bool {
        false
    }

    /// One step of training on a batch.
    fn train(
        &mut self,
        inputs: Given<'_>,
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError>;

    /// Appends the outputs of a batch, as they are when not training.
    fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError>;

    /// Adds parameters and optimizer state: arrays by names like `dense1.weight`, the same on every device.
    fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError>;

    /// Puts back what was saved.
    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError>;

    /// Gives back what is not needed while the trial waits.
    fn pause(&mut self) -> Result<(), BoxError>;
}

/// What the names of arrays begin with that are not the first network's, before its number.
const PREFIX: &str = "execution";

/// What the names of a network's arrays begin with.
pub(super) fn prefix(member: usize) -> String {
    if member == 0 { String::new() } else { format!("{PREFIX}{}.", member + 1) }
}

/// Whether a checkpoint is of so many networks and has no more than so many arrays for each. Those that it
/// should have are looked for when they are loaded.
pub(super) fn check_arrays(checkpoint: &Checkpoint, networks: usize, arrays: usize) -> Result<(), BoxError> {
    let number = |name: &String| name.strip_prefix(PREFIX)?.split_once('.')?.0.parse::<usize>().ok();
    let found = checkpoint.arrays.keys().filter_map(number).max().unwrap_or(1);
    if found != networks {
        let count = |count| if count == 1 { "1 network".to_owned() } else { format!("{count} networks") };
        return Err(format!(
            "the checkpoint is of {}, and the model has {}: it has one for each fold of its data and each execution, so use \
             a data set of as many folds, and as many `executions`, as when it was trained",
            count(found),
            count(networks)
        )
        .into());
    }
    let (found, known) = (checkpoint.arrays.len(), networks * arrays);
    if found > known {
        return Err(format!(
            "the checkpoint has {found} arrays, and the model uses only {known} of them: was it trained with another model \
             function?"
        )
        .into());
    }
    Ok(())
}

/// The optimizer's steps, as a checkpoint says them.
pub(super) fn steps_of(checkpoint: &Checkpoint) -> Result<u64, BoxError> {
    let steps = checkpoint.metadata.get("steps").and_then(|steps| steps.parse().ok());
    steps.ok_or_else(|| "the checkpoint does not say how many steps were taken".into())
}

/// Reads an array into a buffer of its length.
pub(super) fn read(
    checkpoint: &Checkpoint,
    name: &str,
    shape: &[usize],
    to: &mut [f32],
) -> Result<(), BoxError> {
    to.copy_from_slice(checkpoint.f32(name, shape)?);
    Ok(())
}
