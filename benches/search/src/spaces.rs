//! The search spaces of the suites, as a user of hobbit would write them.

use hobbit::{SearchSpace, search_space};

use crate::Failure;
use crate::tables::Suite;

/// How a column is put into the unit cube.
pub(crate) struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

const fn linear(low: f64, high: f64) -> Scale {
    Scale { low, high, is_log: false }
}

const fn log(low: f64, high: f64) -> Scale {
    Scale { low, high, is_log: true }
}

impl Scale {
    fn unit(&self, value: f64) -> f64 {
        let scaled = |x: f64| if self.is_log { x.ln() } else { x };
        (scaled(value) - scaled(self.low)) / (scaled(self.high) - scaled(self.low))
    }
}

/// A search space whose configurations are the rows of a suite.
pub(crate) trait Rows: SearchSpace + std::fmt::Debug + Send + Sync + 'static {
    /// The columns that its suites have.
    const COLUMNS: &'static [&'static str];
    /// The scale of each field, in order.
    const SCALES: &'static [Scale];

    /// The configuration of a row; `get` gives the number of a column.
    fn of(get: impl Fn(&str) -> f64) -> Self;

    /// The fields as numbers, in order.
    fn numbers(&self) -> Vec<f64>;

    /// The point of the unit cube, by plain scaling: what any tool's configurations can be compared by.
    fn unit(&self) -> Vec<f64> {
        Self::SCALES.iter().zip(self.numbers()).map(|(scale, number)| scale.unit(number)).collect()
    }

    /// Whether a suite's rows are configurations of this space.
    fn has(suite: &Suite) -> bool {
        Self::COLUMNS.iter().all(|column| suite.columns.iter().any(|name| name == column))
    }

    /// The configurations of a suite that has all columns.
    ///
    /// # Errors
    /// A number outside of the space.
    fn read(suite: &Suite) -> Result<Vec<Self>, Failure> {
        let place = |column: &str| suite.columns.iter().position(|name| name == column);
        let row = |(i, row): (usize, &Vec<f64>)| {
            let configuration = Self::of(|column| place(column).map_or(f64::NAN, |place| row[place]));
            configuration.check().map_err(|error| {
                Failure::of(&suite.name, format!("configuration {} of its hyperparameters: {error}", i + 1))
            })?;
            Ok(configuration)
        };
        suite.configurations.iter().enumerate().map(row).collect()
    }
}

/// TaskSet's `adam8p`: Adam with eight numbers. Of the betas, what is missing to 1.
#[search_space]
#[derive(Debug)]
pub(crate) struct TaskSet {
    #[log_uniform(1e-8..=10.0)]
    learning_rate: f64,
    #[log_uniform(1e-4..=1.0)]
    one_minus_beta1: f64,
    #[log_uniform(1e-6..=1.0)]
    one_minus_beta2: f64,
    #[log_uniform(1e-10..=1e3)]
    epsilon: f64,
    #[log_uniform(1e-8..=10.0)]
    l1: f64,
    #[log_uniform(1e-8..=10.0)]
    l2: f64,
    #[log_uniform(1e-7..=1e-4)]
    linear_decay: f64,
    #[log_uniform(1e-6..=1e-3)]
    exponential_decay: f64,
}

impl Rows for TaskSet {
    const COLUMNS: &'static [&'static str] =
        &["learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay"];
    const SCALES: &'static [Scale] = &[
        log(1e-8, 10.0),
        log(1e-4, 1.0),
        log(1e-6, 1.0),
        log(1e-10, 1e3),
        log(1e-8, 10.0),
        log(1e-8, 10.0),
        log(1e-7, 1e-4),
        log(1e-6, 1e-3),
    ];

    fn of(get: impl Fn(&str) -> f64) -> Self {
        TaskSet {
            learning_rate: get("learning_rate"),
            // 1 - beta loses the last digits of what was drawn
            one_minus_beta1: (1.0 - get("beta1")).clamp(1e-4, 1.0),
            one_minus_beta2: (1.0 - get("beta2")).clamp(1e-6, 1.0),
            epsilon: get("epsilon"),
            l1: get("l1"),
            l2: get("l2"),
            linear_decay: get("linear_decay"),
            exponential_decay: get("exponential_decay"),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        vec![
            self.learning_rate,
            self.one_minus_beta1,
            self.one_minus_beta2,
            self.epsilon,
            self.l1,
            self.l2,
            self.linear_decay,
            self.exponential_decay,
        ]
    }
}

/// LCBench: multilayer perceptrons with funnel shape, trained by SGD.
#[search_space]
#[derive(Debug)]
pub(crate) struct LcBench {
    #[int(16..=512, log)]
    batch_size: u32,
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    #[uniform(0.1..=0.99)]
    momentum: f64,
    #[uniform(1e-5..=0.1)]
    weight_decay: f64,
    #[int(1..=5)]
    num_layers: u32,
    #[int(64..=1024, log)]
    max_units: u32,
    #[uniform(0.0..=1.0)]
    max_dropout: f64,
}

impl Rows for LcBench {
    const COLUMNS: &'static [&'static str] = &[
        "batch_size",
        "learning_rate",
        "momentum",
        "weight_decay",
        "num_layers",
        "max_units",
        "max_dropout",
    ];
    const SCALES: &'static [Scale] = &[
        log(16.0, 512.0),
        log(1e-4, 1e-1),
        linear(0.1, 0.99),
        linear(1e-5, 0.1),
        linear(1.0, 5.0),
        log(64.0, 1024.0),
        linear(0.0, 1.0),
    ];

    fn of(get: impl Fn(&str) -> f64) -> Self {
        LcBench {
            batch_size: get("batch_size") as u32,
            learning_rate: get("learning_rate"),
            momentum: get("momentum"),
            weight_decay: get("weight_decay"),
            num_layers: get("num_layers") as u32,
            max_units: get("max_units") as u32,
            max_dropout: get("max_dropout"),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        vec![
            self.batch_size.into(),
            self.learning_rate,
            self.momentum,
            self.weight_decay,
            self.num_layers.into(),
            self.max_units.into(),
            self.max_dropout,
        ]
    }
}
