//! What the sampler of a sweep is asked, what it knows when it is, and what it said.
//!
//! Which outcomes count for a trial is decided when the scheduler asks for the trial ([`Watched`]), under the
//! lock of the sweep; what is proposed is found out later, outside of it, by whoever needs to know first. A
//! proposal is a pure function of what was decided, so it does not matter who that is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::keys::Keys;
use super::panics::catch;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::repository::Origin;
use crate::schedule::{Ask, Assignment, Ended, Order, Outline, Scheduler, Score};
use crate::search::{ATTEMPTS, Chosen, Known, Observation, Point, Sampler, choose};
use crate::space::{Root, SearchSpace, Space};
use crate::trial::{Direction, TrialId};
use crate::work::Configuration;

/// What the configurations of a sweep are made of, whatever their type is.
pub(super) trait Maker: Send + Sync {
    /// The point of the configuration that was given for a trial, if there is one.
    fn given(&self, trial: TrialId) -> Option<Point>;
    /// What is proposed for a trial, and its point.
    fn choose(
        &self,
        sampler: &dyn Sampler,
        known: Known<'_>,
        trial: TrialId,
        key: Key,
    ) -> Result<(Point, Chosen<()>)>;
}

/// The configurations of one type.
pub(super) struct MakerOf<H> {
    pub(super) given: Vec<Arc<H>>,
    pub(super) outline: Outline,
    /// The study's space.
    pub(super) root: Root,
}

impl<H: SearchSpace + Send + Sync> Maker for MakerOf<H> {
    fn given(&self, trial: TrialId) -> Option<Point> {
        let place = usize::try_from(self.outline.place(trial)).ok()?;
        self.given.get(place).map(|given| Point::new(self.root.encode(&**given)))
    }

    fn choose(
        &self,
        sampler: &dyn Sampler,
        known: Known<'_>,
        trial: TrialId,
        key: Key,
    ) -> Result<(Point, Chosen<()>)> {
        let Chosen::<H> { hparams, point, refused } = choose(sampler, &self.root, known, (trial, key))?;
        let own = point.clone().unwrap_or_else(|| Point::new(self.root.encode(&hparams)));
        Ok((own, Chosen { hparams: (), point, refused }))
    }
}

/// What a trial is made of.
#[derive(Debug, Clone)]
struct Settled {
    configuration: Configuration,
    /// Its point, whoever it is from.
    point: Point,
}

/// A trial that was asked for, and what counts for its proposal.
struct Cell {
    trial: TrialId,
    /// How many outcomes had been told.
    told: usize,
    /// The trials without an outcome, in the order in which they were asked for; nothing any more once it is
    /// settled.
    pending: Mutex<Vec<Arc<Cell>>>,
    settled: OnceLock<Result<Settled, String>>,
}

/// An outcome that was told.
struct Told {
    cell: Arc<Cell>,
    stage: u32,
    epochs: u64,
    score: Option<Score>,
}

/// The proposals of a sweep.
pub(super) struct Proposals {
    sampler: Arc<dyn Sampler>,
    space: Space,
    direction: Direction,
    keys: Keys,
    maker: Box<dyn Maker>,
    trials: Mutex<HashMap<TrialId, Arc<Cell>>>,
    /// The outcomes that nobody has looked at yet.
    told: Mutex<Vec<Told>>,
    /// Those before, which all proposals share.
    seen: Mutex<Arc<Vec<Observation>>>,
    /// How many of them were known before the first trial.
    before: AtomicUsize,
    /// Somebody is told that proposals were refused.
    note: Mutex<Option<String>>,
    was_noted: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // user code runs under none of these locks
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proposals {
    pub(super) fn new<H: SearchSpace + Send + Sync + 'static>(
        sampler: Arc<dyn Sampler>,
        direction: Direction,
        keys: Keys,
        maker: MakerOf<H>,
    ) -> Proposals {
        Proposals {
            sampler,
            space: maker.root.space::<H>(),
            direction,
            keys,
            maker: Box::new(maker),
            trials: Mutex::default(),
            told: Mutex::default(),
            seen: Mutex::default(),
            before: AtomicUsize::new(0),
            note: Mutex::default(),
            was_noted: AtomicBool::new(false),
        }
    }

    /// Whether they depend on outcomes.
    pub(super) fn learn(&self) -> bool {
        self.sampler.learns()
    }

    /// Takes over outcomes of other studies, before anything else is known.
    pub(super) fn start_from(&self, known: Vec<Observation>) {
        self.before.store(known.len(), Ordering::Relaxed);
        *lock(&self.seen) = Arc::new(known);
    }

    /// Takes over what the journal says of a trial.
    pub(super) fn recall(&self, trial: TrialId, configuration: Configuration, point: Point) {
        let settled = OnceLock::from(Ok(Settled { configuration, point }));
        let cell = Cell { trial, told: 0, pending: Mutex::default(), settled };
        lock(&self.trials).insert(trial, Arc::new(cell));
    }

    /// How the configuration of a trial is known.
    ///
    /// # Errors
    /// The sampler has given up, or nothing can be drawn.
    pub(super) fn configuration(&self, trial: TrialId) -> Result<Configuration> {
        let cell = lock(&self.trials).get(&trial).cloned();
        // to a sampler that does not learn nothing is told
        let cell = cell.unwrap_or_else(|| self.ask(trial, 0, Vec::new()));
        let settled = self.settle(&cell).clone().map_err(Error::study)?;
        Ok(settled.configuration)
    }

    /// Where the configuration of a trial is from, once that is settled.
    pub(super) fn origin(&self, trial: TrialId) -> Option<Origin> {
        let cell = lock(&self.trials).get(&trial).cloned()?;
        Some(match cell.settled.get()?.as_ref().ok()?.configuration {
            Configuration::Given => Origin::Given,
            Configuration::Point(_) => Origin::Proposed,
            Configuration::Drawn => Origin::Drawn,
        })
    }

    /// What the user should know since this was called before.
    pub(super) fn note(&self) -> Option<String> {
        lock(&self.note).take()
    }

    /// A trial is asked for, after so many outcomes and while these have none.
    fn ask(&self, trial: TrialId, told: usize, pending: Vec<Arc<Cell>>) -> Arc<Cell> {
        let new = || Cell { trial, told, pending: Mutex::new(pending), settled: OnceLock::new() };
        lock(&self.trials).entry(trial).or_insert_with(|| Arc::new(new())).clone()
    }

    /// Finds out what a trial is made of, unless somebody has. Whoever needs it while another one is at it
    /// waits for that one; since a proposal needs none but those asked for before it, nobody waits in a
    /// circle.
    fn settle<'a>(&self, cell: &'a Cell) -> &'a Result<Settled, String> {
        cell.settled.get_or_init(|| {
            let pending = std::mem::take(&mut *lock(&cell.pending));
            let mut points = Vec::with_capacity(pending.len());
            // in the order in which they were asked for, so that each finds those before it settled
            for earlier in pending {
                points.push(self.settle(&earlier).as_ref().map_err(String::clone)?.point.clone());
            }
            let told = self.before.load(Ordering::Relaxed) + cell.told;
            let seen = self.seen(told)?;
            let seen = seen.get(..told).ok_or("an outcome is missing that was told")?;
            let proposed = catch(|| self.propose(cell.trial, seen, &points));
            let failed = |reason| format!("making the configuration of trial {} {reason}", cell.trial);
            proposed.map_err(failed)?.map_err(|error| error.to_string())
        })
    }

    fn propose(&self, trial: TrialId, seen: &[Observation], pending: &[Point]) -> Result<Settled> {
        if let Some(point) = self.maker.given(trial) {
            return Ok(Settled { configuration: Configuration::Given, point });
        }
        let Proposals { sampler, space, direction, keys, maker, .. } = self;
        let known = Known { space, direction: *direction, seen, pending };
        let (point, Chosen { point: proposed, refused, .. }) =
            maker.choose(&**sampler, known, trial, keys.of(trial))?;
        if let Some(error) = refused
            && !self.was_noted.swap(true, Ordering::Relaxed)
        {
            let name = sampler.name();
            *lock(&self.note) = Some(format!(
                "all {ATTEMPTS} points that the sampler `{name}` proposed for trial {trial} were refused, so it is drawn at random: \
                 {error} (this is not reported for later trials)"
            ));
        }
        let configuration = proposed.map_or(Configuration::Drawn, Configuration::Point);
        Ok(Settled { configuration, point })
    }

    /// The outcomes so far, at least this many, those known before the first trial among them. They are
    /// copied only if somebody reads an older state of them at this moment.
    fn seen(&self, told: usize) -> Result<Arc<Vec<Observation>>, String> {
        let unsettled = {
            let (seen, new) = (lock(&self.seen), lock(&self.told));
            let missing = told.saturating_sub(seen.len());
            let cells = new.iter().take(missing).map(|told| told.cell.clone());
            cells.filter(|cell| cell.settled.get().is_none()).collect::<Vec<_>>()
        };
        // whatever has an outcome was made before; those of an earlier process are proposed again where its
        // journal does not have them
        for cell in unsettled {
            self.settle(&cell).as_ref().map_err(String::clone)?;
        }
        let mut seen = lock(&self.seen);
        let missing = told.saturating_sub(seen.len());
        if missing > 0 {
            let mut new = lock(&self.told);
            let known = new.len().min(missing);
            let new: Vec<Told> = new.drain(..known).collect();
            let all = Arc::make_mut(&mut seen);
            for Told { cell, stage, epochs, score } in new {
                let settled = cell.settled.get().ok_or("a trial has an outcome and no configuration")?;
                let point = settled.as_ref().map_err(String::clone)?.point.clone();
                all.push(Observation::new(cell.trial, stage, epochs, score, point));
            }
        }
        Ok(seen.clone())
    }
}

/// A scheduler that tells the proposals what is asked for and what is told. Around it is a clock of the
/// study's own, so that both happen in an order that does not depend on workers.
#[derive(Debug)]
pub(super) struct Watched {
    inner: Box<dyn Scheduler>,
    watch: Watch,
}

/// What was asked for and told so far.
struct Watch {
    proposals: Arc<Proposals>,
    pending: Vec<Arc<Cell>>,
    told: usize,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pending: Vec<TrialId> = self.pending.iter().map(|cell| cell.trial).collect();
        f.debug_struct("Watch").field("told", &self.told).field("pending", &pending).finish()
    }
}

impl Watched {
    pub(super) fn new(inner: Box<dyn Scheduler>, proposals: Arc<Proposals>) -> Watched {
        Watched { inner, watch: Watch { proposals, pending: Vec::new(), told: 0 } }
    }
}

impl Scheduler for Watched {
    fn ask(&mut self) -> Ask {
        let asked = self.inner.ask();
        if let Ask::Run(Assignment { trial, stage: 0, .. }) = asked {
            let Watch { proposals, pending, told } = &mut self.watch;
            let cell = proposals.ask(trial, *told, pending.clone());
            pending.push(cell);
        }
        asked
    }

    fn tell(&mut self, done: &Assignment, score: Option<Score>) -> Vec<(TrialId, Ended)> {
        let Watch { proposals, pending, told } = &mut self.watch;
        if done.stage == 0 {
            pending.retain(|cell| cell.trial != done.trial);
        }
        let cell = lock(&proposals.trials).get(&done.trial).cloned();
        if let Some(cell) = cell {
            *told += 1;
            lock(&proposals.told).push(Told { cell, stage: done.stage, epochs: done.to, score });
        }
        self.inner.tell(done, score)
    }

    fn is_done(&self) -> bool {
        self.inner.is_done()
    }

    fn outline(&self) -> Outline {
        self.inner.outline()
    }

    fn order(&self) -> Order {
        // what is proposed depends on it
        Order::Virtual
    }

    fn hopeful(&self, pending: &[(TrialId, Score)]) -> Vec<TrialId> {
        self.inner.hopeful(pending)
    }

    fn missing(&self, trial: TrialId) -> u32 {
        self.inner.missing(trial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BoxError;
    use crate::schedule::{HyperbandScheduler, Plan, VirtualTime};
    use crate::search::{Draw, Proposal};
    use crate::search_space;

    #[search_space]
    struct Place {
        #[uniform(0.0..=1.0)]
        at: f64,
    }

    /// Proposes a place that depends on everything it is told.
    #[derive(Debug)]
    struct Digest;

    impl Sampler for Digest {
        fn name(&self) -> &str {
            "digest"
        }

        fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
            let seen = at.seen.iter().map(|seen| seen.epochs as f64 + seen.point[0].unwrap_or(0.0));
            let pending = at.pending.iter().map(|point| 7.0 * point[0].unwrap_or(0.0));
            let sum = at.key.rng().unit() + seen.chain(pending).sum::<f64>();
            Ok(Proposal::Point(Point::new([Some(sum.fract())])))
        }
    }

    /// What is proposed for all trials, where `settle` may ask for some of it while the study goes on.
    fn proposed(settle: impl Fn(&Proposals, TrialId)) -> Vec<(TrialId, Point)> {
        let plan = Plan::new(9, 3).unwrap();
        let scheduler = HyperbandScheduler::new(plan, 1, Direction::Minimize);
        let maker = MakerOf::<Place> {
            given: vec![Arc::new(Place { at: 0.25 })],
            outline: scheduler.outline(),
            root: Root::default(),
        };
        let proposals = Proposals::new(Arc::new(Digest), Direction::Minimize, Keys::new(3), maker);
        let proposals = Arc::new(proposals);
        let watched = Watched::new(Box::new(scheduler), proposals.clone());
        let mut scheduler = VirtualTime::new(Box::new(watched), 3);
        let mut trials = Vec::new();
        while let Ask::Run(assignment) = scheduler.ask() {
            if assignment.stage == 0 {
                trials.push(assignment.trial);
                settle(&proposals, assignment.trial);
            }
            scheduler.tell(&assignment, Some(Score::from(f64::from(assignment.trial.index % 5))));
        }
        assert!(scheduler.is_done());
        // the last one first, so that it finds nothing settled unless somebody has asked before
        let point = |trial| match proposals.configuration(trial).unwrap() {
            Configuration::Point(point) => (trial, point),
            other => (trial, Point::new([(other == Configuration::Given).then_some(0.25)])),
        };
        trials.into_iter().rev().map(point).collect()
    }

    #[test]
    fn proposals_are_the_same_whoever_asks_for_them_and_when() {
        let late = proposed(|_, _| {});
        assert_eq!(late.len(), Plan::new(9, 3).unwrap().total_trials() as usize);
        assert_eq!(late.last(), Some(&(TrialId::new(1, 1), Point::new([Some(0.25)]))));
        let at_once = proposed(|proposals, trial| drop(proposals.configuration(trial).unwrap()));
        assert_eq!(at_once, late);
        let some = proposed(|proposals, trial| {
            if trial.index % 3 == 1 {
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| proposals.configuration(trial).unwrap());
                    }
                });
            }
        });
        assert_eq!(some, late);
    }
}
