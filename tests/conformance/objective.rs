//! Objectives: those of the project, and some that break a law each. Those of the examples are tested beside
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hobbit::testing::{self, Fake};
use hobbit::{BoxError, Checkpoint, EpochContext, Key, Metrics, Objective, SearchSpace, TrialContext};

use super::breaks;
use crate::support::scripted::Rate;
use crate::support::{Curve, Params};

fn drawn<H: SearchSpace>(count: u64) -> Vec<H> {
    (0..count).map(|seed| H::draw(Key::new(seed)).unwrap()).collect()
}

/// An objective of which no more is known than what it trains.
fn boxed<O: Objective>(objective: O) -> Box<dyn Objective<Hparams = O::Hparams, Model = O::Model>> {
    Box::new(objective)
}

#[test]
fn objectives_can_be_trait_objects() {
    let objective = boxed(Fake::constant(|hparams: &Rate| hparams.rate));
    assert_eq!(objective.metrics(&drawn(1)[0]).unwrap(), ["val_loss"]);
}

#[test]
fn the_fakes_of_tests_keep_the_laws() {
    testing::objective(Curve::default, drawn::<Params>(3));
    testing::objective(|| Curve { says: Some("something"), ..Curve::default() }, drawn::<Params>(1));
    testing::objective(|| Fake::constant(|hparams: &Rate| hparams.rate), drawn(2));
    let script = |hparams: &Rate, epoch: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report("val_loss", hparams.rate * epoch.epoch as f64);
        Ok(())
    };
    testing::objective(|| Fake::scripted(script), drawn(2));
}

#[cfg(feature = "dfdx")]
#[test]
fn networks_keep_the_laws_and_heed_interrupts() {
    use crate::train::{circles, circles_by_dfdx, feeding};
    testing::objective(circles, drawn(3));
    testing::interrupts(circles, drawn(1));
    testing::objective(circles_by_dfdx, drawn(12));
    testing::objective(|| feeding::study(2).into_objective(), drawn(2));
    testing::interrupts(|| feeding::study(0).into_objective(), drawn(1));
}

/// What falls towards 0 with some noise, from a value that the key says.
type Walk = Fake<Rate, [f64; 2]>;

fn walk() -> Walk {
    Fake::new(
        |hparams: &Rate, trial: &TrialContext| Ok([trial.key.rng().unit(), hparams.rate]),
        |model: &mut [f64; 2], epoch: &EpochContext<'_>, metrics: &mut Metrics| {
            model[0] = model[1] * model[0] + epoch.key(1).rng().unit();
            metrics.report("val_loss", model[0]);
            Ok(())
        },
    )
    .state(|model| model.to_vec(), |model, state| model.copy_from_slice(state))
}

/// The suite of the objectives, with the configuration that is tried.
#[track_caller]
fn objective_breaks(make: impl Fn() -> Walk, words: &[&str]) {
    breaks(|| testing::objective(make, drawn(1)), words);
}

#[test]
fn a_sound_objective_passes() {
    testing::objective(walk, drawn(3));
    testing::objective(|| walk().fusing(|_| Some(7)), drawn(2));
}

#[test]
fn what_checkpoints_lose_is_noticed() {
    let first = |model: &[f64; 2]| vec![model[0]];
    // the second number of the state changes, and is not saved
    let forgetful = || {
        walk()
            .training(|model: &mut [f64; 2], _, _| {
                model[1] *= 0.5;
                Ok(())
            })
            .state(first, |model, state| model[0] = state[0])
    };
    objective_breaks(forgetful, &["epoch 2 gives val_loss", "continued from the checkpoint of epoch 1"]);
    // it is not loaded
    objective_breaks(|| walk().state(first, |_, _| ()), &["a model that was loaded", "value 0 of `state`"]);
    // what is missing is not missed
    let save = |model: &[f64; 2]| {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("value", &[], vec![model[0]]);
        Ok(checkpoint)
    };
    let careless = |model: &mut [f64; 2], saved: &Checkpoint| {
        model[0] = saved.f64("value", &[]).map_or(0.0, |value| value[0]);
        Ok(())
    };
    objective_breaks(move || walk().saving(save, careless), &["loaded without the array `value`"]);
    let panicking = |model: &mut [f64; 2], saved: &Checkpoint| {
        model[0] = saved.f64("value", &[]).expect("a value")[0];
        Ok(())
    };
    objective_breaks(move || walk().saving(save, panicking), &["`load` panics", "without the array `value`"]);
    // no file holds this
    let unsound = |model: &[f64; 2]| {
        let mut checkpoint = Checkpoint::new();
        checkpoint.insert_f64("value", &[7], model.to_vec());
        Ok(checkpoint)
    };
    objective_breaks(move || walk().saving(unsound, |_, _| Ok(())), &["`save`", "shape [7] and 2 values"]);
}

#[test]
fn randomness_without_a_key_is_noticed() {
    let drawn = Arc::new(AtomicU64::new(0));
    let next = move || drawn.fetch_add(1, Ordering::Relaxed) as f64;
    let build = move |_: &Rate, _: &TrialContext| Ok([next(), 0.5]);
    let epoch = |_: &mut [f64; 2], _: &EpochContext<'_>, metrics: &mut Metrics| {
        metrics.report("val_loss", 0.5);
        Ok(())
    };
    let shared = Arc::new(Fake::new(build, epoch).state(|model| model.to_vec(), |_, _| ()));
    let make = || {
        let shared = shared.clone();
        Fake::new(move |hparams: &Rate, trial| shared.build(hparams, trial), epoch)
            .state(|model| model.to_vec(), |_, _| ())
    };
    objective_breaks(make, &["a second model that is built under the same key"]);
    // the trials of one objective share a generator
    let make = || {
        let drawn = AtomicU64::new(0);
        walk().training(move |model: &mut [f64; 2], _, _| {
            model[0] += drawn.fetch_add(1, Ordering::Relaxed) as f64;
            Ok(())
        })
    };
    objective_breaks(make, &["epoch 2 gives val_loss", "another trial"]);
}

#[test]
fn wrong_names_descriptions_and_sizes_are_noticed() {
    objective_breaks(
        || walk().metrics(["val_loss", "val_acuracy"]),
        &["epoch 1 does not report `val_acuracy`"],
    );
    objective_breaks(|| walk().metrics(["val_loss", "val_loss"]), &["names `val_loss` twice"]);
    objective_breaks(|| walk().metrics([""; 0]), &["at least one metric"]);
    objective_breaks(|| walk().training_loss("loss"), &["`training_loss` is `loss`", "does not report"]);
    objective_breaks(|| walk().memory(usize::MAX), &["`memory` is"]);
    let count = Arc::new(AtomicU64::new(0));
    let described = move || {
        let count = count.clone();
        walk().describing_trials(move |_, _| {
            let count = count.fetch_add(1, Ordering::Relaxed);
            BTreeMap::from([("run".to_owned(), count.to_string())])
        })
    };
    objective_breaks(described, &["`describe_trial` has to say the same every time"]);
}

#[test]
fn interrupts_that_become_other_errors_are_noticed() {
    let checking = |change: fn(hobbit::Interrupted) -> BoxError| {
        walk().training(move |_: &mut [f64; 2], epoch: &EpochContext<'_>, _: &mut Metrics| {
            epoch.check().map_err(change)
        })
    };
    testing::objective(|| checking(|stopped| stopped.into()), drawn(1));
    testing::interrupts(|| checking(|stopped| stopped.into()), drawn(1));
    let other = || checking(|stopped| format!("training failed: {stopped}").into());
    objective_breaks(other, &["returned another error (training failed: the sweep was stopped)"]);
    breaks(|| testing::interrupts(walk, drawn(1)), &["was trained to its end"]);
}

#[test]
fn nothing_to_try_is_no_proof() {
    breaks(|| testing::objective(walk, Vec::new()), &["at least one configuration"]);
}
