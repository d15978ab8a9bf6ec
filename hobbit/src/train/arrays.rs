//! The arrays of networks in checkpoints: which there are and what they are called, the same on every device.

use super::optimizer::Optimizer;
use super::parameter::Role;
use super::plan::Plan;
use crate::error::BoxError;
use crate::objective::Checkpoint;

/// The arrays of a network: its parameters, and the optimizer's state of each in so many slots.
#[derive(Clone)]
pub(super) struct Arrays {
    parameters: Vec<Array>,
    slots: &'static [&'static str],
}

#[derive(Clone)]
struct Array {
    name: String,
    shape: Vec<usize>,
    /// Whether the optimizer has state of it.
    trained: bool,
}

/// What an array is of: a parameter, by its place in the plan, or what the optimizer keeps of it in a slot.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Parameter(usize),
    Slot { slot: usize, parameter: usize },
}

impl Arrays {
    pub(super) fn new(plan: &Plan, optimizer: Optimizer) -> Arrays {
        let parameters = plan.parameters.iter().map(|spec| Array {
            name: spec.name.clone(),
            shape: spec.shape.clone(),
            trained: spec.role != Role::Statistic,
        });
        Arrays { parameters: parameters.collect(), slots: optimizer.slot_names() }
    }

    /// The name of a parameter.
    #[cfg(test)]
    pub(super) fn name(&self, parameter: usize) -> &str {
        &self.parameters[parameter].name
    }

    /// Adds all arrays to a checkpoint, and how many steps were taken.
    pub(super) fn save(
        &self,
        checkpoint: &mut Checkpoint,
        steps: u64,
        mut numbers: impl FnMut(Of) -> Vec<f32>,
    ) {
        for (parameter, Array { name, shape, trained }) in self.parameters.iter().enumerate() {
            checkpoint.insert_f32(name.as_str(), shape, numbers(Of::Parameter(parameter)));
            if *trained {
                for (slot, of) in self.slots.iter().enumerate() {
                    let numbers = numbers(Of::Slot { slot, parameter });
                    checkpoint.insert_f32(format!("optimizer.{of}.{name}"), shape, numbers);
                }
            }
        }
        checkpoint.metadata.insert("steps".to_owned(), steps.to_string());
    }

    /// Reads all arrays, and how many steps were taken.
    ///
    /// # Errors
    /// An array is not there or has another shape.
    pub(super) fn load(
        &self,
        checkpoint: &Checkpoint,
        mut set: impl FnMut(Of, &[f32]) -> Result<(), BoxError>,
    ) -> Result<u64, BoxError> {
        let steps = steps_of(checkpoint)?;
        for (parameter, Array { name, shape, trained }) in self.parameters.iter().enumerate() {
            set(Of::Parameter(parameter), checkpoint.f32(name, shape)?)?;
            if *trained {
                for (slot, of) in self.slots.iter().enumerate() {
                    let numbers = checkpoint.f32(&format!("optimizer.{of}.{name}"), shape)?;
                    set(Of::Slot { slot, parameter }, numbers)?;
                }
            }
        }
        Ok(steps)
    }
}

/// The optimizer's steps, as a checkpoint says them.
fn steps_of(checkpoint: &Checkpoint) -> Result<u64, BoxError> {
    let steps = checkpoint.metadata.get("steps").and_then(|steps| steps.parse().ok());
    steps.ok_or_else(|| "the checkpoint does not say how many steps were taken".into())
}

/// What the names of arrays begin with that are not the first network's, before its number.
const PREFIX: &str = "execution";

/// What the names of a network's arrays begin with.
pub(super) fn prefix(member: usize) -> String {
    if member == 0 { String::new() } else { format!("{PREFIX}{}.", member + 1) }
}

/// The number of networks that a checkpoint has arrays of, as their names say.
fn counted(checkpoint: &Checkpoint) -> usize {
    let number = |name: &String| name.strip_prefix(PREFIX)?.split_once('.')?.0.parse::<usize>().ok();
    checkpoint.arrays.keys().filter_map(number).max().unwrap_or(1)
}

/// How many networks a checkpoint is of that are made of so many arrays each.
///
/// # Errors
/// It has more arrays, which would be left out, or fewer.
pub(super) fn networks(checkpoint: &Checkpoint, arrays: usize) -> Result<usize, BoxError> {
    let (networks, found) = (counted(checkpoint), checkpoint.arrays.len());
    match networks.checked_mul(arrays) {
        Some(known) if known == found => Ok(networks),
        known => Err(format!(
            "the weights have {found} arrays, and the model uses {} of them: they are not this model's",
            known.map_or("more".to_owned(), |known| known.to_string())
        )
        .into()),
    }
}

/// Whether a checkpoint is of so many networks and has no more than so many arrays for each. Those that it
/// should have are looked for when they are loaded.
pub(super) fn check_arrays(checkpoint: &Checkpoint, networks: usize, arrays: usize) -> Result<(), BoxError> {
    let found = counted(checkpoint);
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
