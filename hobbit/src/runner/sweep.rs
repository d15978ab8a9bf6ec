//! One sweep from its settings to its end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::configurations::Configurations;
use super::coordinator::Coordinator;
use super::evaluate::Evaluator;
use super::failures::Failures;
use super::interrupt::{self, Guard};
use super::ledger::{Ledger, TrialState};
use super::panics::catch;
use super::past::Past;
use super::paused::Paused;
use super::settings::{Keep, MaxFailures, Settings, StopReason};
use super::state::{Message, Shared, Slot, State};
use super::trouble::listed;
use super::worker::{Crew, cores};
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::observe::{Console, Event, Observer, StudyInfo, Verbosity, tell};
use crate::repository::{FORMAT, Losses, Reader, Repository, StudyRecord, Ties};
use crate::schedule::{Plan, Scheduler};
use crate::space::SearchSpace;
use crate::trial::{Direction, TrialId};

/// What a sweep leaves.
pub(crate) struct Finished<O: Objective> {
    pub(crate) objective: Arc<O>,
    pub(crate) study: StudyRecord,
    pub(crate) trials: Vec<Option<TrialState<O::Hparams>>>,
    pub(crate) stopped: Option<StopReason>,
    /// The signal that arrived, even if everything was trained all the same.
    pub(crate) signal: Option<StopReason>,
    pub(crate) repository: Option<Repository>,
    pub(crate) observers: Vec<Box<dyn Observer>>,
}

/// Runs a sweep.
pub(crate) fn sweep<O: Objective>(
    objective: Arc<O>,
    mut settings: Settings<O>,
    max_epochs: u32,
    eta: u32,
) -> Result<Finished<O>> {
    let plan = Plan::counting(max_epochs, eta, settings.epoch_count)?;
    check(&settings, &plan)?;
    if settings.stop_on_ctrl_c {
        interrupt::watch()?;
    }
    enqueue(&mut settings)?;
    let workers = workers(&*objective, &settings, &plan)?;
    let configurations = Configurations::new(settings.seed, &plan, settings.enqueued.clone());
    asked("optimizes", || objective.optimizes(&settings.monitor, settings.direction))?;
    let known = check_monitor(&*objective, &configurations, &plan, &settings)?;
    let (direction, guessed) = direction(known, &settings)?;
    asked("optimizes", || objective.optimizes(&settings.monitor, Some(direction)))?;
    let mut study = record(&*objective, &settings, (max_epochs, eta), direction)?;
    let mut past = match &settings.repo_dir {
        Some(dir) => Past::open(dir, &settings, workers, &*objective, &configurations, &plan, &mut study)?,
        None => Past::default(),
    };
    let mut notes = Vec::from_iter(guessed);
    notes.append(&mut past.notes);
    if max_epochs < eta {
        notes.push(format!(
            "R = {max_epochs} is less than eta = {eta}, so one trial is all there is to train; `run` takes R first, \
             as in `run(27, 3)`"
        ));
    }
    if settings.verbosity != Verbosity::Quiet {
        notes.extend(unoptimized(env!("HOBBIT_OPT_LEVEL")));
    }
    let mut scheduler = Scheduler::new(plan.clone(), settings.iterations, direction);
    // what is known already takes no time
    scheduler.longest_first(|trial| match past.known.contains_key(&(trial, 0)) {
        true => 0.0,
        false => cost(&*objective, &configurations, trial),
    });
    let info = Arc::new(StudyInfo {
        plan,
        iterations: settings.iterations,
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
        plan: info.plan.clone(),
        ties: study.ties,
        saves: repository.is_some() && settings.checkpoints,
    };
    // more grow as they come
    let room = evaluator.configurations.count().min(1 << 16) as usize;
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

/// The configurations to begin with, checked.
fn enqueue<O: Objective>(settings: &mut Settings<O>) -> Result<()> {
    if settings.start_with_defaults {
        let defaults = O::Hparams::defaults()?;
        settings.enqueued.insert(0, Arc::new(defaults));
    }
    for (i, given) in settings.enqueued.iter().enumerate() {
        given.check().map_err(|error| {
            Error::setting(format!("enqueued configuration {}: {error}", i + 1)).with_source(error)
        })?;
    }
    Ok(())
}

/// How many workers there are.
///
/// # Errors
/// The objective is not ready.
fn workers<O: Objective>(objective: &O, settings: &Settings<O>, plan: &Plan) -> Result<usize> {
    let workers = match catch(|| objective.ready().map(|()| objective.workers())) {
        Ok(ready) => ready.map_err(|error| Error::setting(error.to_string()).with_source(error))?,
        Err(panic) => return Err(Error::setting(format!("the objective is not ready: it {panic}"))),
    };
    let workers = settings.workers.or(workers.filter(|&workers| workers > 0)).unwrap_or_else(cores);
    // there are never more stages to train at once than trials
    let trials = plan.total_trials().saturating_mul(u64::from(settings.iterations));
    Ok(workers.min(usize::try_from(trials).unwrap_or(usize::MAX)))
}

/// What the study is, for its repository.
fn record<O: Objective>(
    objective: &O,
    settings: &Settings<O>,
    (max_epochs, eta): (u32, u32),
    direction: Direction,
) -> Result<StudyRecord> {
    Ok(StudyRecord {
        format: FORMAT,
        hobbit: env!("CARGO_PKG_VERSION").to_owned(),
        max_epochs,
        eta,
        epoch_count: settings.epoch_count,
        iterations: settings.iterations,
        seed: settings.seed,
        monitor: settings.monitor.clone(),
        direction,
        score: settings.score,
        ties: Ties::ByLoss,
        retries: settings.retries,
        objective: asked("describe", || objective.describe())?,
        enqueued: settings.enqueued.iter().map(|given| given.values()).collect(),
        space: O::Hparams::space(),
    })
}

/// What the objective says; a panic is an error.
fn asked<T>(what: &str, code: impl FnOnce() -> T) -> Result<T> {
    catch(code).map_err(|panic| Error::setting(format!("`{what}` of the objective {panic}")))
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
    scheduler: Scheduler,
    ledger: Ledger<O::Hparams>,
    past: Past,
    workers: usize,
) -> State<O> {
    let budget = settings.memory_budget.map_or_else(quarter_of_memory, |budget| budget as usize);
    State {
        scheduler,
        ledger,
        known: past.known,
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

/// Closes the journal and takes what the sweep leaves.
fn finish<O: Objective>(coordinator: Coordinator<O>, study: StudyRecord) -> Result<Finished<O>> {
    let Coordinator { shared, mut repository, mut observers, .. } = coordinator;
    let (stopped, signal, fatal, ledger) = {
        let mut state = shared.lock();
        let empty = Ledger::new(Losses::new(study.ties, &study.monitor), study.direction, Keep::None, 0);
        // whatever stopped it, it is finished if nothing is left
        let stopped = state.stop.take().filter(|_| !state.scheduler.is_done());
        (stopped, state.signal.take(), state.fatal.take(), std::mem::replace(&mut state.ledger, empty))
    };
    if let Some(error) = fatal {
        if let Some(repository) = &mut repository {
            // the error that ended the sweep is the one to report, should this fail too
            let _ = repository.close(Some(error.to_string()));
        }
        tell(&mut observers, &Event::Ended { stopped: Some(error.to_string()) });
        return Err(error);
    }
    let objective = shared.evaluator.objective.clone();
    let trials = ledger.into_trials();
    Ok(Finished { objective, study, trials, stopped, signal, repository, observers })
}

/// Settings that make no sense are errors.
fn check<O: Objective>(settings: &Settings<O>, plan: &Plan) -> Result<()> {
    let whole = |name: &str, value: u64| {
        if value == 0 { Err(Error::setting(format!("{name} is 0; it has to be at least 1"))) } else { Ok(()) }
    };
    if let Some(workers) = settings.workers {
        whole("the number of workers", workers as u64)?;
    }
    whole("the number of iterations", u64::from(settings.iterations))?;
    whole("max_deaths", u64::from(settings.max_deaths))?;
    if let Some(every) = settings.checkpoint_every {
        whole("checkpoint_every", every)?;
    }
    if let MaxFailures::Share(share) = settings.max_failures
        && !(0.0..=1.0).contains(&share)
    {
        return Err(Error::setting(format!(
            "the share of failures allowed is {share}; it has to be from 0 to 1"
        )));
    }
    if settings.trial_time_limit.is_some_and(|limit| limit.is_zero()) {
        return Err(Error::setting(
            "the time limit of trials is 0, in which none can be trained; it has to be longer, or left out for none",
        ));
    }
    if settings.target.is_some_and(f64::is_nan) {
        return Err(Error::setting("the target is NaN, which no score reaches; it has to be a number"));
    }
    let Settings { extend, overwrite, accept_changes, .. } = *settings;
    let of_a_repository = [
        (extend, "`extend` makes the study of a repository larger"),
        (overwrite, "`overwrite` begins the study of a repository anew"),
        (accept_changes, "`accept_changes` continues the study of a repository"),
    ];
    if let Some((_, what)) = of_a_repository.iter().find(|(set, _)| *set && settings.repo_dir.is_none()) {
        return Err(Error::setting(format!("{what}, but no `repo_dir` is given")));
    }
    if overwrite && (extend || accept_changes) {
        let other = if extend { "extend" } else { "accept_changes" };
        return Err(Error::setting(format!(
            "`overwrite` begins a study anew and `{other}` continues one: only one of them can be meant"
        )));
    }
    if u32::try_from(plan.brackets()[0].stages[0].trials).is_err() {
        return Err(Error::setting(format!(
            "R = {} is too large: the first bracket would have {} trials",
            plan.max_epochs(),
            plan.brackets()[0].stages[0].trials
        )));
    }
    Ok(())
}

/// The monitor has to be something that the models report. Asked of the first configurations, since any one may be bad.
/// Returns which way it gets better, if that is known.
fn check_monitor<O: Objective>(
    objective: &O,
    configurations: &Configurations<O::Hparams>,
    plan: &Plan,
    settings: &Settings<O>,
) -> Result<Option<Direction>> {
    let monitor = settings.monitor.as_str();
    let (mut first_error, mut first_panic) = (None, None);
    for index in 1..=plan.brackets()[0].stages[0].trials.min(5) as u32 {
        let hparams = configurations.get(TrialId::new(1, index))?;
        let metrics = match catch(|| objective.directions(&hparams)) {
            Ok(Ok(metrics)) => metrics,
            Ok(Err(error)) => {
                first_error.get_or_insert(error);
                continue;
            }
            Err(panic) => {
                first_panic.get_or_insert(panic);
                continue;
            }
        };
        if let Some((_, direction)) = metrics.iter().find(|(name, _)| name == monitor) {
            return Ok(*direction);
        }
        return Err(Error::setting(format!(
            "the monitor `{monitor}` is not measured by the model; it measures {}",
            listed(metrics.iter().map(|(name, _)| &**name))
        )));
    }
    match first_error {
        Some(error) if matches!(settings.max_failures, MaxFailures::FirstAll(_)) => {
            Err(Error::study(format!("the model cannot be built: {error}")).with_source(error))
        }
        // what the metrics are is found out when they are reported, and the sweep says where trials panicked
        _ => match (Direction::known(monitor), first_panic) {
            (None, Some(panic)) if settings.direction.is_none() => {
                Err(Error::study(format!("what the model measures is not known: it {panic}")))
            }
            (known, _) => Ok(known),
        },
    }
}

/// Which way the monitor gets better, and a note where only the repository says so. `known` is what the
/// models say.
///
/// # Errors
/// It is not known.
fn direction<O: Objective>(
    known: Option<Direction>,
    settings: &Settings<O>,
) -> Result<(Direction, Option<String>)> {
    if let Some(direction) = settings.direction.or(known) {
        return Ok((direction, None));
    }
    let monitor = settings.monitor.as_str();
    let ask = "`.direction(Direction::Maximize)` or `.direction(Direction::Minimize)`";
    // earlier versions took whatever is not called accuracy for an error
    if let Some(dir) = &settings.repo_dir
        && let Ok(reader) = Reader::open(dir)
        && let study = reader.made()
        && study.monitor == monitor
    {
        let way = match study.direction {
            Direction::Minimize => "minimizes",
            Direction::Maximize => "maximizes",
        };
        let note = format!(
            "the study {way} `{monitor}`, as it has from its beginning; say so with {ask} on the sweep"
        );
        return Ok((study.direction, Some(note)));
    }
    Err(Error::setting(format!(
        "whether larger or smaller values of the monitor `{monitor}` are better is not known: give the sweep {ask}"
    )))
}

/// What an epoch of a trial costs, if that is known. What is wrong with the trial is found out when it is trained.
fn cost<O: Objective>(objective: &O, configurations: &Configurations<O::Hparams>, trial: TrialId) -> f64 {
    let cost = catch(|| configurations.get(trial).map_or(0.0, |hparams| objective.cost(&hparams)));
    cost.unwrap_or(0.0)
}

/// What to do about a build in which hobbit, and so what it depends on, is not optimized. Told once.
fn unoptimized(opt_level: &str) -> Option<String> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if opt_level != "0" || TOLD.swap(true, Ordering::Relaxed) {
        return None;
    }
    let text = "this is a debug build in which hobbit and what it depends on are not optimized, and many times slower than they could \
                be. Two lines in Cargo.toml cure that, and your own code compiles as fast as before:\n\n    \
                [profile.dev.package.\"*\"]\n    opt-level = 3\n";
    Some(text.to_owned())
}

/// The default budget of paused trials; asked once as well.
fn quarter_of_memory() -> usize {
    static QUARTER: OnceLock<usize> = OnceLock::new();
    *QUARTER.get_or_init(|| {
        let total = sysinfo::System::new().map_or(0, |mut system| {
            system.refresh_memory();
            system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory)
        });
        // where it cannot be told: 1 GiB
        if total == 0 { 1 << 30 } else { (total / 4) as usize }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unoptimized_build_is_told_of_once() {
        for level in ["1", "2", "3", "s", "z"] {
            assert_eq!(unoptimized(level), None);
        }
        let text = unoptimized("0").unwrap();
        assert!(text.contains("    [profile.dev.package.\"*\"]\n    opt-level = 3\n"), "{text}");
        assert_eq!(unoptimized("0"), None);
    }
}
