//! What a trial has saved of itself, and how it lies in a checkpoint.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::BoxError;
use crate::objective::Checkpoint;

/// The array that holds a state.
const STATE: &str = "state";
/// The entry of the metadata that says when the state was saved.
const EPOCH: &str = "saved in epoch";
/// The entry of the metadata that says how many arrays there are.
const ARRAYS: &str = "saved arrays";

/// The latest state that a trial has saved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Saved {
    /// The epochs that the trial had with it, counting the one in which it was saved.
    pub(crate) epoch: u64,
    /// What a file is made of; the epoch is in its metadata.
    pub(crate) checkpoint: Arc<Checkpoint>,
}

impl Saved {
    /// A state of this epoch, as arrays.
    pub(crate) fn new(mut checkpoint: Checkpoint, epoch: u64) -> Saved {
        checkpoint.metadata.insert(EPOCH.to_owned(), epoch.to_string());
        checkpoint.metadata.insert(ARRAYS.to_owned(), checkpoint.arrays.len().to_string());
        Saved { epoch, checkpoint: Arc::new(checkpoint) }
    }

    /// A state of this epoch, as text.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn of<S: Serialize + ?Sized>(state: &S, epoch: u64) -> Result<Saved, BoxError> {
        let mut checkpoint = Checkpoint::new();
        let cannot = |error| format!("the state cannot be saved: {error}");
        checkpoint.insert_state(STATE, state).map_err(cannot)?;
        Ok(Saved::new(checkpoint, epoch))
    }

    /// The state that was saved as text, if it is one of this type.
    pub(crate) fn state<S: DeserializeOwned>(&self) -> Option<S> {
        self.checkpoint.state(STATE).ok()
    }

    /// What is in a trial's checkpoint; nothing in one that is empty.
    ///
    /// # Errors
    /// It is not a checkpoint of this kind.
    pub(crate) fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Option<Saved>, BoxError> {
        let Some(epoch) = checkpoint.metadata.get(EPOCH) else {
            return match checkpoint.arrays.keys().next() {
                Some(name) => {
                    Err(format!("the checkpoint holds `{name}` and does not say of which epoch").into())
                }
                None => Ok(None),
            };
        };
        let epoch = epoch
            .parse()
            .map_err(|_| format!("the checkpoint was {EPOCH} `{epoch}`, which is not a number"))?;
        let arrays = checkpoint.arrays.len();
        match checkpoint.metadata.get(ARRAYS) {
            Some(saved) if *saved == arrays.to_string() => {}
            saved => {
                return Err(format!("the checkpoint has {arrays} arrays, and {saved:?} were saved").into());
            }
        }
        Ok(Some(Saved { epoch, checkpoint: Arc::new(checkpoint.clone()) }))
    }
}
