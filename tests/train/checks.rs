//! What data, batches and checkpoints have to be like for a model: found before anything is trained, or where
//! they come.

use dfdx::nn::builders::{BatchNorm1D, BatchNorm2D, Linear};
use dfdx::shapes::Const;
use hobbit::prelude::*;
use hobbit::train::{Dense, Samples, Targets, module};
use hobbit::{Checkpoint, EpochContext, Key, Metrics, Objective, TrialContext, TrialId};

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
}

const HP: Hparams = Hparams { learning_rate: 0.01 };

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// Points, and what is given for those below and above a line.
fn halves(no: f32, yes: f32) -> (Vec<f32>, Vec<f32>) {
    let x: Vec<f32> = (0..64).map(|i| (i as f32 * 0.713).sin()).collect();
    let y = x.chunks(2).map(|p| if p[0] > p[1] { yes } else { no }).collect();
    (x, y)
}

fn binary(hp: &Hparams) -> Compiled {
    Sequential::new([2]).dense(1).compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy)
}

fn soft(hp: &Hparams) -> Compiled {
    Sequential::new([2]).dense(2).compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

/// Why a sweep on these samples does not begin.
fn refused(model: fn(&Hparams) -> Compiled, x: &[f32], y: impl Into<Targets>) -> String {
    let y = y.into();
    let data = Dataset::new((x, y.clone()), (x, y)).unwrap();
    Hyperband::new(model)
        .dataset(data)
        .quiet()
        .run(3, 3)
        .err()
        .map_or("it was not".to_owned(), |e| e.to_string())
}

#[test]
fn a_sweep_on_targets_that_the_loss_does_not_allow_does_not_begin() {
    for (no, yes) in [(-1.0, 1.0), (0.0, 255.0)] {
        let (x, y) = halves(no, yes);
        says(&refused(binary, &x, &y), &["training sample", "binary cross-entropy", "from 0 to 1"]);
        let both: Vec<f32> = y.iter().flat_map(|&t| [t, no + yes - t]).collect();
        says(&refused(soft, &x, Targets::rows(both, 2)), &["training sample 0", "cross-entropy", "sum of 1"]);
    }
    let (x, y) = halves(0.0, 1.0);
    assert_eq!(refused(binary, &x, &y), "it was not");
    let both: Vec<f32> = y.iter().flat_map(|&t| [t, 1.0 - t]).collect();
    assert_eq!(refused(soft, &x, Targets::rows(both, 2)), "it was not");
    let none = Dataset::new((&x, &y), (&x, &y)).unwrap().training_weights(vec![0.0; 32]);
    says(&none.unwrap_err().to_string(), &["training", "all weights", "0"]);
    let folds = Dataset::k_fold(2, (&x, &y), 0).unwrap();
    let first = [vec![1.0], vec![0.0; 31]].concat();
    says(&folds.validation_weights(first).unwrap_err().to_string(), &["validation", "all weights"]);
}

fn trial() -> TrialContext {
    TrialContext::detached(TrialId::new(1, 1), Key::new(5))
}

/// An epoch's metrics, or what went wrong, and the state afterwards.
fn epoch(
    model: impl Fn(&Hparams) -> Compiled + Send + Sync + 'static,
    data: impl Into<hobbit::train::Data>,
) -> (Result<Metrics, String>, Checkpoint) {
    let objective = Hyperband::new(model).dataset(data).batch_size(4).into_objective();
    let trial = trial();
    let mut model = match objective.build(&HP, &trial) {
        Ok(model) => model,
        Err(error) => return (Err(error.to_string()), Checkpoint::new()),
    };
    let context = EpochContext { trial: &trial, epoch: 0, stage_end: 9 };
    let mut metrics = Metrics::new();
    let result = objective
        .train_epoch(&mut model, &context, &mut metrics)
        .and_then(|()| objective.validate(&mut model, &context, &mut metrics));
    (result.map(|()| metrics).map_err(|error| error.to_string()), objective.save(&model).unwrap())
}

/// Batches of these, once an epoch.
fn batches(all: Vec<Samples>) -> Generators {
    let (x, y) = halves(0.0, 1.0);
    Generators::new().train_data(move |_| all.clone()).validation_samples(x, y)
}

#[test]
fn batches_that_the_loss_does_not_allow_fail_the_trial_with_their_place() {
    let (x, y) = halves(0.0, 1.0);
    let whole = || Samples::new(&x[..8], &y[..4]);
    let of = |last: Samples| epoch(binary, batches(vec![whole(), last])).0.unwrap_err();
    says(&of(Samples::new(&x[..4], vec![0.0f32, 7.0])), &["step 2 of epoch 1", "sample 1 have 7"]);
    says(&of(Samples::new(&x[..4], vec![0.0f32, f32::NAN])), &["step 2 of epoch 1", "NaN at sample 1"]);
    says(&of(Samples::new(&x[..4], vec![0u8, 2])), &["step 2 of epoch 1", "class 2"]);
    says(&of(whole().weights([1.0, -1.0, 1.0, 1.0])), &["step 2", "sample 1 is -1"]);
    // a batch without weight may come, an epoch without is none
    epoch(binary, batches(vec![whole(), whole().weights([0.0; 4])])).0.unwrap();
    says(
        &epoch(binary, batches(vec![whole().weights([0.0; 4])])).0.unwrap_err(),
        &["all weights", "training"],
    );
    let unmeasured =
        batches(vec![whole()]).validation_data(|_| [Samples::new(vec![0.0, 1.0], vec![1u8]).weights([0.0])]);
    says(&epoch(binary, unmeasured).0.unwrap_err(), &["all weights", "validation", "epoch 1"]);
}

/// Normalizes the numbers of a sample's over a batch, by a layer of either engine.
fn normalized(by_dfdx: bool) -> impl Fn(&Hparams) -> Compiled + Send + Sync + Clone + 'static {
    type Module = (Linear<2, 4>, BatchNorm1D<4>);
    move |hp| {
        let network = match by_dfdx {
            true => Sequential::new([2]).layer(module::<Module, (usize, Const<2>)>()),
            false => Sequential::new([2]).dense(4).batch_norm(),
        };
        network.dense(1).compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy)
    }
}

fn first(samples: usize) -> Dataset {
    let (x, y) = halves(0.0, 1.0);
    Dataset::new((&x[..2 * samples], &y[..samples]), (&x, &y)).unwrap()
}

fn steps(checkpoint: &Checkpoint) -> &str {
    &checkpoint.metadata["steps"]
}

#[test]
fn a_batch_of_one_joins_the_one_before_where_batches_are_normalized() {
    for by_dfdx in [false, true] {
        // 4 + 5, 4 + 4 + 2, and without normalization 4 + 4 + 1
        for (samples, right) in [(9, "2"), (10, "3"), (5, "1"), (8, "2")] {
            let (metrics, saved) = epoch(normalized(by_dfdx), first(samples));
            assert_eq!(steps(&saved), right, "{samples}");
            assert!(metrics.unwrap().get("val_loss").unwrap() < 2.0);
        }
        let alone = epoch(normalized(by_dfdx), first(1)).0.unwrap_err();
        says(&alone, &["only 1 training sample", "normalizes", "at least 2"]);
        let ones = normalized(by_dfdx);
        says(
            &epoch(move |hp| ones(hp).batch_size(1), first(9)).0.unwrap_err(),
            &["batch size is 1", "normalizes"],
        );
    }
    assert_eq!(steps(&epoch(binary, first(9)).1), "3");
    assert_eq!(steps(&epoch(|hp| binary(hp).batch_size(1), first(9)).1), "9");
}

/// Of an image, one sample has several numbers for each channel.
#[test]
fn images_are_normalized_one_by_one() {
    type Module = BatchNorm2D<1>;
    let native = |hp: &Hparams| {
        let network = Sequential::new([1, 2, 2]).batch_norm().flatten().dense(1);
        network.compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy).batch_size(1)
    };
    let by_dfdx = |hp: &Hparams| {
        let network =
            Sequential::new([1, 2, 2]).layer(module::<Module, (usize, Const<1>, Const<2>, Const<2>)>());
        network
            .flatten()
            .dense(1)
            .compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy)
            .batch_size(1)
    };
    let (x, y) = halves(0.0, 1.0);
    let data = || Dataset::new((&x[..20], &y[..5]), (&x[..20], &y[..5])).unwrap();
    for (result, saved) in [epoch(native, data()), epoch(by_dfdx, data())] {
        assert!(result.unwrap().get("val_loss").unwrap().is_finite());
        assert_eq!(steps(&saved), "5");
    }
}

#[test]
fn generated_batches_of_one_join_the_one_before_or_fail_the_trial() {
    let (x, y) = halves(0.0, 1.0);
    let cut = move |sizes: &[usize]| {
        let mut from = 0;
        let all = sizes.iter().map(|size| {
            from += size;
            Samples::new(&x[2 * (from - size)..2 * from], &y[from - size..from])
        });
        batches(all.collect())
    };
    for prefetch in [0, 2] {
        let of = |sizes: &[usize]| epoch(normalized(false), cut(sizes).prefetch(prefetch));
        let in_memory = {
            let (result, saved) = of(&[4, 5]);
            (result.unwrap(), saved)
        };
        let (joined, saved) = of(&[4, 4, 1]);
        assert!(joined.unwrap() == in_memory.0 && saved == in_memory.1);
        says(&of(&[1, 1, 1]).0.unwrap_err(), &["batch 1 of epoch 1 is of 1 sample", "layer 2 (batch norm)"]);
        let steps_of = |model: fn(&Hparams) -> Compiled| {
            let saved = epoch(model, cut(&[4, 4, 1]).prefetch(prefetch)).1;
            steps(&saved).to_owned()
        };
        assert_eq!(steps_of(binary), "3");
    }
}

/// Epochs of 4 + 5 samples from an endless stream, of which one batch in three is of one sample.
#[test]
fn a_stream_goes_on_where_the_last_epoch_ended_whatever_was_joined() {
    let batch = |start: &hobbit::train::Start| {
        let ((x, y), mut rng) = (halves(0.0, 1.0), start.key.rng());
        move |number: u32| {
            let size = if number % 3 == 2 { 1 } else { 4 };
            let row = rng.below(8) as usize;
            Samples::new(&x[2 * row..2 * (row + size)], &y[row..row + size])
        }
    };
    let (x, y) = halves(0.0, 1.0);
    let data = Generators::new().train_data(move |start| (0..).map(batch(start))).steps_per_epoch(3);
    let objective = Hyperband::new(normalized(false)).dataset(data.validation_samples(x, y)).into_objective();
    let trial = trial();
    let train = |model: &mut Model, epoch| {
        let context = EpochContext { trial: &trial, epoch, stage_end: 4 };
        objective.train_epoch(model, &context, &mut Metrics::new()).unwrap();
    };
    let new = || objective.build(&HP, &trial).unwrap();
    let (mut kept, mut resumed) = (new(), new());
    for epoch in 0..4 {
        train(&mut kept, epoch);
        train(&mut resumed, epoch);
        let saved = objective.save(&resumed).unwrap();
        resumed = new();
        objective.load(&mut resumed, &saved).unwrap();
    }
    let saved = objective.save(&kept).unwrap();
    assert!(saved == objective.save(&resumed).unwrap());
    assert_eq!((saved.metadata["batches"].as_str(), steps(&saved)), ("12", "8"));
}

#[test]
fn a_generator_that_panics_fails_the_trial_with_its_message() {
    for prefetch in [0, 2, usize::MAX] {
        let data = Generators::new()
            .train_data(|_| {
                (0..).map(|i: u32| {
                    assert!(i < 3, "data/part-7.bin is damaged");
                    (vec![1.0f32; 8], vec![0u8; 4])
                })
            })
            .steps_per_epoch(5)
            .validation_data(|_| [(vec![1.0f32; 4], vec![0u8; 2])])
            .prefetch(prefetch);
        let text = epoch(soft, data.clone()).0.unwrap_err();
        says(&text, &["step 4 of 5 of epoch 1", "panicked at", "checks.rs", "data/part-7.bin is damaged"]);
        let sweep = Hyperband::new(soft).dataset(data).quiet().run(3, 3).unwrap_err().to_string();
        says(&sweep, &["data/part-7.bin is damaged"]);
    }
}

#[test]
fn a_checkpoint_of_another_number_of_networks_is_refused() {
    let (x, y) = halves(0.0, 1.0);
    let objective = |folds: usize, executions: usize| {
        let data = match folds {
            1 => Dataset::new((&x, &y), (&x, &y)),
            _ => Dataset::k_fold(folds, (&x, &y), 0),
        };
        Hyperband::new(binary as fn(&Hparams) -> Compiled)
            .dataset(data.unwrap())
            .executions(executions)
            .into_objective()
    };
    let load = |of: (usize, usize), into: (usize, usize)| {
        let (of, into) = (objective(of.0, of.1), objective(into.0, into.1));
        let saved = of.save(&of.build(&HP, &trial()).unwrap()).unwrap();
        into.load(&mut into.build(&HP, &trial()).unwrap(), &saved).map_err(|error| error.to_string())
    };
    says(&load((5, 2), (1, 1)).unwrap_err(), &["10 networks", "1 network:", "fold", "executions"]);
    says(&load((5, 1), (2, 1)).unwrap_err(), &["5 networks", "2 networks"]);
    says(&load((1, 1), (1, 3)).unwrap_err(), &["1 network,", "3 networks"]);
    load((5, 2), (2, 5)).unwrap();
    // and of a larger network, which has its arrays and more
    let larger = |hp: &Hparams| {
        let network = Sequential::new([2]).dense(1).layer_norm();
        network.compile(Adam::new(hp.learning_rate), Loss::BinaryCrossEntropy)
    };
    let saved = epoch(larger, first(8)).1;
    let smaller = objective(1, 1);
    let error = smaller.load(&mut smaller.build(&HP, &trial()).unwrap(), &saved).unwrap_err().to_string();
    says(&error, &["12 arrays", "only 6", "model function"]);
}

/// The rate of each step, by the parameter of a network whose loss has a slope of one.
fn rates(schedule: Schedule, trial: &TrialContext, epochs: u64) -> Result<Vec<f64>, String> {
    let model = move |_: &Hparams| {
        let network = Sequential::new([1]).layer(Dense::new(1).without_bias());
        network.compile(Sgd::new(1.0), Loss::MeanAbsoluteError).schedule(schedule)
    };
    let far = (vec![1.0f32], vec![1e3f32]);
    let objective = Hyperband::new(model).dataset(Dataset::new(far.clone(), far).unwrap()).into_objective();
    let mut model = objective.build(&HP, trial).map_err(|error| error.to_string())?;
    let weight = |model: &Model| model.predict(&[1.0]).unwrap().values()[0];
    let mut last = weight(&model);
    let rate = |epoch| {
        let context = EpochContext { trial, epoch, stage_end: epochs };
        let train = objective.train_epoch(&mut model, &context, &mut Metrics::new());
        train.map_err(|error| error.to_string())?;
        let before = std::mem::replace(&mut last, weight(&model));
        Ok(f64::from(last - before))
    };
    (0..epochs).map(rate).collect()
}

#[test]
fn a_schedule_over_the_trial_ends_with_it_and_not_with_a_stage() {
    let over = rates(Schedule::cosine_over_trial(), &trial().with_epochs(40), 40).unwrap();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-5;
    assert!(near(over[0], 1.0) && near(over[20], 0.5) && over[39] > 1e-3, "{over:?}");
    // R is 27, and the last 13 epochs do nothing
    let by_stage = rates(Schedule::cosine(27), &trial().with_epochs(40), 40).unwrap();
    assert!(by_stage[27..].iter().all(|rate| *rate == 0.0));
    let unknown = rates(Schedule::cosine_over_trial(), &trial(), 1).unwrap_err();
    says(&unknown, &["whole life", "with_epochs"]);
}

#[test]
fn a_sweep_tells_trials_how_many_epochs_they_can_get() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let noted = std::sync::Arc::clone(&seen);
    let model = move |hp: &Hparams| {
        let noted = std::sync::Arc::clone(&noted);
        binary(hp).schedule(Schedule::cosine_over_trial_to(0.5)).on_epoch_end(move |end| {
            noted.lock().unwrap().insert(end.trial.bracket);
            std::ops::ControlFlow::Continue(())
        })
    };
    let (x, y) = halves(0.0, 1.0);
    let data = || Dataset::new((&x, &y), (&x, &y)).unwrap();
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    Hyperband::new(model.clone()).dataset(data()).quiet().repo_dir(dirs[0].path()).run(9, 3).unwrap();
    assert_eq!(seen.lock().unwrap().len(), 3);
    // continued in pieces, it has the same bytes
    loop {
        let study = Hyperband::new(model.clone()).dataset(data()).quiet().memory_budget(0);
        let results = study.repo_dir(dirs[1].path()).epoch_budget(7).run(9, 3).unwrap();
        if results.stopped().is_none() {
            break;
        }
    }
    let bytes = |dir: &tempfile::TempDir| crate::train::results_and_weights(dir.path());
    assert!(bytes(&dirs[0]) == bytes(&dirs[1]));
    let plan = hobbit::Plan::new(9, 3).unwrap();
    let lives: Vec<u64> =
        plan.brackets().iter().map(|bracket| bracket.stages.last().unwrap().trained).collect();
    assert_eq!(lives, [13, 12, 9]);
}

#[test]
fn a_study_is_not_extended_over_schedules_that_know_the_trials_end() {
    let (x, y) = halves(0.0, 1.0);
    let study = |schedule: Schedule, dir: &tempfile::TempDir| {
        let model = move |hp: &Hparams| binary(hp).schedule(schedule);
        let data = Dataset::new((&x, &y), (&x, &y)).unwrap();
        Hyperband::new(model).dataset(data).quiet().repo_dir(dir.path())
    };
    let dirs: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let open = Schedule::cosine_over_trial();
    study(open, &dirs[0]).run(3, 3).unwrap();
    let error = study(open, &dirs[0]).extend().run(9, 3).unwrap_err().to_string();
    // 1 + 3 epochs, and 1 + 3 + 9
    says(&error, &["schedule", "cosine over 4 epochs", "cosine over 13 epochs"]);
    study(Schedule::cosine(4), &dirs[1]).run(3, 3).unwrap();
    study(Schedule::cosine(4), &dirs[1]).extend().run(9, 3).unwrap();
}
