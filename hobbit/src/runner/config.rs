//! What a sweep is asked to do, checked: settings that make no sense are errors before anything is trained.

use std::sync::Arc;

use super::configurations::Configurations;
use super::interrupt;
use super::machine::cores;
use super::panics::catch;
use super::place::listed;
use super::settings::{Keep, MaxFailures, Settings};
use super::warm_start;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::repository::{FORMAT, Reader, StudyRecord, Ties};
use crate::schedule::{Algorithm, DEFAULT_LOOKAHEAD, Order, Outline, Promotion};
use crate::search::{Prior, Sampler};
use crate::space::{Root, SearchSpace};
use crate::trial::{Direction, TrialId};
use crate::work::Terms;

/// The settings of a sweep, checked: what everything in it that needs one of them shares.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) study: StudyRecord,
    /// The trials there are.
    pub(super) outline: Outline,
    /// How many configurations were given, for as many first trials.
    pub(super) given: u64,
    pub(super) keep: Keep,
    pub(super) max_failures: MaxFailures,
    /// Someone looks on.
    pub(super) observed: bool,
    /// What workers have to know.
    pub(super) terms: Terms,
}

impl Config {
    /// Those of a study. `is_observed` if someone looks on, `watches_epochs` if an epoch may end the sweep.
    pub(super) fn new<O: Objective>(
        settings: &Settings<O>,
        study: StudyRecord,
        outline: Outline,
        is_observed: bool,
        watches_epochs: bool,
    ) -> Config {
        let is_kept = settings.repo_dir.is_some();
        let terms = Terms {
            monitor: study.monitor.clone(),
            direction: study.direction,
            score: study.score,
            ties: study.ties,
            retries: study.retries,
            trial_time_limit: settings.trial_time_limit,
            checkpoint_every: settings.checkpoint_every,
            saves: is_kept && settings.checkpoints,
            announces: is_observed || is_kept,
            describes: is_kept,
            watches_epochs: is_observed || watches_epochs,
        };
        let given = settings.enqueued.len() as u64;
        let (keep, max_failures) = (settings.keep, settings.max_failures);
        Config { study, outline, given, keep, max_failures, observed: is_observed, terms }
    }
}

/// A sweep whose settings make sense.
pub(super) struct Checked<H> {
    pub(super) study: StudyRecord,
    pub(super) configurations: Configurations<H>,
    pub(super) workers: usize,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// That some workers will have nothing to do, if it is so.
    pub(super) idle: Option<String>,
}

impl<H: SearchSpace + Send + Sync + 'static> Checked<H> {
    /// Looks at the settings, and asks the objective what has to be known of it.
    ///
    /// # Errors
    /// Something makes no sense, or the objective is not ready.
    pub(super) fn new<O: Objective<Hparams = H>>(
        objective: &O,
        settings: &mut Settings<O>,
        algorithm: Algorithm,
    ) -> Result<Checked<H>> {
        let outline = algorithm.outline()?;
        algorithm.check()?;
        check(settings)?;
        if settings.stop_on_ctrl_c {
            interrupt::watch()?;
        }
        let root = Root::new::<H>(&settings.narrowing)?;
        enqueue(settings, &root)?;
        let lookahead = lookahead(settings, &algorithm)?;
        let asked_for = workers(objective, settings, &outline)?;
        // others would never have anything to do
        let workers = lookahead.map_or(asked_for, |most| asked_for.min(most as usize));
        let idle = (workers < asked_for).then(|| {
            format!(
                "{workers} of {asked_for} workers will be busy, because decisions wait for results with a lookahead of {workers}; a \
                 larger `.lookahead()` occupies more of them, and leads to other results"
            )
        });
        let mut configurations =
            Configurations::new(root.clone(), settings.seed, outline, settings.enqueued.clone());
        asked("optimizes", || objective.optimizes(&settings.monitor, settings.direction))?;
        let known = check_monitor(objective, &configurations, settings)?;
        let (direction, guessed) = direction(known, settings)?;
        asked("optimizes", || objective.optimizes(&settings.monitor, Some(direction)))?;
        if let Some(sampler) = sampler(settings) {
            configurations.ask(sampler.clone(), direction);
        }
        let study = record(objective, settings, (algorithm, lookahead), direction, &root)?;
        Ok(Checked { study, configurations, workers, notes: Vec::from_iter(guessed), idle })
    }
}

/// The sampler, unless all that it does is to draw at random.
fn sampler<O: Objective>(settings: &Settings<O>) -> Option<&Arc<dyn Sampler>> {
    settings.sampler.as_ref().filter(|sampler| sampler.id() != Prior.id())
}

/// The configurations to begin with, checked.
fn enqueue<O: Objective>(settings: &mut Settings<O>, root: &Root) -> Result<()> {
    if settings.start_with_defaults {
        let defaults = O::Hparams::defaults()?;
        settings.enqueued.insert(0, Arc::new(defaults));
    }
    for (i, given) in settings.enqueued.iter().enumerate() {
        root.check(&**given).map_err(|error| {
            Error::setting(format!("enqueued configuration {}: {error}", i + 1)).with_source(error)
        })?;
    }
    Ok(())
}

/// How many stages may be under way at once as far as decisions are concerned; `None` if they depend on no
/// order.
fn lookahead<O: Objective>(settings: &Settings<O>, algorithm: &Algorithm) -> Result<Option<u32>> {
    // which way is better does not matter for that
    let is_free = algorithm.scheduler(Direction::Minimize)?.order() == Order::Free
        && sampler(settings).is_none_or(|sampler| !sampler.learns());
    Ok(Some(settings.lookahead.unwrap_or(DEFAULT_LOOKAHEAD)).filter(|_| !is_free))
}

/// How many workers there are.
///
/// # Errors
/// The objective is not ready.
fn workers<O: Objective>(objective: &O, settings: &Settings<O>, outline: &Outline) -> Result<usize> {
    let ready = match catch(|| objective.ready().map(|()| objective.workers())) {
        Ok(ready) => ready.map_err(|error| Error::setting(error.to_string()).with_source(error))?,
        Err(panic) => return Err(Error::setting(format!("the objective is not ready: it {panic}"))),
    };
    if let Some(workplace) = &settings.workplace {
        return Ok(workplace.width());
    }
    let workers = settings.workers.or(ready.filter(|&workers| workers > 0)).unwrap_or_else(cores);
    // there are never more stages to train at once than trials
    Ok(workers.min(usize::try_from(outline.total_trials()).unwrap_or(usize::MAX)))
}

/// What the study is, for its repository.
fn record<O: Objective>(
    objective: &O,
    settings: &Settings<O>,
    (algorithm, lookahead): (Algorithm, Option<u32>),
    direction: Direction,
    root: &Root,
) -> Result<StudyRecord> {
    Ok(StudyRecord {
        format: FORMAT,
        hobbit: env!("CARGO_PKG_VERSION").to_owned(),
        algorithm,
        lookahead,
        sampler: sampler(settings).map(|sampler| sampler.id()),
        warm_start: warm_start::named(settings),
        promotion: Some(settings.promotion).filter(|promotion| *promotion != Promotion::Best),
        seed: settings.seed,
        monitor: settings.monitor.clone(),
        direction,
        score: settings.score,
        ties: Ties::ByLoss,
        retries: settings.retries,
        objective: asked("describe", || objective.describe())?,
        enqueued: settings.enqueued.iter().map(|given| given.values()).collect(),
        space: root.space::<O::Hparams>(),
    })
}

/// What the objective says; a panic is an error.
pub(super) fn asked<T>(what: &str, code: impl FnOnce() -> T) -> Result<T> {
    catch(code).map_err(|panic| Error::setting(format!("`{what}` of the objective {panic}")))
}

/// Settings that make no sense are errors.
fn check<O: Objective>(settings: &Settings<O>) -> Result<()> {
    let whole = |name: &str, value: u64| {
        if value == 0 { Err(Error::setting(format!("{name} is 0; it has to be at least 1"))) } else { Ok(()) }
    };
    if let Some(workers) = settings.workers {
        whole("the number of workers", workers as u64)?;
    }
    if let Some(group) = settings.group {
        whole("the size of a group", group as u64)?;
    }
    whole("max_deaths", u64::from(settings.max_deaths))?;
    if settings.monitor.trim().is_empty() {
        return Err(Error::setting(
            "the monitor is an empty text; it has to be the name of a metric, such as `val_loss`",
        ));
    }
    if let Some(lookahead) = settings.lookahead {
        whole("the lookahead", u64::from(lookahead))?;
    }
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
    settings.promotion.check()?;
    check_warm_start(settings)?;
    check_repository(settings)
}

/// What is known of other studies is of use to a sampler that learns, and to no other.
fn check_warm_start<O: Objective>(settings: &Settings<O>) -> Result<()> {
    let Some(before) = settings.warm_start.first() else { return Ok(()) };
    let learns = sampler(settings).is_some_and(|sampler| sampler.learns());
    if !learns {
        return Err(Error::setting(format!(
            "`warm_start` gives the outcomes in {before} to a sampler that learns, and the study has none: give it one, as in \
             `.sampler(Kde::new())`"
        )));
    }
    Ok(())
}

/// Settings of a repository need one, and have to agree with each other.
fn check_repository<O: Objective>(settings: &Settings<O>) -> Result<()> {
    let Settings { extend, overwrite, accept_changes, .. } = *settings;
    let of_a_repository = [
        (extend, "`extend` makes the study of a repository larger"),
        (overwrite, "`overwrite` starts the study of a repository over"),
        (accept_changes, "`accept_changes` continues the study of a repository"),
    ];
    if let Some((_, what)) = of_a_repository.iter().find(|(set, _)| *set && settings.repo_dir.is_none()) {
        return Err(Error::setting(format!("{what}, but no `repo_dir` is given")));
    }
    if let Some(sampler) = settings.sampler.as_ref().filter(|sampler| extend && sampler.learns()) {
        return Err(Error::setting(format!(
            "`extend` makes a study larger, which is not possible with the sampler `{}`: it learns, and in a larger study it would have \
             proposed other configurations from the beginning",
            sampler.name()
        )));
    }
    if overwrite && (extend || accept_changes) {
        let other = if extend { "extend" } else { "accept_changes" };
        return Err(Error::setting(format!(
            "`overwrite` starts a study over and `{other}` continues one: use only one of them"
        )));
    }
    Ok(())
}

/// The monitor has to be something that the models report. Asked of the first configurations, since any one
/// may be bad. Returns which way it gets better, if that is known.
fn check_monitor<O: Objective>(
    objective: &O,
    configurations: &Configurations<O::Hparams>,
    settings: &Settings<O>,
) -> Result<Option<Direction>> {
    let monitor = settings.monitor.as_str();
    let (mut first_error, mut first_panic) = (None, None);
    for index in 1..=configurations.outline().brackets()[0].stages[0].trials.min(5) as u32 {
        let hparams = configurations.example(TrialId::new(1, index))?;
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
        && let Ok(reader) = Reader::open_in(settings.storage.clone(), dir)
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
