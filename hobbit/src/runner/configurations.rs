//! Which configuration belongs to which trial.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keys::Keys;
use super::panics::catch;
use super::proposals::{MakerOf, Proposals};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::repository::{Origin, WarmStart, observations};
use crate::schedule::Outline;
use crate::search::{Point, Sampler, drawn};
use crate::space::{Root, SearchSpace, Value};
use crate::trial::{Direction, TrialId};
use crate::work::Configuration;

/// The configuration that is drawn under a trial's key.
pub(super) fn draw<H: SearchSpace>(root: &Root, key: Key, trial: TrialId) -> Result<Arc<H>> {
    // a space may hold expressions of the user's
    catch(|| drawn(root, key).map(Arc::new)).unwrap_or_else(|reason| {
        Err(Error::space(format!("drawing the configuration of trial {trial} {reason}")))
    })
}

/// The configuration of a point of the unit cube.
pub(super) fn decode<H: SearchSpace>(root: &Root, point: &[Option<f64>], trial: TrialId) -> Result<Arc<H>> {
    catch(|| root.decode(point).map(Arc::new)).unwrap_or_else(|reason| {
        Err(Error::space(format!(
            "the configuration of trial {trial} cannot be made of its point: it {reason}"
        )))
    })
}

/// The point of these hyperparameters; none where code of the user's, of which they are made, gives none.
pub(super) fn point<H: SearchSpace>(root: &Root, hparams: &H) -> Option<Point> {
    let point = catch(|| Point::new(root.encode(hparams))).ok()?;
    let is_in_cube = point.iter().flatten().all(|unit| (0.0..1.0).contains(unit));
    is_in_cube.then_some(point)
}

/// The configurations that trials were begun with, by their places among all trials.
pub(crate) struct Made<H>(Mutex<Vec<Option<Arc<H>>>>);

impl<H> Made<H> {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Arc<H>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, ordinal: u64) -> Option<Arc<H>> {
        self.lock().get(usize::try_from(ordinal).ok()?)?.clone()
    }

    /// Keeps these, each with the place of its trial.
    pub(super) fn keep(&self, configurations: &mut Vec<(u64, Arc<H>)>) {
        if configurations.is_empty() {
            return;
        }
        let mut made = self.lock();
        for (ordinal, configuration) in configurations.drain(..) {
            let place = ordinal as usize;
            if made.len() == place {
                // most come in order
                made.push(Some(configuration));
                continue;
            }
            if made.len() < place {
                made.resize_with(place + 1, || None);
            }
            made[place] = Some(configuration);
        }
    }
}

/// The configurations of trials: the first ones may be given, the others are proposed by a sampler, or drawn.
pub(crate) struct Configurations<H> {
    /// The study's space.
    root: Root,
    keys: Keys,
    enqueued: Vec<Arc<H>>,
    outline: Outline,
    made: Arc<Made<H>>,
    /// What the sampler proposes, if there is one.
    proposals: Option<Arc<Proposals>>,
}

impl<H: SearchSpace> Configurations<H> {
    pub(crate) fn new(root: Root, seed: u64, outline: Outline, enqueued: Vec<Arc<H>>) -> Self {
        let made = Arc::new(Made(Mutex::new(Vec::new())));
        Configurations { root, keys: Keys::new(seed), enqueued, outline, made, proposals: None }
    }

    /// The trials there are.
    pub(crate) fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The study's space.
    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Those that trials were begun with.
    pub(super) fn made(&self) -> &Arc<Made<H>> {
        &self.made
    }

    /// The epochs that a trial has had if it is promoted to its bracket's last stage.
    pub(crate) fn epochs(&self, trial: TrialId) -> u64 {
        self.outline.epochs(trial).unwrap_or(0)
    }

    /// The trial's configuration.
    pub(crate) fn get(&self, trial: TrialId) -> Result<Arc<H>> {
        let ordinal = self.outline.place(trial);
        if let Some(made) = self.made.get(ordinal) {
            return Ok(made);
        }
        if let (Some(proposals), None) = (&self.proposals, self.given(trial))
            && let Configuration::Point(point) = proposals.configuration(trial)?
        {
            return decode(&self.root, &point, trial);
        }
        self.example(trial)
    }

    /// A configuration that the trial might have: the one that was given for it, or one that is drawn at
    /// random. Without a sampler it is the trial's own.
    pub(super) fn example(&self, trial: TrialId) -> Result<Arc<H>> {
        self.given(trial)
            .map_or_else(|| draw(&self.root, self.keys.of(trial), trial), |given| Ok(given.clone()))
    }

    fn given(&self, trial: TrialId) -> Option<&Arc<H>> {
        self.enqueued.get(usize::try_from(self.outline.place(trial)).ok()?)
    }

    /// Where the configurations are from of trials that were begun, if they were not drawn at random.
    pub(super) fn origins(&self, trials: impl Iterator<Item = TrialId>) -> HashMap<TrialId, Origin> {
        if self.enqueued.is_empty() && self.proposals.is_none() {
            return HashMap::new();
        }
        let origin = |trial| {
            let proposed = || self.proposals.as_ref().and_then(|proposals| proposals.origin(trial));
            let origin = if self.given(trial).is_some() { Some(Origin::Given) } else { proposed() };
            Some((trial, origin.filter(|origin| *origin != Origin::Drawn)?))
        };
        trials.filter_map(origin).collect()
    }

    /// What the sampler proposes, if there is one.
    pub(super) fn proposals(&self) -> Option<&Arc<Proposals>> {
        self.proposals.as_ref()
    }

    /// Gives the sampler, if there is one, the outcomes of other studies.
    pub(super) fn start_from(&self, known: &[WarmStart]) {
        if let Some(proposals) = &self.proposals {
            proposals.start_from(observations(known));
        }
    }

    /// Takes over what the journal says a trial was begun with.
    ///
    /// # Errors
    /// It is something else now, or nothing can be drawn.
    pub(super) fn recall(
        &self,
        trial: TrialId,
        point: Option<&Point>,
        recorded: &[(String, Value)],
    ) -> Result<()> {
        let space = self.root.space::<H>();
        let is_it = |hparams: &Arc<H>| space.is_recorded_as(&hparams.values(), recorded);
        let another = || {
            Error::repository(format!(
                "the repository holds another configuration for trial {trial} than is drawn for it now: it was made by a hobbit \
                 that draws differently; choose another directory"
            ))
        };
        let Some(proposals) = &self.proposals else {
            return if is_it(&self.get(trial)?) { Ok(()) } else { Err(another()) };
        };
        let of_point = |point| decode::<H>(&self.root, point, trial).ok().filter(is_it);
        // what was drawn may not have a point of its own, so that it has to be drawn again
        let example = self.example(trial)?;
        let (configuration, hparams) = match (self.given(trial), point) {
            (Some(given), _) => (Configuration::Given, given.clone()),
            (None, Some(point)) if !is_it(&example) => match of_point(point) {
                Some(hparams) => (Configuration::Point(point.clone()), hparams),
                None => return Err(another()),
            },
            (None, _) => (Configuration::Drawn, example),
        };
        match point.cloned().or_else(|| self::point(&self.root, &*hparams)) {
            Some(point) if is_it(&hparams) => proposals.recall(trial, configuration, point),
            _ => return Err(another()),
        }
        Ok(())
    }

    /// The configurations of these trials, of each place either one or none. Those that trials were begun
    /// with are not kept any longer.
    pub(super) fn take(&self, trials: impl Iterator<Item = Option<TrialId>>) -> Result<Vec<Option<Arc<H>>>> {
        let mut made = std::mem::take(&mut *self.made.lock());
        for (place, trial) in trials.enumerate() {
            if made.len() <= place {
                made.push(None);
            }
            if let Some(trial) = trial
                && made[place].is_none()
            {
                made[place] = Some(self.get(trial)?);
            }
        }
        Ok(made)
    }
}

impl<H: SearchSpace + Send + Sync + 'static> Configurations<H> {
    /// From now on, what is not given is proposed by a sampler.
    pub(super) fn ask(&mut self, sampler: Arc<dyn Sampler>, direction: Direction) {
        let (given, root) = (self.enqueued.clone(), self.root.clone());
        let maker = MakerOf { given, outline: self.outline.clone(), root };
        self.proposals = Some(Arc::new(Proposals::new(sampler, direction, self.keys, maker)));
    }
}
