//! How numbers, values, times and counts are worded: each in one way, wherever people read it.
//!
//! Directions, ways to count epochs and what became of trials have their words as their `Display`. Texts of
//! others go through [`printable`](super::printable).

use std::time::Duration;

use crate::repository::Doing;
use crate::space::Value;

/// A number with four significant digits, for tables; the files have them all.
///
/// ```
/// use hobbit::observe::text::number;
///
/// assert_eq!(number(0.123456), "0.1235");
/// assert_eq!(number(1.0), "1.000");
/// assert_eq!(number(2.5e12), "2.500e12");
/// ```
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let exponent = value.abs().log10().floor() as i32;
    if (-4..6).contains(&exponent) {
        format!("{value:.*}", (3 - exponent).max(0) as usize)
    } else {
        format!("{value:.3e}")
    }
}

/// A [`number`] that stands by itself, in a sentence or beside an axis: whole ones have no decimals.
#[cfg(feature = "report")]
pub(crate) fn plain_number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 { format!("{value:.0}") } else { number(value) }
}

/// A hyperparameter's value, for tables.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Float(value) => number(*value),
        other => other.to_string(),
    }
}

/// A hyperparameter's value within a text: as in tables, without zeros that say nothing.
pub(super) fn short(value: &Value) -> String {
    let text = cell(value);
    let Value::Float(_) = value else { return text };
    let (digits, exponent) = text.find('e').map_or((text.as_str(), ""), |place| text.split_at(place));
    if !digits.contains('.') {
        return text;
    }
    format!("{}{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// A share in percent.
#[cfg(feature = "report")]
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent.abs() < 0.95 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A duration as people say it: `2 h 03 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{:.1} s", duration.as_secs_f64()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// A number of seconds as a [`duration`]; what is none, as clocks that were set back give, is no time at all.
pub(crate) fn seconds(seconds: f64) -> String {
    let longest = if seconds > 0.0 { Duration::MAX } else { Duration::ZERO };
    duration(Duration::try_from_secs_f64(seconds).unwrap_or(longest))
}

/// A number of things: `1 worker`, `2 workers`.
///
/// ```
/// use hobbit::observe::text::count;
///
/// assert_eq!(count(1_u32, "trial"), "1 trial");
/// assert_eq!(count(0_u64, "trial"), "0 trials");
/// ```
pub fn count(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// What a machine is doing: `1-3 stage 2 epoch 5, 1-4 stage 1`, or that it waits.
///
/// ```
/// use hobbit::TrialId;
/// use hobbit::observe::text::doing;
/// use hobbit::repository::Doing;
///
/// assert_eq!(doing(&[Doing { trial: TrialId::new(1, 3), stage: 1, epoch: 5 }]), "1-3 stage 2 epoch 5");
/// assert_eq!(doing(&[]), "waits");
/// ```
pub fn doing(doing: &[Doing]) -> String {
    if doing.is_empty() {
        return "waits".to_owned();
    }
    let one = |Doing { trial, stage, epoch }: &Doing| {
        let epoch = if *epoch == 0 { String::new() } else { format!(" epoch {epoch}") };
        format!("{trial} stage {}{epoch}", u64::from(*stage) + 1)
    };
    doing.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let numbers = [0.0, 0.123456, 1.0, 98.7654, 12345.678, 1e-9, -0.00012344, 2.5e12, f64::NAN];
        let shown: Vec<_> = numbers.map(number).into();
        assert_eq!(
            shown,
            ["0", "0.1235", "1.000", "98.77", "12346", "1.000e-9", "-0.0001234", "2.500e12", "NaN"]
        );
    }

    #[test]
    fn zeros_that_say_nothing_are_left_out() {
        let shown: Vec<_> =
            [0.003, 1.0, 12345.6, 2.5e-9, 0.0, f64::NAN].map(Value::Float).map(|v| short(&v)).into();
        assert_eq!(shown, ["0.003", "1", "12346", "2.5e-9", "0", "NaN"]);
        assert_eq!([Value::Int(100), Value::Text("1.0".to_owned())].map(|v| short(&v)), ["100", "1.0"]);
    }

    #[cfg(feature = "report")]
    #[test]
    fn whole_numbers_and_shares_read_well() {
        let shown: Vec<_> = [0.0, 81.0, -3.0, 0.5, 2e9, f64::INFINITY].map(plain_number).into();
        assert_eq!(shown, ["0", "81", "-3", "0.5000", "2.000e9", "inf"]);
        assert_eq!([0.0, 0.004, 0.0951, 1.0].map(percent), ["0.0 %", "0.4 %", "10 %", "100 %"]);
    }

    #[test]
    fn durations_read_well() {
        let shown: Vec<_> = [0.26, 59.9, 61.0, 7384.0, 180_000.0].map(seconds).into();
        assert_eq!(shown, ["0.3 s", "59 s", "1 min 01 s", "2 h 03 min", "2 d 02 h"]);
        assert_eq!([-5.0, f64::NAN].map(seconds), ["0.0 s", "0.0 s"]);
        assert_eq!(seconds(f64::INFINITY), seconds(1e300), "longer than any duration");
        assert!(seconds(1e300).ends_with(" d 07 h"));
    }
}
