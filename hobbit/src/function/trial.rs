//! A trial in the hands of a function that trains it.

use std::borrow::Cow;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::course::Course;
use super::saved::Saved;
use crate::error::BoxError;
use crate::objective::{Checkpoint, Interrupted};
use crate::random::{Key, KeyRng};
use crate::trial::TrialId;

/// A trial in one of its stages, in the hands of a function that trains it: see
/// [`Hyperband::function`](crate::Hyperband::function).
pub struct Trial {
    course: Shared,
}

/// The trial and its [`Epochs`] share it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Course>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Course> {
        // the state is whole between two calls, whatever panicked
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial {
    pub(crate) fn new(course: Course) -> Trial {
        Trial { course: Shared(Arc::new(Mutex::new(course))) }
    }

    /// The code that trains it has ended.
    pub(crate) fn finish(&self, result: Result<(), BoxError>) {
        self.course.lock().finish(result);
    }

    /// The epochs that are neither settled nor begun.
    pub(crate) fn open(&self) -> RangeInclusive<u64> {
        self.course.lock().open()
    }

    /// Whether an epoch was begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.course.lock().under_way.is_some()
    }

    /// Whoever trains it remembers all settled epochs.
    pub(crate) fn remember(&self) {
        self.course.lock().remember();
    }

    /// The numbers of the epochs to be trained, counted from 1.
    ///
    /// They continue after the epoch of the [`state`](Trial::state) that was asked for; without a state they
    /// begin at 1. The iterator ends with the stage, or earlier if the sweep stops. Leaving the loop earlier
    /// ends the stage early, as [`stop`](Trial::stop) does.
    pub fn epochs(&mut self) -> Epochs {
        Epochs { course: self.course.clone() }
    }

    /// Reports a metric of the epoch under way; a second value of the same name replaces the first. What is
    /// reported after the loop belongs to the last epoch.
    ///
    /// Every epoch has to report the [`monitor`](crate::Hyperband::monitor). Other metrics may be reported in
    /// some epochs only: the other epochs have NaN. A monitor that is NaN or infinite ends the trial as
    /// diverged.
    ///
    /// # Errors
    /// The trial has to stop at once. Return the error (`?`): it does not count as a failure.
    pub fn report(&mut self, name: impl Into<Cow<'static, str>>, value: f64) -> Result<(), Interrupted> {
        let mut course = self.course.lock();
        course.report(name.into(), value);
        course.check()
    }

    /// An error if the trial has to stop at once, because its time is up or the sweep is being left: for
    /// epochs that take long.
    pub fn check(&self) -> Result<(), Interrupted> {
        self.course.lock().check()
    }

    /// Ends the stage with the epoch under way, because more training would not help (early stopping).
    pub fn stop(&mut self) {
        self.course.lock().stop();
    }

    /// The state that an earlier stage [saved](Trial::save), to continue from. Ask for it before the loop.
    ///
    /// `None` if there is none, as in a trial's first stage. A state that cannot be read as `S`, because the
    /// type has changed since, counts as none: then the trial is trained again from its first epoch.
    pub fn state<S: DeserializeOwned>(&mut self) -> Option<S> {
        self.course.lock().restore(Saved::state)
    }

    /// Saves everything that later epochs depend on, as it is at the end of the current epoch. hobbit keeps
    /// the latest state in memory, and in the repository if there is one.
    ///
    /// If it is saved in each epoch, it is also what the best trial's model consists of. If it is saved less
    /// often, the epochs since the last save are trained again when the trial continues.
    ///
    /// # Errors
    /// The state cannot be serialized.
    pub fn save<S: Serialize + ?Sized>(&mut self, state: &S) -> Result<(), BoxError> {
        self.course.lock().save(|epoch| Saved::of(state, epoch))
    }

    /// As [`state`](Trial::state), for what [`save_arrays`](Trial::save_arrays) saved.
    pub fn arrays(&mut self) -> Option<Checkpoint> {
        self.course.lock().restore(|saved| Some(Checkpoint::clone(&saved.checkpoint)))
    }

    /// As [`save`](Trial::save), for large states: arrays are kept as they are instead of as text.
    ///
    /// # Errors
    /// None today.
    pub fn save_arrays(&mut self, arrays: Checkpoint) -> Result<(), BoxError> {
        self.course.lock().save(|epoch| Ok(Saved::new(arrays, epoch)))
    }

    /// The trial's name.
    pub fn id(&self) -> TrialId {
        self.course.lock().context.id
    }

    /// The worker that trains it, counted from 0: to choose a device by. Results should not depend on it.
    pub fn worker(&self) -> u32 {
        self.course.lock().context.worker
    }

    /// The last epoch of this stage.
    pub fn last_epoch(&self) -> u64 {
        self.course.lock().end
    }

    /// The last epoch that the trial can reach, if it is promoted up to the last stage of its bracket: for
    /// learning rate schedules. `None` outside of a sweep.
    pub fn epochs_in_all(&self) -> Option<u64> {
        self.course.lock().context.epochs
    }

    /// The key for one purpose (any number), from which random numbers are drawn. Every epoch has another
    /// one, and so has what precedes the first. Draw everything random from keys of the epoch in which it is
    /// needed; then the trial is the same however often it is interrupted.
    pub fn key(&self, purpose: u64) -> Key {
        let course = self.course.lock();
        let key = course.context.key.child(purpose);
        course.under_way.map_or(key, |epoch| key.child(epoch - 1))
    }

    /// A generator of random numbers for the epoch under way, or for what precedes the first; each call
    /// starts it from its beginning. It is the generator of [`key(0)`](Trial::key).
    pub fn rng(&self) -> KeyRng {
        self.key(0).rng()
    }

    /// A seed for the epoch under way, or for what precedes the first, for libraries that take one. It is the
    /// seed of [`key(0)`](Trial::key).
    pub fn seed(&self) -> u64 {
        self.key(0).seed()
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let course = self.course.lock();
        f.debug_struct("Trial")
            .field("id", &course.context.id)
            .field("epoch", &course.under_way)
            .field("last_epoch", &course.end)
            .finish_non_exhaustive()
    }
}

/// The epochs of a stage: see [`Trial::epochs`].
pub struct Epochs {
    course: Shared,
}

impl Iterator for Epochs {
    type Item = u64;

    /// Ends the epoch under way, and begins the next one.
    fn next(&mut self) -> Option<u64> {
        self.course.lock().next()
    }
}

impl FusedIterator for Epochs {}

impl fmt::Debug for Epochs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epochs").finish_non_exhaustive()
    }
}
