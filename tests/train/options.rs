//! Everything that a model may say of its training: losses, weights, schedules, stopping, callbacks, metrics.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use dfdx::shapes::Axis;
use dfdx::tensor_ops::MeanTo;
use hobbit::prelude::*;
use hobbit::train::{Answers, CustomLoss, CustomMetric, EarlyStopping, Outputs, SampleLosses};
use hobbit::{ArrayData, EpochContext, Key, Metrics, Objective, TrialContext, TrialId};

#[search_space]
struct Nothing {
    unused: bool,
}

const NOTHING: Nothing = Nothing { unused: false };

/// Trains so many epochs, or until training is stopped, and gives the metrics of each.
fn train(make: impl Fn() -> Compiled + Send + Sync + 'static, dataset: Dataset, epochs: u64) -> Vec<Metrics> {
    let objective = Hyperband::new(move |_: &Nothing| make()).dataset(dataset).into_objective();
    let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(5));
    let mut model = objective.build(&NOTHING, &trial).unwrap();
    let mut all: Vec<Metrics> = Vec::new();
    for epoch in 0..epochs {
        if all.last().is_some_and(Metrics::is_stopped) {
            break;
        }
        let context = EpochContext { trial: &trial, epoch, stage_end: epochs };
        let mut metrics = Metrics::new();
        objective.train_epoch(&mut model, &context, &mut metrics).unwrap();
        objective.validate(&mut model, &context, &mut metrics).unwrap();
        // an interruption after every epoch changes nothing
        let saved = objective.save(&model).unwrap();
        model = objective.build(&NOTHING, &trial).unwrap();
        objective.load(&mut model, &saved).unwrap();
        all.push(metrics);
    }
    all
}

fn line() -> Dataset {
    let x: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
    let y: Vec<f32> = x.iter().map(|x| 0.5 * x - 0.25).collect();
    Dataset::new((&x, &y), (&x, &y)).unwrap()
}

fn regression() -> Sequential {
    Sequential::new([1]).dense(1)
}

fn fourth_power(outputs: Outputs, targets: Answers) -> SampleLosses {
    (outputs - targets).square().square().mean::<_, Axis<1>>()
}

fn squared(outputs: Outputs, targets: Answers) -> SampleLosses {
    (outputs - targets).square().mean::<_, Axis<1>>()
}

#[test]
fn losses_and_metrics_of_ones_own() {
    fn off_by_a_tenth(outputs: &[f32], target: &[f32]) -> f64 {
        f64::from((outputs[0] - target[0]).abs() > 0.1)
    }
    let own = Metric::Custom(CustomMetric::new("off", off_by_a_tenth));
    let all = train(
        move || {
            let loss = Loss::Custom(CustomLoss::new("fourth power", fourth_power));
            regression().compile(Adam::new(0.05), loss).metrics([Metric::MeanAbsoluteError, own])
        },
        line(),
        800,
    );
    let names: Vec<&str> = all[0].iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["loss", "mae", "off", "val_loss", "val_mae", "val_off"]);
    assert!(all[0].get("val_off") > Some(0.5), "{:?}", all[0]);
    assert_eq!(all[799].get("val_off"), Some(0.0), "{:?}", all[799]);
    // a loss that hobbit has is the same by way of dfdx
    let of = |loss: Loss| train(move || regression().compile(Sgd::new(0.1), loss), line(), 3);
    let (own, built_in) = (of(Loss::Custom(CustomLoss::new("squared", squared))), of(Loss::MeanSquaredError));
    for (own, built_in) in own.iter().zip(&built_in) {
        let (own, built_in) = (own.get("val_loss").unwrap(), built_in.get("val_loss").unwrap());
        assert!((own - built_in).abs() < 1e-6 * built_in, "{own} and {built_in}");
    }
}

#[test]
fn a_class_that_counts_has_to_be_there() {
    let x: Vec<f32> = (0..8).map(|i| i as f32).collect();
    let dataset = Dataset::new((&x, vec![0u8; 8]), (&x, vec![0u8; 8])).unwrap();
    let model = |_: &Nothing| {
        let model = Sequential::new([1]).dense(2).compile(Adam::new(0.05), Loss::CrossEntropy);
        model.class_weights([0.0, 1.0])
    };
    let error = Hyperband::new(model).dataset(dataset).quiet().run(3, 3).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("no training sample of epoch 1 counts"), "{error}");
}

#[test]
fn weights_of_samples_and_classes() {
    let x = vec![0.0f32; 40];
    let y: Vec<u8> = (0..40).map(|i| u8::from(i % 4 == 0)).collect();
    let dataset = || Dataset::new((&x, &y), (&x, &y)).unwrap();
    // a network that sees nothing learns how much each class counts
    let ratio = |dataset: Dataset, weights: Option<[f32; 2]>, outputs: usize| {
        let loss = if outputs == 1 { Loss::BinaryCrossEntropy } else { Loss::CrossEntropy };
        let model = move |_: &Nothing| {
            let model = Sequential::new([1]).dense(outputs).compile(Adam::new(0.05), loss);
            match weights {
                Some(weights) => model.class_weights(weights),
                None => model,
            }
        };
        let objective = Hyperband::new(model).dataset(dataset).batch_size(40).into_objective();
        let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(5));
        let mut model = objective.build(&NOTHING, &trial).unwrap();
        for epoch in 0..400 {
            let context = EpochContext { trial: &trial, epoch, stage_end: 400 };
            objective.train_epoch(&mut model, &context, &mut Metrics::new()).unwrap();
        }
        model.predict(&[0.0]).unwrap().values()[outputs - 1]
    };
    for outputs in [1, 2] {
        assert!((ratio(dataset(), None, outputs) - 0.25).abs() < 0.01);
        assert!((ratio(dataset(), Some([1.0, 3.0]), outputs) - 0.5).abs() < 0.01);
        let weights: Vec<f32> = y.iter().map(|&class| if class == 1 { 3.0 } else { 1.0 }).collect();
        assert!((ratio(dataset().training_weights(weights).unwrap(), None, outputs) - 0.5).abs() < 0.01);
    }
    let message = dataset().training_weights(vec![1.0; 3]).unwrap_err().to_string();
    assert!(message.contains("3 weights for 40"), "{message}");
    assert!(dataset().validation_weights(vec![f32::NAN; 40]).is_err());
}

#[test]
fn label_smoothing_is_in_the_loss() {
    let x = vec![0.0f32; 8];
    let y = vec![1u8; 8];
    let last = train(
        || Sequential::new([1]).dense(4).compile(Adam::new(0.05), Loss::CrossEntropy).label_smoothing(0.2),
        Dataset::new((&x, &y), (&x, &y)).unwrap(),
        600,
    );
    // the best that can be had is the entropy of what is asked for: 0.85 and three times 0.05
    let entropy = -(0.85f64 * 0.85f64.ln() + 3.0 * 0.05 * 0.05f64.ln());
    let found = last[599].get("val_loss").unwrap();
    assert!((found - entropy).abs() < 1e-3, "{found} and {entropy}");
}

#[test]
fn stopping_and_callbacks() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&calls);
    let all = train(
        move || {
            let own = Arc::clone(&own);
            regression()
                .compile(Sgd::new(0.3), Loss::MeanSquaredError)
                .schedule(Schedule::step(2, 0.5))
                .on_epoch_end(move |end| {
                    own.lock().unwrap().push((
                        end.epochs,
                        end.learning_rate,
                        end.metrics.get("val_mse").unwrap(),
                    ));
                    if end.epochs == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
        },
        line(),
        9,
    );
    let calls = calls.lock().unwrap();
    assert_eq!(calls.iter().map(|call| call.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(calls.iter().map(|call| call.1).collect::<Vec<_>>(), [0.3, 0.3, 0.15, 0.15, 0.075]);
    assert!(calls.iter().zip(&all).all(|(call, metrics)| metrics.get("val_mse") == Some(call.2)));
    assert_eq!(all.len(), 5, "the stage has no other epochs");
    let all = train(
        || {
            regression()
                .compile(Sgd::new(0.0), Loss::MeanSquaredError)
                .early_stopping(EarlyStopping::new("val_mse", 2))
        },
        line(),
        6,
    );
    assert_eq!(all.len(), 3);
}

#[test]
fn the_learning_rate_at_an_epochs_end_is_that_of_its_last_step() {
    let rates = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&rates);
    train(
        move || {
            let seen = Arc::clone(&seen);
            regression()
                .compile(Sgd::new(0.5), Loss::MeanSquaredError)
                .schedule(Schedule::cosine(4))
                .on_epoch_end(move |end| {
                    seen.lock().unwrap().push(end.learning_rate);
                    ControlFlow::Continue(())
                })
        },
        line(),
        4,
    );
    // 64 samples in batches of 32: two steps, the second half an epoch after the first
    let expected = [0.5, 1.5, 2.5, 3.5].map(|at: f64| 0.25 * (1.0 + (at / 4.0 * std::f64::consts::PI).cos()));
    let rates = rates.lock().unwrap();
    assert_eq!(rates.len(), 4);
    assert!(rates.iter().zip(expected).all(|(rate, expected)| (rate - expected).abs() < 1e-12), "{rates:?}");
}

/// The weight and the bias of the line, and how far one step over all samples moves them.
fn step(change: fn(Compiled) -> Compiled) -> ([f64; 2], [f64; 2]) {
    let model = move |_: &Nothing| change(regression().compile(Sgd::new(RATE), Loss::MeanSquaredError));
    let objective = Hyperband::new(model).dataset(line()).batch_size(64).into_objective();
    let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(5));
    let mut model = objective.build(&NOTHING, &trial).unwrap();
    let parameters = |model: &Model| {
        let saved = objective.save(model).unwrap();
        ["weight", "bias"].map(|kind| {
            let (_, array) = saved.arrays.iter().find(|(name, _)| name.ends_with(kind)).unwrap();
            match &array.data {
                ArrayData::F32(values) => f64::from(values[0]),
                other => panic!("{other:?}"),
            }
        })
    };
    let before = parameters(&model);
    let context = EpochContext { trial: &trial, epoch: 0, stage_end: 1 };
    objective.train_epoch(&mut model, &context, &mut Metrics::new()).unwrap();
    let after = parameters(&model);
    (before, [after[0] - before[0], after[1] - before[1]])
}

const RATE: f64 = 0.5;

#[test]
fn clipping_and_regularization_change_a_step_as_they_say() {
    let ([weight, _], plain) = step(|model| model);
    let gradient = plain.map(|step| -step / RATE);
    let norm = gradient[0].hypot(gradient[1]);
    // otherwise nothing would be clipped, or only one of the two
    assert!(gradient.iter().all(|gradient| gradient.abs() > 0.1), "{gradient:?}");
    assert!(weight.abs() > 0.1, "{weight}");
    let check = |change, expected: [f64; 2]| {
        let (_, found) = step(change);
        let expected = expected.map(|gradient| -RATE * gradient);
        let is_near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6);
        assert!(is_near, "{found:?} instead of {expected:?}; without a change {plain:?}");
    };
    check(|model| model.clip_norm(0.1), gradient.map(|gradient| gradient * 0.1 / norm));
    check(|model| model.clip_norm(1e3), gradient);
    check(|model| model.clip_value(0.1), gradient.map(|gradient| gradient.clamp(-0.1, 0.1)));
    check(|model| model.clip_value(1e3), gradient);
    // biases are left out
    check(|model| model.l1(0.1), [gradient[0] + 0.1 * weight.signum(), gradient[1]]);
    check(|model| model.l2(0.1), [gradient[0] + 2.0 * 0.1 * weight, gradient[1]]);
}

#[test]
fn clipping_and_regularization_keep_from_what_is_best() {
    let last = |change: fn(Compiled) -> Compiled| {
        let all =
            train(move || change(regression().compile(Sgd::new(0.5), Loss::MeanSquaredError)), line(), 20);
        all[19].get("val_loss").unwrap()
    };
    let plain = last(|model| model);
    assert!(plain < 1e-4);
    assert!(last(|model| model.clip_norm(0.01)) > plain);
    assert!(last(|model| model.clip_value(0.01)) > plain);
    assert!(last(|model| model.l1(0.1)) > plain && last(|model| model.l2(0.1)) > plain);
    assert!(last(|model| model.schedule(Schedule::on_plateau(1, 0.5))) < 1e-2);
}
