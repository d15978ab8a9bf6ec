//! The lines that hobbit and a process write to each other.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::BoxError;
use crate::function::Trial;
use crate::space::SearchSpace;

/// The version of the protocol, which the first line names.
const VERSION: u32 = 1;

/// What the process is to train.
pub(super) fn begin<H: SearchSpace>(
    hparams: &H,
    trial: &Trial,
    directory: &Path,
    resume: bool,
) -> Result<Value, BoxError> {
    let directory = directory.to_str().ok_or("the path of the system's temporary directory is not text")?;
    Ok(json!({
        "hobbit": VERSION,
        "trial": trial.id(),
        "hparams": serde_json::to_value(hparams)?,
        "seed": seed(trial),
        "directory": directory,
        "resume": resume,
        "last_epoch": trial.last_epoch(),
    }))
}

/// The next epoch.
pub(super) fn epoch(epoch: u64, trial: &Trial) -> Value {
    json!({ "epoch": epoch, "seed": seed(trial) })
}

/// NumPy takes no larger ones.
fn seed(trial: &Trial) -> u64 {
    trial.seed() >> 32
}

/// What a process says of an epoch.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) metrics: Vec<(String, f64)>,
    pub(super) stop: bool,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    metrics: Map<String, Value>,
    #[serde(default)]
    stop: bool,
}

/// Reads a line. Nothing if it is a message of the process to whoever looks on.
///
/// # Errors
/// It should be an answer, and is none.
pub(super) fn answer(line: &str) -> Result<Option<Answer>, BoxError> {
    let line = line.trim();
    if !line.starts_with('{') {
        return Ok(None);
    }
    let wrong = |why: &dyn std::fmt::Display| {
        let shown: String = line.chars().take(200).collect();
        format!("the process wrote a line that is not an answer ({why}): {shown}")
    };
    let written: Written = serde_json::from_str(&without_nan(line)).map_err(|error| wrong(&error))?;
    let value = |(name, value): (String, Value)| match number(&value) {
        Some(number) => Ok((name, number)),
        None => Err(wrong(&format_args!("`{name}` is not a number"))),
    };
    let metrics = written.metrics.into_iter().map(value).collect::<Result<_, _>>()?;
    Ok(Some(Answer { metrics, stop: written.stop }))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(f64::NAN),
        Value::Number(number) => number.as_f64(),
        _ => None,
    }
}

/// A line with `null` for what is not a number in JSON, and is written by Python all the same.
fn without_nan(line: &str) -> String {
    let (mut text, mut rest, mut in_string) = (String::with_capacity(line.len()), line, false);
    while let Some(next) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !in_string && rest.starts_with(word));
        let taken = match (next, word) {
            (_, Some(word)) => {
                text.push_str("null");
                word.len()
            }
            ('\\', _) if in_string => {
                let escaped: usize = rest.chars().take(2).map(char::len_utf8).sum();
                text.push_str(&rest[..escaped]);
                escaped
            }
            _ => {
                in_string ^= next == '"';
                text.push(next);
                next.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_messages_and_from_nonsense() {
        let read = |line: &str| answer(line).map(|answer| answer.map(|answer| format!("{answer:?}")));
        for message in ["", "epoch 1 of 3", "  [1, 2]", "\"{}\"", "NaN"] {
            assert_eq!(read(message).unwrap(), None);
        }
        let metrics = r#" {"metrics": {"loss": 0.1, "n": 3, "a \"NaN\" é\\": NaN, "b":-Infinity, "c": null}, "stop": true}"#;
        assert_eq!(
            read(metrics).unwrap().unwrap(),
            r#"Answer { metrics: [("a \"NaN\" é\\", NaN), ("b", NaN), ("c", NaN), ("loss", 0.1), ("n", 3.0)], stop: true }"#
        );
        for (line, why) in [
            ("{", "EOF"),
            ("{}", "missing field `metrics`"),
            (r#"{"metric": {}}"#, "unknown field `metric`"),
            (r#"{"metrics": {"loss": "low"}}"#, "`loss` is not a number"),
            (r#"{"metrics": {"loss": 0.1}} {"metrics": {}}"#, "trailing"),
            (r#"{"metrics": {"loss": 0.1"#, "EOF"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(why) && error.ends_with(line), "{error}");
        }
    }
}
