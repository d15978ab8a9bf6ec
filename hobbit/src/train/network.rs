//! The seam between what training does and where it is computed.

use super::features::Given;
use super::loss::Loss;
use super::optimizer::Optimizer;
use super::plan::Plan;
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

/// Looks at the outputs of a batch and writes the gradient of the loss for them; or says that no step is to
/// be taken.
pub(super) type Criterion<'a, T = f32> = dyn FnMut(&[T], &mut [T]) -> Result<bool, BoxError> + 'a;

/// A network that is stacked with others of its likeness: its plan and optimizer, and its present state.
pub(super) struct StackedPart<'a> {
    pub(super) plan: &'a Plan,
    pub(super) optimizer: Optimizer,
    pub(super) state: &'a Checkpoint,
}

/// Looks at the outputs of a network's batch, by the network's place in its stack, and writes the gradient of
/// the loss for them; returns whether that network is to take a step.
pub(super) type StackCriterion<'a> = dyn FnMut(usize, &[f32], &mut [f32]) -> bool + 'a;

/// What the outputs of a stack are trained towards, so that its device can find the gradient of a loss.
pub(super) struct Aims {
    pub(super) loss: Loss,
    /// For each output of each sample of each network.
    pub(super) targets: Vec<f32>,
    /// For each sample of each network: its share of its batch's loss.
    pub(super) weights: Vec<f32>,
}

/// Networks of one likeness, each with its optimizer, that are trained as one, on some device.
pub(super) trait Stack: Send {
    /// One step of training of each network on a batch of its own. All batches have as many samples.
    fn train(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        criterion: &mut StackCriterion<'_>,
    ) -> Result<(), BoxError>;

    /// Whether steps can be [queued](Stack::queue), and gain by it.
    fn queues(&self) -> bool;

    /// One step of training, whose gradients are found on the device. Nobody waits for it.
    fn queue(
        &mut self,
        inputs: &[Given<'_>],
        samples: usize,
        steps: &[Step],
        aims: Aims,
    ) -> Result<(), BoxError>;

    /// The outputs of each step that was queued since they were last asked for.
    fn queued(&mut self) -> Result<Vec<Vec<f32>>, BoxError>;

    /// Appends the outputs of each network's batch, as they are when not training.
    fn outputs(&mut self, inputs: &[Given<'_>], samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError>;

    /// What [`Network::save`] would add, of the network at this place.
    fn state(&mut self, place: usize) -> Result<Checkpoint, BoxError>;

    /// Takes out all networks but those at these places, which are in order, and at least one.
    fn keep(&mut self, places: &[usize]) -> Result<(), BoxError>;

    /// Another one that is like it.
    fn copy(&self) -> Result<Box<dyn Stack>, BoxError>;
}

/// A network with its optimizer, on some device. Samples come and go as flat rows, one after the other.
pub(super) trait Network: Send {
    /// Whether it keeps data on its device, and gathers batches there: it is then given rows of data in
    /// memory.
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
