//! Prints a search space: the table of its parameters, and ten configurations.
//!
//! `cargo run --example search_space --no-default-features`

use hobbit::{Key, SearchSpace, search_space};

#[derive(Debug, Clone)]
#[search_space]
#[constraint(layers.iter().is_sorted_by(|a, b| a >= b), "layers do not get wider")]
struct Hparams {
    /// How far a step goes.
    #[log_uniform(1e-4..=1e-1)]
    #[default = 1e-2]
    learning_rate: f64,
    /// The widths of the hidden layers.
    #[length(1..=3)]
    #[int(16..=128, step = 16)]
    #[default = vec![64, 32]]
    layers: Vec<usize>,
    /// The share of outputs that are dropped, where any are.
    #[optional(0.7)]
    #[uniform(0.0..=0.5, step = 0.05)]
    #[default = None]
    dropout: Option<f64>,
    #[nested]
    #[default = Optimizer::Adam { beta: 0.9 }]
    optimizer: Optimizer,
    /// How the data are presented.
    #[choice("shuffled": 3, "sorted": 1)]
    #[default = "shuffled"]
    order: String,
    /// Follows from the learning rate.
    #[derived(learning_rate / 10.0)]
    last_learning_rate: f64,
}

/// Only the chosen variant's fields exist.
#[derive(Debug, Clone)]
#[search_space]
enum Optimizer {
    Sgd {
        #[uniform(0.0..=0.99)]
        momentum: f64,
        nesterov: bool,
    },
    #[weight(2)]
    Adam {
        #[uniform(0.8..=0.99)]
        beta: f64,
    },
}

fn main() -> hobbit::Result<()> {
    println!("The space:\n{}", Hparams::space());
    println!("Its defaults: {:?}\n", Hparams::defaults()?);
    println!("Ten configurations:");
    for seed in 0..10 {
        let hparams = Hparams::draw(Key::new(seed))?;
        let values: Vec<_> = hparams.values().iter().map(|(name, value)| format!("{name}={value}")).collect();
        println!("  {}", values.join(" "));
        if let Optimizer::Sgd { momentum, nesterov: true } = hparams.optimizer {
            println!("    (Nesterov's momentum, {momentum:.2})");
        } else if let Optimizer::Adam { beta } = hparams.optimizer {
            println!("    (Adam, beta {beta:.2})");
        }
    }
    let first = Hparams::draw(Key::new(0))?;
    println!("\nThe first one in the unit cube: {:.3?}", first.encode());
    println!("and back: {:?}", Hparams::decode(&first.encode())?);
    println!(
        "The first one's layers {:?}, dropout {:?}, order {}, last rate {:.5}",
        first.layers, first.dropout, first.order, first.last_learning_rate
    );
    Ok(())
}
