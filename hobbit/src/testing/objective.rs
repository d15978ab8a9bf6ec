//! The laws of [`Objective`].

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::BoxError;
use crate::objective::{
    Array, ArrayData, Checkpoint, EpochContext, Interrupt, Interrupted, Member, Metrics, Objective,
    TrialContext,
};
use crate::random::Key;
use crate::trial::{Direction, TrialId};

/// The epochs that every configuration is trained.
const EPOCHS: u64 = 3;

/// Checks that an objective keeps the promises that a sweep relies on, by training each of the configurations
/// for three epochs, several times over:
///
/// - The same key gives the same model, metrics and checkpoints, bit for bit: with another objective made by
///   `make`, on another thread and worker, and whatever other trials are trained in between.
/// - Training that goes on from a checkpoint, or from a model that was [paused](Objective::pause), ends with
///   the bits of training that was never interrupted; saving changes nothing. A model that was loaded saves
///   the checkpoint that it was loaded from. The same holds in the middle of a stage.
/// - A checkpoint can be written to a file. One that lacks an array is an error, unless the array is not
///   needed.
/// - Every epoch reports the metrics that [`metrics`](Objective::metrics) names, each once, and
///   [`directions`](Objective::directions) names the same. An epoch may report others as well.
/// - [`describe`](Objective::describe), [`describe_trial`](Objective::describe_trial) and the names are the
///   same every time; [`cost`](Objective::cost) is finite and not negative; [`memory`](Objective::memory)
///   fits into memory.
/// - Trials that [fuse](Objective::fuses) give the same bits together as alone, and go on when others leave.
/// - An epoch of a trial that has to stop either is trained to its end or returns [`Interrupted`] itself.
///   [`interrupts`] asks for the latter.
///
/// The configurations should be ones that train: an error of an epoch breaks a law here. Objectives of large
/// data can be made with a part of them.
///
/// ```
/// use hobbit::{EpochContext, Key, Metrics, SearchSpace, TrialContext, search_space, testing};
///
/// #[search_space]
/// struct Hparams {
///     #[uniform(0.0..=1.0)]
///     rate: f64,
/// }
///
/// let objective = || {
///     let build = |hparams: &Hparams, _: &TrialContext| Ok((1.0, hparams.rate));
///     testing::Fake::new(build, |(x, rate): &mut (f64, f64), _: &EpochContext<'_>, metrics: &mut Metrics| {
///         *x -= *rate * *x;
///         metrics.report("val_loss", *x);
///         Ok(())
///     })
///     .state(|(x, _)| vec![*x], |(x, _), state| *x = state[0])
/// };
/// testing::objective(objective, (0..3).map(|seed| Hparams::draw(Key::new(seed)).unwrap()));
/// ```
///
/// # Panics
/// At the first law that is broken, with a message that says which.
pub fn objective<O: Objective>(make: impl Fn() -> O, hparams: impl IntoIterator<Item = O::Hparams>) {
    let tried = Vec::from_iter(hparams);
    for hparams in &tried {
        let suite = Suite { make: &make, hparams };
        suite.names_and_descriptions();
        suite.builds();
        let (epochs, saved) = suite.in_memory();
        suite.through_checkpoints(&epochs, &saved);
        suite.within_a_stage();
        suite.incomplete_checkpoints(&saved[0]);
        suite.told_to_stop();
        suite.together(&tried);
    }
    assert!(!tried.is_empty(), "the suite needs at least one configuration to try");
}

/// Checks that an epoch of a trial that has to stop returns [`Interrupted`], as [`EpochContext::check`] gives
/// it, for objectives that check between batches. A sweep that is left at once waits for the epochs of all
/// others.
///
/// # Panics
/// The epoch was trained to its end, or returned something else.
pub fn interrupts<O: Objective>(make: impl Fn() -> O, hparams: impl IntoIterator<Item = O::Hparams>) {
    for hparams in hparams {
        let heeded = Suite { make: &make, hparams: &hparams }.told_to_stop();
        assert!(
            heeded,
            "an epoch that was told to stop was trained to its end: `EpochContext::check` between batches"
        );
    }
}

/// What an epoch left.
#[derive(Debug, PartialEq)]
struct Epoch {
    /// Names and bits of the values.
    metrics: Vec<(String, u64)>,
    stopped: bool,
}

struct Suite<'a, O: Objective, F> {
    make: &'a F,
    hparams: &'a O::Hparams,
}

impl<O: Objective, F: Fn() -> O> Suite<'_, O, F> {
    /// An objective as a sweep has it when it begins to train, and the names of its metrics.
    fn prepared(&self) -> (O, Vec<Cow<'static, str>>) {
        let probe = (self.make)();
        works("`ready`", probe.ready());
        probe.optimizes("val_loss", None);
        let names = works("`metrics`", probe.metrics(self.hparams));
        assert!(!names.is_empty(), "`metrics` has to name at least one metric: the one to optimize");
        let monitor = names.iter().find(|name| name.starts_with("val_")).unwrap_or(&names[0]);
        let objective = (self.make)();
        works("`ready`", objective.ready());
        objective.optimizes(monitor, None);
        let directions = works("`directions`", objective.directions(self.hparams));
        let direction =
            directions.iter().find(|(name, _)| name == monitor).and_then(|(_, direction)| *direction);
        objective.optimizes(monitor, Some(direction.unwrap_or(Direction::Minimize)));
        (objective, names)
    }

    fn names_and_descriptions(&self) {
        let (first, names) = self.prepared();
        let (second, again) = self.prepared();
        assert_eq!(names, again, "`metrics` has to name the same metrics every time");
        for (place, name) in names.iter().enumerate() {
            assert!(!names[..place].contains(name), "`metrics` names `{name}` twice");
        }
        let directions = works("`directions`", first.directions(self.hparams));
        let directed: Vec<_> = directions.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(directed, names, "`directions` has to name the metrics that `metrics` names");
        assert_eq!(first.describe(), first.describe(), "`describe` has to say the same every time");
        assert_eq!(first.describe(), second.describe(), "`describe` has to say the same of equal objectives");
        let described = [&first, &first, &second].map(|made| made.describe_trial(self.hparams, EPOCHS));
        assert_eq!(described[0], described[1], "`describe_trial` has to say the same every time");
        assert_eq!(described[0], described[2], "`describe_trial` has to say the same of equal objectives");
        let cost = first.cost(self.hparams);
        assert!(cost.is_finite() && cost >= 0.0, "`cost` is {cost}; it has to be finite and not negative");
    }

    fn build(&self, objective: &O, trial: &TrialContext) -> O::Model {
        works("`build`", objective.build(self.hparams, trial))
    }

    /// Equal keys give equal models.
    fn builds(&self) {
        let (first, second) = (self.prepared().0, self.prepared().0);
        let saved = save(&first, &self.build(&first, &trial(0)));
        let again = save(&first, &self.build(&first, &trial(0)));
        same(&saved, &again, "a second model that is built under the same key");
        let other = save(&second, &self.build(&second, &trial(0)));
        same(&saved, &other, "a model that another objective builds under the same key");
    }

    /// Trains without a break; and again, paused and saved after every epoch, with another trial in between.
    /// Returns the epochs and the checkpoints.
    fn in_memory(&self) -> (Vec<Epoch>, Vec<Checkpoint>) {
        let (objective, names) = self.prepared();
        let whole_trial = trial(0);
        let mut whole = self.build(&objective, &whole_trial);
        let epochs: Vec<Epoch> =
            (0..EPOCHS).map(|epoch| train(&objective, &mut whole, &whole_trial, epoch, &names)).collect();
        let end = save(&objective, &whole);
        drop(whole);

        let (objective, _) = self.prepared();
        let (paused_trial, other_trial) =
            (trial(0), TrialContext { id: TrialId::new(1, 2), key: Key::new(2), ..trial(0) });
        let mut paused = self.build(&objective, &paused_trial);
        let mut other = self.build(&objective, &other_trial);
        let mut saved = Vec::new();
        for epoch in 0..EPOCHS {
            let found = train(&objective, &mut paused, &paused_trial, epoch, &names);
            equal(
                &found,
                &epochs[epoch as usize],
                epoch,
                "saved, paused, and trained on while another trial is trained too",
            );
            saved.push(save(&objective, &paused));
            objective.pause(&mut paused);
            let memory = objective.memory(&paused);
            assert!(
                isize::try_from(memory).is_ok(),
                "`memory` is {memory} bytes; no model is as large as that"
            );
            train(&objective, &mut other, &other_trial, epoch, &names);
        }
        same(&end, &saved[EPOCHS as usize - 1], "a model that was saved and paused in between");
        (epochs, saved)
    }

    /// Trains on from each checkpoint, with another objective, on another thread, as another worker.
    fn through_checkpoints(&self, epochs: &[Epoch], saved: &[Checkpoint]) {
        for begin in 1..EPOCHS {
            let (objective, names) = self.prepared();
            let hparams = self.hparams;
            let continued = || {
                let trial = TrialContext { worker: 1, ..trial(0) };
                let mut model = works("`build`", objective.build(hparams, &trial));
                let from = &saved[begin as usize - 1];
                works("`load`", objective.load(&mut model, from));
                same(from, &save(&objective, &model), "a model that was loaded");
                for epoch in begin..EPOCHS {
                    let found = train(&objective, &mut model, &trial, epoch, &names);
                    let how = format!("continued from the checkpoint of epoch {begin}");
                    equal(&found, &epochs[epoch as usize], epoch, &how);
                    same(&saved[epoch as usize], &save(&objective, &model), &how);
                }
                drop(model);
                objective.worker_ends();
            };
            std::thread::scope(|scope| scope.spawn(continued).join())
                .unwrap_or_else(|panic| resume_unwind(panic));
        }
    }

    /// Trains a stage of all epochs, and goes on in it from each of its checkpoints, as after a crash.
    fn within_a_stage(&self) {
        let (objective, names) = self.prepared();
        let trial = trial(0);
        let mut model = self.build(&objective, &trial);
        let mut epochs = Vec::new();
        for epoch in 0..EPOCHS {
            let trained = train_within(&objective, &mut model, &trial, (epoch, EPOCHS), &names);
            epochs.push((trained, save(&objective, &model)));
        }
        for begin in 1..EPOCHS {
            let mut model = self.build(&objective, &trial);
            works("`load`", objective.load(&mut model, &epochs[begin as usize - 1].1));
            for epoch in begin..EPOCHS {
                let found = train_within(&objective, &mut model, &trial, (epoch, EPOCHS), &names);
                let how = format!("continued from the checkpoint of epoch {begin}, in the middle of a stage");
                let (whole, saved) = &epochs[epoch as usize];
                equal(&found, whole, epoch, &how);
                same(saved, &save(&objective, &model), &how);
            }
        }
    }

    /// Loads checkpoints that lack an array.
    fn incomplete_checkpoints(&self, saved: &Checkpoint) {
        let (objective, _) = self.prepared();
        for name in saved.arrays.keys() {
            let mut incomplete = saved.clone();
            incomplete.arrays.remove(name);
            let mut model = self.build(&objective, &trial(0));
            match catch_unwind(AssertUnwindSafe(|| objective.load(&mut model, &incomplete))) {
                Ok(Err(_)) => {}
                Ok(Ok(())) => {
                    same(
                        saved,
                        &save(&objective, &model),
                        &format!("a model that was loaded without the array `{name}`"),
                    );
                }
                Err(_) => panic!(
                    "`load` panics at a checkpoint without the array `{name}`; it has to return an error"
                ),
            }
        }
    }

    /// Trains this configuration with all those that it fuses with, each of them twice. One after the other
    /// leaves. What is left is as if each had been alone.
    fn together(&self, all: &[O::Hparams]) {
        let (objective, names) = self.prepared();
        let kind = objective.fuses(self.hparams);
        let equal_kind = |other: &&O::Hparams| kind.is_some() && objective.fuses(other) == kind;
        let twice = all.iter().filter(equal_kind).flat_map(|hparams| [hparams, hparams]);
        let trials: Vec<(&O::Hparams, TrialContext)> = twice
            .zip(1..)
            .map(|(hparams, index)| {
                let (id, key) = (TrialId::new(1, index), Key::new(u64::from(index)));
                (hparams, TrialContext { id, key, ..trial(0) })
            })
            .collect();
        let built = |objective: &O| -> Vec<O::Model> {
            let build = |(hparams, trial): &(&O::Hparams, TrialContext)| objective.build(hparams, trial);
            trials.iter().map(|trial| works("`build`", build(trial))).collect()
        };
        let (mut alone, (other, _)) = (built(&objective), self.prepared());
        let mut together = built(&other);
        for epoch in 0..EPOCHS {
            // the first have left
            let left = (epoch as usize).min(trials.len().saturating_sub(1));
            let mut metrics: Vec<Metrics> = trials.iter().map(|_| Metrics::new()).collect();
            let parts = trials[left..].iter().zip(&mut together[left..]).zip(&mut metrics[left..]);
            let mut members: Vec<Member<'_, O>> = parts
                .map(|(((_, trial), model), metrics)| {
                    Member::new(model, EpochContext { trial, epoch, stage_end: epoch + 1 }, metrics)
                })
                .collect();
            if members.is_empty() {
                return;
            }
            other.train_epochs(&mut members);
            members.into_iter().for_each(|member| works("`train_epochs`", member.into_result()));
            for place in left..trials.len() {
                let whole = train(&objective, &mut alone[place], &trials[place].1, epoch, &names);
                let found = measured(&metrics[place], epoch, &names);
                equal(&found, &whole, epoch, "trained together with others");
                let (whole, found) = (save(&objective, &alone[place]), save(&other, &together[place]));
                same(&whole, &found, "a model that was trained together with others");
            }
        }
    }

    /// Trains an epoch that was told to stop; returns whether it did.
    fn told_to_stop(&self) -> bool {
        let (objective, _) = self.prepared();
        let interrupt = Arc::new(Interrupt { stopped: AtomicBool::new(true), deadline: None });
        let mut model = self.build(&objective, &trial(0));
        let trial = TrialContext { interrupt, ..trial(0) };
        let epoch = EpochContext { trial: &trial, epoch: 0, stage_end: 1 };
        let mut metrics = Metrics::new();
        let trained = objective.train_epoch(&mut model, &epoch, &mut metrics);
        match trained.and_then(|()| objective.validate(&mut model, &epoch, &mut metrics)) {
            Ok(()) => false,
            Err(error) => match error.downcast_ref() {
                Some(Interrupted::Stopped) => true,
                _ => panic!(
                    "an epoch that was told to stop returned another error ({error}), which would count as a failure of the \
                     trial; return what `EpochContext::check` gives as it is"
                ),
            },
        }
    }
}

/// The context of the trial that is trained.
fn trial(worker: u32) -> TrialContext {
    TrialContext { worker, ..TrialContext::detached(TrialId::new(1, 1), Key::new(1)).with_epochs(EPOCHS) }
}

fn works<T>(what: &str, result: Result<T, BoxError>) -> T {
    result.unwrap_or_else(|error| panic!("{what} returned an error: {error}"))
}

/// Trains and validates an epoch, counted from 0, that is a stage of its own.
fn train<O: Objective>(
    objective: &O,
    model: &mut O::Model,
    trial: &TrialContext,
    epoch: u64,
    names: &[Cow<'static, str>],
) -> Epoch {
    train_within(objective, model, trial, (epoch, epoch + 1), names)
}

/// Trains and validates an epoch of a stage that ends there.
fn train_within<O: Objective>(
    objective: &O,
    model: &mut O::Model,
    trial: &TrialContext,
    (epoch, stage_end): (u64, u64),
    names: &[Cow<'static, str>],
) -> Epoch {
    let context = EpochContext { trial, epoch, stage_end };
    let mut metrics = Metrics::new();
    works(
        &format!("`train_epoch` of epoch {}", epoch + 1),
        objective.train_epoch(model, &context, &mut metrics),
    );
    if let Some(loss) = objective.training_loss() {
        assert!(
            metrics.get(loss).is_some(),
            "`training_loss` is `{loss}`, which `train_epoch` does not report"
        );
    }
    works(&format!("`validate` of epoch {}", epoch + 1), objective.validate(model, &context, &mut metrics));
    measured(&metrics, epoch, names)
}

/// What an epoch measured, which has all that was named.
fn measured(metrics: &Metrics, epoch: u64, names: &[Cow<'static, str>]) -> Epoch {
    for name in names {
        let reported = metrics.get(name).is_some();
        assert!(reported, "epoch {} does not report `{name}`, which `metrics` names", epoch + 1);
    }
    let bits = |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    let metrics_of = metrics.iter().map(|(name, value)| (name.to_owned(), bits(value))).collect();
    Epoch { metrics: metrics_of, stopped: metrics.is_stopped() }
}

/// The model's checkpoint, which a file can hold.
fn save<O: Objective>(objective: &O, model: &O::Model) -> Checkpoint {
    let saved = works("`save`", objective.save(model));
    works("`save`", saved.check().map(|()| saved))
}

/// Compares an epoch with the same one of training without a break.
fn equal(found: &Epoch, whole: &Epoch, epoch: u64, how: &str) {
    let shown = |epoch: &Epoch| {
        let values = epoch.metrics.iter().map(|(name, bits)| format!("{name} {:?}", f64::from_bits(*bits)));
        let stopped = if epoch.stopped { ", stopped" } else { "" };
        values.collect::<Vec<_>>().join(", ") + stopped
    };
    assert!(
        found == whole,
        "epoch {} gives {} in a trial that was {how}, and {} in one that was trained without a break; the model, its key and \
         the epoch have to determine everything, and a checkpoint has to hold all that training depends on",
        epoch + 1,
        shown(found),
        shown(whole),
    );
}

/// Compares checkpoints bit for bit.
fn same(expected: &Checkpoint, found: &Checkpoint, whose: &str) {
    if let Some(difference) = difference(expected, found) {
        panic!("the checkpoint of {whose} is another one than it has to be: {difference}");
    }
}

fn difference(expected: &Checkpoint, found: &Checkpoint) -> Option<String> {
    let names = |checkpoint: &Checkpoint| checkpoint.arrays.keys().cloned().collect::<Vec<_>>();
    if names(expected) != names(found) {
        return Some(format!("it has the arrays {:?} instead of {:?}", names(found), names(expected)));
    }
    for (name, array) in &expected.arrays {
        let other = &found.arrays[name];
        if array.shape != other.shape {
            return Some(format!("`{name}` has shape {:?} instead of {:?}", other.shape, array.shape));
        }
        if let Some((place, values)) = other_value(array, other) {
            return Some(format!("value {place} of `{name}` is {values}"));
        }
    }
    (expected.metadata != found.metadata)
        .then(|| format!("its metadata are {:?} instead of {:?}", found.metadata, expected.metadata))
}

/// The first value that differs.
fn other_value(expected: &Array, found: &Array) -> Option<(usize, String)> {
    fn first<T: std::fmt::Debug>(a: &[T], b: &[T], is_same: fn(&T, &T) -> bool) -> Option<(usize, String)> {
        let place = a.iter().zip(b).position(|(a, b)| !is_same(a, b))?;
        Some((place, format!("{:?} instead of {:?}", b[place], a[place])))
    }
    match (&expected.data, &found.data) {
        (ArrayData::F32(a), ArrayData::F32(b)) => first(a, b, |a, b| a.to_bits() == b.to_bits()),
        (ArrayData::F64(a), ArrayData::F64(b)) => first(a, b, |a, b| a.to_bits() == b.to_bits()),
        (ArrayData::I64(a), ArrayData::I64(b)) => first(a, b, |a, b| a == b),
        (ArrayData::U8(a), ArrayData::U8(b)) => first(a, b, |a, b| a == b),
        _ => Some((0, "a number of another type".to_owned())),
    }
}
