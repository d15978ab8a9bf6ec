//! The hyperparameters as columns: where each trial's value lies on the parameter's axis.

use crate::repository::Overview;
use crate::space::{Domain, Parameter, Value};

/// One hyperparameter of all trials.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) scale: Scale,
    /// The place of each trial's value, in the order of [`Overview::trials`]; none where the trial does not have it. Of options it is
    /// their number, counted from 0.
    pub(super) values: Vec<Option<f64>>,
}

/// What the places on an axis mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scale {
    Linear,
    Log,
    /// Options without an order.
    Options(Vec<String>),
}

impl Column {
    /// All hyperparameters of a study: those of its space, and behind them any others that trials have.
    pub(super) fn all(overview: &Overview) -> Vec<Column> {
        let parameters = overview.study.space.parameters();
        let mut columns: Vec<Column> = parameters
            .iter()
            .map(|parameter| Column::new(overview, parameter.name(), Some(parameter)))
            .collect();
        for trial in &overview.trials {
            for (name, _) in &trial.hparams {
                if !columns.iter().any(|column| column.name == *name) {
                    columns.push(Column::new(overview, name, None));
                }
            }
        }
        columns
    }

    fn new(overview: &Overview, name: &str, parameter: Option<&Parameter>) -> Column {
        let values: Vec<Option<&Value>> = overview.trials.iter().map(|trial| trial.hparam(name)).collect();
        let domain = parameter.map(Parameter::domain);
        let numbers: Option<Vec<Option<f64>>> = if domain.is_some_and(Domain::is_categorical) {
            None
        } else {
            values.iter().map(|value| value.map_or(Some(None), |value| real(value).map(Some))).collect()
        };
        let (scale, values) = match numbers {
            Some(numbers) => {
                let numbers: Vec<_> =
                    numbers.into_iter().map(|number| number.filter(|number| number.is_finite())).collect();
                let log = domain.is_some_and(Domain::is_log)
                    && numbers.iter().flatten().all(|&number| number > 0.0);
                (if log { Scale::Log } else { Scale::Linear }, numbers)
            }
            None => {
                let mut options: Vec<String> = match domain {
                    Some(Domain::Choice { options, .. }) => options.iter().map(Value::to_string).collect(),
                    Some(Domain::Bool { .. }) => vec!["false".to_owned(), "true".to_owned()],
                    _ => Vec::new(),
                };
                let mut place = |value: &Value| {
                    let text = value.to_string();
                    let known = options.iter().position(|option| *option == text);
                    known.unwrap_or_else(|| {
                        options.push(text);
                        options.len() - 1
                    }) as f64
                };
                let places = values.into_iter().map(|value| value.map(&mut place)).collect();
                (Scale::Options(options), places)
            }
        };
        Column { name: name.to_owned(), scale, values }
    }

    /// The smallest and the largest value.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        range(self.values.iter().flatten().copied())
    }

    /// Whether no two trials differ in it.
    pub(super) fn is_constant(&self) -> bool {
        self.range().is_none_or(|(low, high)| low == high)
    }
}

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Bool(_) | Value::Text(_) => None,
    }
}

/// The smallest and the largest of some numbers; nothing if there is none.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}
