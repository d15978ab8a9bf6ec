//! One sweep from its settings to its end.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

#[cfg(feature = "nats")]
use super::afar;
use super::book::{Book, Left};
use super::config::{Checked, Config, asked};
use super::configurations::Configurations;
use super::coordinator::Coordinator;
use super::desk::SweepDesk;
use super::ending::{Finished, finish};
use super::interrupt::Guard;
use super::limits::Limits;
use super::machine::unoptimized;
use super::mailbox::Mail;
use super::panics::catch;
use super::past::Past;
use super::place::LocalPool;
use super::proposals::Watched;
use super::settings::Settings;
use super::warm_start;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::observe::{Console, Event, Observer, StudyInfo, Verbosity};
use crate::repository::{Repository, StopReason, StudyRecord};
use crate::schedule::{Algorithm, Scheduler, VirtualTime};
use crate::trial::TrialId;
use crate::work::{Desk, Workplace};

/// Runs a sweep.
pub(crate) fn sweep<O: Objective>(
    objective: Arc<O>,
    mut settings: Settings<O>,
    algorithm: Algorithm,
) -> Result<Finished<O>> {
    let Checked { mut study, configurations, workers, mut notes, idle } =
        Checked::new(&*objective, &mut settings, algorithm)?;
    let numerics = asked("numerics", || objective.numerics())?;
    #[cfg(feature = "nats")]
    let link = afar::connect(&settings);
    #[cfg(feature = "nats")]
    if let Some(nats) = settings.nats.as_ref().filter(|nats| nats.is_worker()) {
        let pool = || -> Box<dyn Workplace> { Box::new(bare_pool(&objective, &settings, workers)) };
        afar::serve(nats, link, (&study, &numerics), (workers, settings.verbosity), pool);
    }
    #[cfg(feature = "nats")]
    let link = link?;
    let (known, started) = warm_start::known(&settings, &study, configurations.root())?;
    configurations.start_from(&known);
    study.warm_start = known;
    notes.extend(started);
    let mut past = match &settings.repo_dir {
        Some(dir) => {
            Past::open(dir, &settings, (workers, &numerics), &*objective, &configurations, &mut study)?
        }
        None => Past::default(),
    };
    notes.append(&mut past.notes);
    if settings.verbosity != Verbosity::Quiet {
        notes.extend(unoptimized(env!("HOBBIT_OPT_LEVEL")));
    }
    notes.extend(idle);
    let info = Arc::new(info(algorithm, &settings, &study, &configurations, workers, past.replayable)?);
    let observers = observers(&mut settings, &info);
    let deadline = settings.time_budget.and_then(|budget| Instant::now().checked_add(budget));
    let limits = Limits::new(deadline, settings.epoch_budget, settings.target, study.direction);
    let is_observed = !observers.is_empty() || settings.stop_when.is_some();
    let outline = configurations.outline().clone();
    let config = Arc::new(Config::new(&settings, study, outline, is_observed, limits.watch_epochs()));
    let scheduler = scheduler(&*objective, &config, &configurations, &past)?;
    let Past { repository, known, ends, on_disk, begun, deaths, .. } = past;
    let book = Book::new(config.clone(), scheduler, Left { known, ends, on_disk, begun, deaths });
    let weights = repository.as_ref().map(|repository| repository.weights().clone());
    let begins = repository.as_ref().map(Repository::begins);
    let proposals = configurations.proposals().cloned();
    let desk = Arc::new(SweepDesk::new(config.clone(), book, proposals, limits, weights, begins));
    let place = settings.workplace.take();
    let local = || -> Box<dyn Workplace> {
        let trace = repository.as_ref().and_then(Repository::trace);
        Box::new(local_pool(&objective, &settings, workers, &configurations, trace))
    };
    #[cfg(feature = "nats")]
    let place = place.or_else(|| afar::fleet(&settings, link?, (&config.study, numerics), local));
    let place = place.unwrap_or_else(local);
    let configurations = Arc::new(configurations);
    let stop_when = settings.stop_when.take();
    let mut coordinator =
        Coordinator { desk: desk.clone(), configurations, repository, observers, stop_when };
    coordinator
        .tell(std::iter::once(Event::Started(info)).chain(notes.into_iter().map(Event::Note)).collect());

    let _guard = settings.stop_on_ctrl_c.then(|| watch_signals(&desk));
    let place = open(place, &desk);
    coordinator.run();
    // a panic in it was caught
    let _ = place.map(JoinHandle::join);
    finish(coordinator, objective, config.study.clone())
}

/// The threads of this process.
fn local_pool<O: Objective>(
    objective: &Arc<O>,
    settings: &Settings<O>,
    workers: usize,
    configurations: &Configurations<O::Hparams>,
    trace: Option<std::fs::File>,
) -> LocalPool<O> {
    let group = settings.group.unwrap_or_else(|| objective.group_size());
    let pool = bare_pool(objective, settings, workers).group(group);
    pool.in_process(configurations.made().clone(), trace, settings.stop_on_ctrl_c)
}

/// Threads that share nothing with the sweep.
fn bare_pool<O: Objective>(objective: &Arc<O>, settings: &Settings<O>, workers: usize) -> LocalPool<O> {
    let pool = LocalPool::new(objective.clone(), workers).given(settings.enqueued.clone());
    let pool = pool.narrowed(settings.narrowing.clone());
    match settings.memory_budget {
        Some(bytes) => pool.memory_budget(bytes),
        None => pool,
    }
}

/// Lets a workplace work, on a thread of its own. `None` if there is none; then the sweep has failed.
fn open(mut place: Box<dyn Workplace>, desk: &Arc<SweepDesk>) -> Option<JoinHandle<()>> {
    let workers = place.width();
    let for_thread = desk.clone();
    let thread = std::thread::Builder::new().name("hobbit-workplace".to_owned()).spawn(move || {
        let desk = for_thread;
        match catch(|| place.run(desk.clone())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => desk.fail(error),
            Err(panic) => desk.fail(Error::study(format!("the workplace {panic}"))),
        }
        let _ = catch(|| drop(place));
        desk.close();
    });
    match thread {
        Ok(thread) => Some(thread),
        Err(error) => {
            let text = format!("could not start {workers} workers: {error}");
            desk.fail(Error::study(text).with_source(error));
            desk.close();
            None
        }
    }
}

/// What decides which trial is trained for how many epochs.
fn scheduler<O: Objective>(
    objective: &O,
    config: &Config,
    configurations: &Configurations<O::Hparams>,
    past: &Past,
) -> Result<Box<dyn Scheduler>> {
    let study = &config.study;
    if let Some(proposals) = configurations.proposals().filter(|proposals| proposals.learn()) {
        // what it learns from is told by a clock of the study's own, whatever the algorithm is
        let watched = Watched::new(study.bare_scheduler()?, proposals.clone());
        return Ok(Box::new(VirtualTime::new(Box::new(watched), study.lookahead.unwrap_or(1))));
    }
    let mut scheduler = study.scheduler()?;
    // what is known already takes no time
    scheduler.longest_first(&|trial| match past.known.contains_key(&(trial, 0)) {
        true => 0.0,
        false => cost(objective, configurations, trial),
    });
    Ok(scheduler)
}

/// The sweep for those who look on.
fn info<O: Objective>(
    algorithm: Algorithm,
    settings: &Settings<O>,
    study: &StudyRecord,
    configurations: &Configurations<O::Hparams>,
    workers: usize,
    (known_stages, known_epochs): (u64, u64),
) -> Result<StudyInfo> {
    let outline = configurations.outline().clone();
    Ok(StudyInfo {
        algorithm,
        plan: algorithm.plan()?,
        iterations: outline.repetitions(),
        outline,
        space: study.space.clone(),
        monitor: study.monitor.clone(),
        direction: study.direction,
        ties: study.ties,
        seed: study.seed,
        workers: workers as u32,
        repo_dir: settings.repo_dir.clone(),
        known_stages,
        known_epochs,
    })
}

/// Whom events are told: hobbit's own observers first.
fn observers<O: Objective>(settings: &mut Settings<O>, info: &StudyInfo) -> Vec<Box<dyn Observer>> {
    let mut observers = std::mem::take(&mut settings.observers);
    #[cfg(feature = "tracing")]
    observers.insert(0, Box::new(crate::observe::Log::default()));
    if settings.verbosity != Verbosity::Quiet {
        let verbose = settings.verbosity == Verbosity::Verbose;
        observers.insert(0, Box::new(Console::new(verbose, info)));
    }
    observers
}

/// What an epoch of a trial costs, if that is known. What is wrong with the trial is found out when it is
/// trained.
fn cost<O: Objective>(objective: &O, configurations: &Configurations<O::Hparams>, trial: TrialId) -> f64 {
    let cost = catch(|| configurations.get(trial).map_or(0.0, |hparams| objective.cost(&hparams)));
    cost.unwrap_or(0.0)
}

fn watch_signals(desk: &Arc<SweepDesk>) -> Guard {
    let desk = Arc::downgrade(desk);
    Guard::new(Box::new(move |reason| {
        let Some(desk) = desk.upgrade() else { return false };
        let mut state = desk.lock();
        if state.signal.is_some() {
            return false;
        }
        let again =
            if reason == StopReason::Interrupted { "press Ctrl-C again" } else { "another signal is needed" };
        let text = format!("{reason}: stopping after the epochs under way; {again} to leave at once");
        state.mailbox.push(Mail::Event(Event::Note(text)));
        state.signal = Some(reason.clone());
        desk.request_stop(&mut state, reason);
        true
    }))
}
