//! How far a trial has come that is trained by code with a loop of its own.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::course::{Course, Driver, Step, stage};
use super::saved::Saved;
use crate::error::BoxError;
use crate::objective::{Checkpoint, EpochContext, Interrupted, Metrics};
use crate::repository::{from_text, to_text};
use crate::space::SearchSpace;

/// The progress of a trial that is trained by a function, or by [asking](crate::asking): the model of
/// [`Results::best_model`](crate::Results::best_model).
pub struct Progress<H> {
    hparams: Arc<H>,
    saved: Option<Saved>,
    /// The code that trains, while a stage is under way.
    driver: Option<Driver>,
}

impl<H> Progress<H> {
    /// The state that was [saved](super::Trial::save), if it is one of this type: from `best_model`, that of
    /// the best epoch.
    pub fn state<S: DeserializeOwned>(&self) -> Option<S> {
        self.saved.as_ref()?.state()
    }

    /// What was saved with [`save_arrays`](super::Trial::save_arrays).
    pub fn arrays(&self) -> Option<&Checkpoint> {
        self.saved.as_ref().map(|saved| &*saved.checkpoint)
    }

    /// The trial's hyperparameters.
    pub fn hparams(&self) -> &H {
        &self.hparams
    }

    /// Lets the code train an epoch. `begin` gives it a new stage.
    ///
    /// # Errors
    /// The epoch was not trained to its end.
    pub(crate) fn train_epoch(
        &mut self,
        epoch: &EpochContext<'_>,
        metrics: &mut Metrics,
        begin: impl FnOnce(Arc<H>, Course) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut driver = match self.driver.take().filter(|driver| driver.is_before(epoch)) {
            Some(driver) => {
                driver.go_on(std::mem::take(metrics));
                driver
            }
            None => {
                let (driver, course) = stage(epoch, self.saved.clone());
                begin(self.hparams.clone(), course)?;
                driver
            }
        };
        // whoever does not come back was told to leave
        let step = driver.step().ok_or(Interrupted::Stopped)?;
        let goes_on = step.end.is_none();
        self.saved = take(step, epoch, metrics)?;
        self.driver = Some(driver).filter(|_| goes_on);
        Ok(())
    }

    pub(crate) fn save(&self) -> Checkpoint {
        self.saved.as_ref().map_or_else(Checkpoint::new, |saved| Checkpoint::clone(&saved.checkpoint))
    }

    pub(crate) fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.saved = Saved::from_checkpoint(checkpoint)?;
        Ok(())
    }

    pub(crate) fn memory(&self) -> usize {
        self.saved.as_ref().map_or(0, |saved| saved.checkpoint.bytes())
    }

    /// Ends the stage.
    pub(crate) fn pause(&mut self) {
        self.driver = None;
    }
}

impl<H: SearchSpace> Progress<H> {
    /// None yet.
    pub(crate) fn new(hparams: &H) -> Result<Progress<H>, BoxError> {
        // an equal one, as it is kept in a repository
        let hparams = Arc::new(from_text(&to_text(hparams)?)?);
        Ok(Progress { hparams, saved: None, driver: None })
    }
}

impl<H> fmt::Debug for Progress<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let saved = self.saved.as_ref().map(|saved| saved.epoch);
        f.debug_struct("Progress").field("saved_in_epoch", &saved).finish_non_exhaustive()
    }
}

/// Takes what was trained in an epoch. Returns what is saved.
///
/// # Errors
/// It was not trained to its end.
fn take(step: Step, epoch: &EpochContext<'_>, metrics: &mut Metrics) -> Result<Option<Saved>, BoxError> {
    let Step { epoch: trained, metrics: measured, saved, misuse, end } = step;
    let has_ended = end.is_some();
    let result = end.unwrap_or(Ok(()));
    // whatever the code makes of it
    if result.is_err() || has_ended && trained <= epoch.epoch {
        epoch.check()?;
    }
    if let Some(misuse) = misuse {
        return Err(misuse.into());
    }
    result?;
    if trained == 0 {
        return Err("the function has trained no epoch: it has to loop over `trial.epochs()`".into());
    }
    *metrics = measured;
    // one that ends again where it ended in an earlier stage has nothing to add
    if has_ended && trained < epoch.stage_end {
        metrics.stop();
    }
    Ok(saved)
}
