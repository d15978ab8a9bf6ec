//! One sweep, to count its instructions: what hobbit itself costs where nothing is learned, and a sweep of
//! the digits.
//!
//! ```console
//! $ cargo bench -p hobbit --bench instructions --no-run    # prints where the program is
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/deps/instructions-… noop
//! ```

#[cfg(feature = "dfdx")]
#[allow(dead_code, reason = "parts of it are for other benchmarks")]
mod digits;

use std::borrow::Cow;

use hobbit::{
    BoxError, Checkpoint, EpochContext, Hyperband, Keep, Metrics, Objective, TrialContext, search_space,
};

/// The digits example's space.
#[search_space]
struct Hparams {
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    #[choice(1, 2, 3)]
    activation: u8,
    #[uniform(0.0..=0.9)]
    dropout: f64,
    #[choice(16, 32, 64, 128)]
    hidden: usize,
}

/// Learns nothing, at once.
struct Noop;

impl Objective for Noop {
    type Hparams = Hparams;
    type Model = f64;

    fn metrics(&self, _: &Hparams) -> Result<Vec<Cow<'static, str>>, BoxError> {
        Ok(vec!["val_loss".into()])
    }

    fn build(&self, hparams: &Hparams, _: &TrialContext) -> Result<f64, BoxError> {
        Ok(hparams.dropout)
    }

    fn train_epoch(&self, _: &mut f64, _: &EpochContext<'_>, _: &mut Metrics) -> Result<(), BoxError> {
        Ok(())
    }

    fn validate(&self, model: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics) -> Result<(), BoxError> {
        metrics.report("val_loss", *model);
        Ok(())
    }

    fn save(&self, _: &f64) -> Result<Checkpoint, BoxError> {
        Ok(Checkpoint::new())
    }

    fn load(&self, _: &mut f64, _: &Checkpoint) -> Result<(), BoxError> {
        Ok(())
    }
}

fn main() {
    // `cargo bench` gives arguments of its own
    match std::env::args().nth(1).as_deref() {
        #[cfg(feature = "dfdx")]
        Some("digits") => {
            digits::study().quiet().workers(1).run(27, 3).expect("the sweep works");
        }
        _ => {
            let study = Hyperband::of(Noop).quiet().keep(Keep::None).workers(1);
            study.run(729, 3).expect("the sweep works");
        }
    }
}
