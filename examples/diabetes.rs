//! Tunes a network for regression on a small table, with 5-fold cross-validation: `cargo run --release --example diabetes`.

use std::io::Write;
use std::process::ExitCode;

use hobbit::prelude::*;
use hobbit::train::{EarlyStopping, Scaler, Table, split};

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=3e-2)]
    learning_rate: f64,
    #[choice(8, 16, 32)]
    hidden: usize,
    /// The strength of the regularization.
    #[log_uniform(1e-4..=1e-1)]
    l2: f64,
    /// Whether large errors count only linearly.
    huber: bool,
}

fn model(hp: &Hparams) -> Compiled {
    Sequential::new([10])
        .dense(hp.hidden)
        .activation(Activation::Relu)
        .dense(1)
        .compile(
            Adam::new(hp.learning_rate),
            if hp.huber { Loss::Huber(1.0) } else { Loss::MeanSquaredError },
        )
        .l2(hp.l2)
        .clip_norm(1.0)
        .schedule(Schedule::cosine_over_trial().warm_up(1))
        .early_stopping(EarlyStopping::new("val_mse", 8))
}

/// Ends with the code of the signal, if one arrives meanwhile, so that the shell does not go on with what
/// follows.
fn main() -> ExitCode {
    hobbit::exit_code(tune())
}

fn tune() -> hobbit::Result<ExitCode> {
    let table = Table::parse(include_str!("data/diabetes.csv"))?;
    let (x, _) = table.numbers_except(&["progression"])?;
    let y = table.numbers(&["progression"])?;

    // 89 patients are kept apart, and scales are fitted to the others
    let (training, test) = split(table.rows(), 89, 0)?;
    let rows = |part: &[usize]| -> (Vec<f32>, Vec<f32>) {
        (
            part.iter().flat_map(|&i| x[i * 10..(i + 1) * 10].to_vec()).collect(),
            part.iter().map(|&i| y[i]).collect(),
        )
    };
    let ((x_train, y_train), (x_test, y_test)) = (rows(&training), rows(&test));
    let (of_x, of_y) = (Scaler::standardize(&x_train, 10)?, Scaler::standardize(&y_train, 1)?);

    let results = Hyperband::new(model)
        .dataset(Dataset::k_fold(5, (of_x.apply(&x_train)?, of_y.apply(&y_train)?), 0)?)
        .batch_size(16)
        .monitor("val_mse")
        .repo_dir("./diabetes_repo")
        .stop_on_ctrl_c()
        .run(27, 3)?;

    // the mean of the five folds' networks, in the table's units again
    let predictions = results.best_model()?.predict(&of_x.apply(&x_test)?)?;
    let predicted = of_y.undo(predictions.values())?;
    let error = |of: &dyn Fn(usize) -> f32| {
        let sum: f32 = (0..y_test.len()).map(|i| (of(i) - y_test[i]).powi(2)).sum();
        (sum / y_test.len() as f32).sqrt()
    };
    let mean = y_train.iter().sum::<f32>() / y_train.len() as f32;
    // nobody may be listening any more
    let _ = writeln!(
        std::io::stdout(),
        "On 89 patients that were kept apart, the best model is off by {:.1} (root mean square), and the mean by {:.1}.",
        error(&|i| predicted[i]),
        error(&|_| mean)
    );
    Ok(results.exit_code())
}
