//! The program of README and the first guide: `cargo run --release --example first_study`.

use std::process::ExitCode;

use hobbit::prelude::*;

#[search_space]
struct Hparams {
    #[log_uniform(1e-3..=1e-1)]
    learning_rate: f64,
    #[choice(Activation::Sigmoid, Activation::Tanh, Activation::Relu)]
    activation: Activation,
    #[int(4..=32, step = 4)]
    width: usize,
}

fn model(hp: &Hparams) -> Compiled {
    Sequential::new([2]) // the shape of one sample
        .dense(hp.width)
        .activation(hp.activation)
        .dense(2)
        .compile(Adam::new(hp.learning_rate), Loss::CrossEntropy)
}

/// Points in a square, and whether they lie in a circle.
fn circle(steps: usize) -> (Vec<f32>, Vec<bool>) {
    let place = |i: usize| 2.0 * i as f32 / (steps - 1) as f32 - 1.0;
    let x: Vec<f32> = (0..steps * steps).flat_map(|i| [place(i % steps), place(i / steps)]).collect();
    let y = x.chunks(2).map(|p| p[0] * p[0] + p[1] * p[1] < 0.5).collect();
    (x, y)
}

fn tune() -> hobbit::Result<ExitCode> {
    let results = Hyperband::new(model)
        .dataset(Dataset::new(circle(20), circle(27))?) // for training, for validation
        .monitor("val_accuracy")
        .stop_on_ctrl_c()
        .run(9, 3)?; // R, eta
    println!("the best learning rate is {}", results.best().hparams.learning_rate);
    Ok(results.exit_code())
}

fn main() -> ExitCode {
    hobbit::exit_code(tune())
}
