//! The hyperparameters as columns: where each trial's value lies on the parameter's axis.

use std::collections::{HashMap, HashSet};

use crate::repository::Overview;
use crate::space::{Domain, Parameter, Value};

/// One hyperparameter of all trials.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) scale: Scale,
    /// All values are whole numbers.
    pub(super) is_whole: bool,
    /// The place of each trial's value, in the order of [`Overview::trials`]; none where the trial does not
    /// have it. Of options it is their number, counted from 0.
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
        let mut names: Vec<(&str, Option<&Parameter>)> =
            parameters.iter().map(|parameter| (parameter.name(), Some(parameter))).collect();
        let mut known: HashSet<&str> = names.iter().map(|(name, _)| *name).collect();
        let given: Vec<HashMap<&str, &Value>> = overview
            .trials
            .iter()
            .map(|trial| trial.hparams.iter().map(|(name, value)| (name.as_str(), value)).collect())
            .collect();
        for (name, _) in overview.trials.iter().flat_map(|trial| &trial.hparams) {
            if known.insert(name) {
                names.push((name, None));
            }
        }
        names.into_iter().map(|(name, parameter)| Column::new(&given, name, parameter)).collect()
    }

    fn new(given: &[HashMap<&str, &Value>], name: &str, parameter: Option<&Parameter>) -> Column {
        let values: Vec<Option<&Value>> = given.iter().map(|given| given.get(name).copied()).collect();
        let domain = parameter.map(Parameter::domain);
        let numbers: Option<Vec<Option<f64>>> = if domain.is_some_and(Domain::is_categorical) {
            None
        } else {
            values.iter().map(|value| value.map_or(Some(None), |value| real(value).map(Some))).collect()
        };
        let is_whole = values.iter().flatten().all(|value| matches!(value, Value::Int(_) | Value::UInt(_)));
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
                let mut places: HashMap<String, usize> = HashMap::new();
                for (place, option) in options.iter().enumerate() {
                    places.entry(option.clone()).or_insert(place);
                }
                let mut place = |value: &Value| {
                    let text = value.to_string();
                    let next = options.len();
                    let place = *places.entry(text).or_insert_with_key(|text| {
                        options.push(text.clone());
                        next
                    });
                    place as f64
                };
                let places = values.into_iter().map(|value| value.map(&mut place)).collect();
                (Scale::Options(options), places)
            }
        };
        Column { name: name.to_owned(), scale, is_whole, values }
    }

    /// The smallest and the largest value.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        range(self.values.iter().flatten().copied())
    }

    /// What it belongs to: the parts of a list are one thing.
    pub(super) fn group(&self) -> &str {
        match self.name.rsplit_once('.') {
            Some((list, part)) if part == "len" || part.bytes().all(|byte| byte.is_ascii_digit()) => list,
            _ => &self.name,
        }
    }

    /// Whether no two trials differ in it.
    pub(super) fn is_constant(&self) -> bool {
        self.range().is_none_or(|(low, high)| low == high)
    }
}

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::UInt(value) => Some(*value as f64),
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
