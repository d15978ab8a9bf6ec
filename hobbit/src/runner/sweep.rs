//! One sweep from its settings to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::config::{asked, check, check_monitor, direction, enqueue, lookahead, record, workers};
use super::configurations::Configurations;
use super::coordinator::Coordinator;
use super::ending::{Finished, finish};
use super::evaluate::Evaluator;
use super::failures::Failures;
use super::interrupt::{self, Guard};
use super::ledger::Ledger;
use super::machine::{quarter_of_memory, unoptimized};
use super::panics::catch;
use super::past::Past;
use super::paused::Paused;
use super::settings::Settings;
use super::state::{Message, Shared, Slot, State};
use super::worker::Crew;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::observe::{Console, Event, Observer, StudyInfo, Verbosity};
use crate::repository::{Losses, Repository, StopReason};
use crate::schedule::{Algorithm, Scheduler};
use crate::trial::TrialId;

/// Runs a sweep.
pub(crate) fn sweep<O: Objective>(
    objective: Arc<O>,
    mut settings: Settings<O>,
    algorithm: Algorithm,
) -> Result<Finished<O>> {
    let outline = algorithm.outline()?;
    algorithm.check()?;
    check(&settings)?;
    if settings.stop_on_ctrl_c {
        interrupt::watch()?;
    }
    enqueue(&mut settings)?;
    let lookahead = lookahead(&settings, &algorithm)?;
    let asked_for = workers(&*objective, &settings, &outline)?;
    // others would never have anything to do
    let workers = lookahead.map_or(asked_for, |most| asked_for.min(most as usize));
    let configurations = Configurations::new(settings.seed, outline, settings.enqueued.clone());
    asked("optimizes", || objective.optimizes(&settings.monitor, settings.direction))?;
    let known = check_monitor(&*objective, &configurations, &settings)?;
    let (direction, guessed) = direction(known, &settings)?;
    asked("optimizes", || objective.optimizes(&settings.monitor, Some(direction)))?;
    let mut study = record(&*objective, &settings, (algorithm, lookahead), direction)?;
    let mut past = match &settings.repo_dir {
        Some(dir) => Past::open(dir, &settings, workers, &*objective, &configurations, &mut study)?,
        None => Past::default(),
    };
    let mut notes = Vec::from_iter(guessed);
    notes.append(&mut past.notes);
    if settings.verbosity != Verbosity::Quiet {
        notes.extend(unoptimized(env!("HOBBIT_OPT_LEVEL")));
    }
    if workers < asked_for {
        notes.push(format!(
            "{workers} of {asked_for} workers will be busy, because decisions wait for results with a lookahead of {workers}; a larger \
             `.lookahead()` occupies more of them, and leads to other results"
        ));
    }
    let mut scheduler = study.scheduler()?;
    // what is known already takes no time
    scheduler.longest_first(&|trial| match past.known.contains_key(&(trial, 0)) {
        true => 0.0,
        false => cost(&*objective, &configurations, trial),
    });
    let info = Arc::new(StudyInfo {
        algorithm,
        plan: algorithm.plan()?,
        iterations: configurations.outline().repetitions(),
        outline: configurations.outline().clone(),
        space: study.space.clone(),
        monitor: settings.monitor.clone(),
        direction,
        ties: study.ties,
        seed: settings.seed,
        workers: workers as u32,
        repo_dir: settings.repo_dir.clone(),
        known_stages: past.replayable.0,
        known_epochs: past.replayable.1,
    });
    let observers = observers(&mut settings, &info);
    let repository = past.repository.take();
    let evaluator = Evaluator {
        objective,
        configurations,
        monitor: settings.monitor.clone(),
        direction,
        score: settings.score,
        retries: settings.retries,
        trial_time_limit: settings.trial_time_limit,
        checkpoint_every: settings.checkpoint_every,
        ties: study.ties,
        saves: repository.is_some() && settings.checkpoints,
    };
    // more grow as they come
    let room = evaluator.configurations.outline().trials_of_repetition().min(1 << 16) as usize;
    let ledger = Ledger::new(Losses::new(study.ties, &study.monitor), direction, settings.keep, room);
    let mut shared = Shared::new(evaluator, state(&settings, scheduler, ledger, past, workers));
    shared.weights = repository.as_ref().map(|repository| repository.weights().clone());
    shared.begins = repository.as_ref().map(Repository::begins);
    shared.trace = repository.as_ref().and_then(Repository::trace);
    shared.observed = !observers.is_empty() || settings.stop_when.is_some();
    shared.deadline = settings.time_budget.and_then(|budget| Instant::now().checked_add(budget));
    shared.epoch_budget = settings.epoch_budget;
    shared.target = settings.target;
    shared.heeds_signals = settings.stop_on_ctrl_c;
    let shared = Arc::new(shared);
    let (stop_when, spares) = (settings.stop_when.take(), Vec::new());
    let mut coordinator = Coordinator { shared: shared.clone(), repository, observers, stop_when, spares };
    coordinator
        .tell(std::iter::once(Event::Started(info)).chain(notes.into_iter().map(Event::Note)).collect());

    let _guard = settings.stop_on_ctrl_c.then(|| watch_signals(&shared));
    let crew = Crew::start(&shared, 0, workers);
    let crew =
        crew.map_err(|e| Error::study(format!("could not start {workers} workers: {e}")).with_source(e))?;
    coordinator.run();
    drop(crew);
    finish(coordinator, study)
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

/// What workers and coordinator begin with.
fn state<O: Objective>(
    settings: &Settings<O>,
    scheduler: Box<dyn Scheduler>,
    ledger: Ledger<O::Hparams>,
    past: Past,
    workers: usize,
) -> State<O> {
    let budget = settings.memory_budget.map_or_else(quarter_of_memory, |budget| budget as usize);
    State {
        scheduler,
        ledger,
        known: past.known,
        known_ends: past.ends,
        ends: Vec::new(),
        on_disk: past.on_disk,
        culprits: past.deaths.culprits,
        suspects: past.deaths.suspects,
        paused: Paused::new(budget),
        inbox: Vec::new(),
        inbox_bytes: 0,
        unwritten: 0,
        begun: None,
        waiting: HashMap::new(),
        urgent: false,
        alone: None,
        slots: (0..workers).map(|_| Slot::new()).collect(),
        active: workers,
        stop: None,
        signal: None,
        fatal: None,
        failures: Failures { allowed: settings.max_failures, tried: 0, failed: 0, first: None },
    }
}

/// What an epoch of a trial costs, if that is known. What is wrong with the trial is found out when it is trained.
fn cost<O: Objective>(objective: &O, configurations: &Configurations<O::Hparams>, trial: TrialId) -> f64 {
    let cost = catch(|| configurations.get(trial).map_or(0.0, |hparams| objective.cost(&hparams)));
    cost.unwrap_or(0.0)
}

fn watch_signals<O: Objective>(shared: &Arc<Shared<O>>) -> Guard {
    let shared = Arc::downgrade(shared);
    Guard::new(Box::new(move |reason| {
        let Some(shared) = shared.upgrade() else { return false };
        let mut state = shared.lock();
        if state.signal.is_some() {
            return false;
        }
        let again =
            if reason == StopReason::Interrupted { "press Ctrl-C again" } else { "another signal is needed" };
        let text = format!("{reason}: stopping after the epochs under way; {again} to leave at once");
        state.inbox.push(Message::Event(Event::Note(text)));
        state.signal = Some(reason.clone());
        shared.request_stop(&mut state, reason);
        true
    }))
}
