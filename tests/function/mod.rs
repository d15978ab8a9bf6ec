//! Objectives in one function: the laws of objectives, the same bytes as the trait, and whatever a function
//! may do wrong.

pub(crate) mod sweeps;
pub(crate) mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hobbit::function::{Function, Trial};
use hobbit::testing;
use hobbit::{BoxError, Checkpoint, Key, SearchSpace, Study};

use crate::support::scripted::Rate;

/// A function as tests pass it on.
type Train = Box<dyn Fn(&Rate, &mut Trial) -> Result<(), BoxError> + Send + Sync>;

/// A quiet sweep over a function, with one worker.
fn study<A>(
    train: impl Fn(&Rate, &mut Trial) -> Result<(), BoxError> + Send + Sync + 'static,
) -> Study<Function<Rate, Train>, A> {
    let train: Train = Box::new(train);
    Study::function(train).quiet().seed(4).workers(1)
}

/// One epoch of a noisy curve.
fn learn(loss: &mut f64, hp: &Rate, trial: &Trial) {
    *loss = 0.7 * *loss + 0.3 * hp.rate + 0.05 * trial.key(3).rng().unit();
}

/// Where the curve begins.
fn start(trial: &Trial) -> f64 {
    1.0 + trial.rng().unit()
}

/// Goes on from its state.
fn with_state(hp: &Rate, trial: &mut Trial) -> Result<(), BoxError> {
    let mut loss = trial.state().unwrap_or_else(|| start(trial));
    for _ in trial.epochs() {
        learn(&mut loss, hp, trial);
        trial.save(&loss)?;
        trial.report("val_loss", loss)?;
    }
    Ok(())
}

/// Keeps nothing.
fn without_state(hp: &Rate, trial: &mut Trial) -> Result<(), BoxError> {
    let mut loss = start(trial);
    for _ in trial.epochs() {
        learn(&mut loss, hp, trial);
        trial.report("val_loss", loss)?;
    }
    Ok(())
}

/// Keeps arrays, after every other epoch.
fn with_arrays(hp: &Rate, trial: &mut Trial) -> Result<(), BoxError> {
    let mut loss = match trial.arrays() {
        Some(arrays) => arrays.f64("loss", &[])?[0],
        None => start(trial),
    };
    for epoch in trial.epochs() {
        learn(&mut loss, hp, trial);
        if epoch % 2 == 0 {
            let mut arrays = Checkpoint::new();
            arrays.insert_f64("loss", &[], vec![loss]);
            trial.save_arrays(arrays)?;
        }
        trial.report("val_loss", loss)?;
    }
    Ok(())
}

fn drawn(count: u64) -> Vec<Rate> {
    (0..count).map(|seed| Rate::draw(Key::new(seed)).unwrap()).collect()
}

#[test]
fn functions_keep_the_laws() {
    for function in [with_state, without_state, with_arrays] {
        testing::objective(|| Function::new(function), drawn(3));
        testing::interrupts(|| Function::new(function), drawn(1));
    }
}

#[test]
fn what_a_function_forgets_is_noticed() {
    let forgetful = || {
        Function::new(|_: &Rate, trial: &mut Trial| {
            let mut loss: f64 = trial.state().unwrap_or(1.0);
            // lost between two stages
            let mut momentum = 1.0;
            for _ in trial.epochs() {
                momentum *= 0.5;
                loss -= 0.1 * momentum;
                trial.save(&loss)?;
                trial.report("val_loss", loss)?;
            }
            Ok(())
        })
    };
    crate::conformance::breaks(
        || testing::objective(forgetful, drawn(1)),
        &["epoch 2 gives val_loss", "in the middle of a stage"],
    );
    let count = Arc::new(AtomicU64::new(0));
    let unkeyed = || {
        let count = count.clone();
        Function::new(move |_: &Rate, trial: &mut Trial| {
            for _ in trial.epochs() {
                trial.report("val_loss", count.fetch_add(1, Ordering::Relaxed) as f64)?;
            }
            Ok(())
        })
    };
    crate::conformance::breaks(|| testing::objective(unkeyed, drawn(1)), &["epoch 1 gives val_loss"]);
}

#[test]
fn a_state_comes_back_as_it_was() {
    use serde::{Deserialize, Serialize};
    #[derive(Debug, Serialize, Deserialize)]
    enum Tree {
        Leaf(f64),
        Split { at: (usize, f32), below: Box<[Tree; 2]> },
    }
    let odd = [f64::NAN, f64::INFINITY, -0.0, 5e-324, 0.1 + 0.2, f64::MIN];
    let leaf = |value| Tree::Leaf(value);
    let state = (
        Tree::Split { at: (3, 0.1), below: Box::new([leaf(odd[0]), leaf(odd[4])]) },
        Some(None::<u8>),
        odd,
        "a\n\"text\" ü".to_owned(),
    );
    let text = format!("{state:?}");
    let mut checkpoint = Checkpoint::new();
    checkpoint.insert_state("state", &state).unwrap();
    type State = (Tree, Option<Option<u8>>, [f64; 6], String);
    let same: State = checkpoint.state("state").unwrap();
    assert_eq!(format!("{same:?}"), text);
    assert!(same.2.iter().zip(odd).skip(1).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert_eq!(checkpoint.shape("state"), Some(&[checkpoint.bytes()][..]));
    let other = checkpoint.state::<Vec<f64>>("state").unwrap_err().to_string();
    assert!(other.starts_with("`state` in the checkpoint does not fit: "), "{other}");
    let none = checkpoint.get_bytes("stat").unwrap_err().to_string();
    assert_eq!(none, "the checkpoint has no `stat`");
    checkpoint.insert_f64("rate", &[], vec![0.1]);
    let floats = checkpoint.get_bytes("rate").unwrap_err().to_string();
    assert_eq!(floats, "`rate` in the checkpoint does not hold bytes");
}
