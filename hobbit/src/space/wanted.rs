//! What people want a parameter's values to be, as they write it: a range, or some of the options.

use std::fmt::Debug;

use super::grid::Grid;
use super::outside::whole;
use super::value::Value;

/// One or more texts: a range such as `0.1..0.5`, one value, or options, which may be separated by commas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a>(pub(super) &'a [String]);

impl Wanted<'_> {
    /// The ends of a range of real numbers within another one; it begins at a value of the grid.
    pub(super) fn reals(&self, low: f64, high: f64, grid: Option<Grid>) -> Result<(f64, f64), String> {
        let read = |text: &str| text.parse().ok().filter(|number: &f64| !number.is_nan());
        let (from, to) = self.range(low, high, read)?;
        let first = grid.filter(|_| from != low).map_or(from, |grid| grid.from(from));
        if first > to {
            return Err(format!("there is no value from {from:?} to {to:?}"));
        }
        Ok((first, to))
    }

    /// The ends of a range of whole numbers within another one, in steps from its beginning.
    pub(super) fn wholes(&self, low: i128, high: i128, step: i128) -> Result<(i128, i128), String> {
        let (from, to) = self.range(low, high, |text| whole(&Value::Text(text.to_owned())))?;
        let first = low + (from - low + step - 1) / step * step;
        if first > to {
            return Err(format!("there is no value from {from} to {to}"));
        }
        Ok((first, to))
    }

    /// The places of the options, in their own order, each once. `find` gives that of a text.
    pub(super) fn options(
        &self,
        count: usize,
        find: impl Fn(&str) -> Option<usize>,
    ) -> Result<Vec<usize>, String> {
        let mut is_wanted = vec![false; count];
        for text in self.0 {
            // an option may have a comma in it
            if let Some(place) = find(text) {
                is_wanted[place] = true;
                continue;
            }
            for part in text.split(',').map(str::trim) {
                is_wanted[find(part).ok_or_else(|| format!("`{part}` is not one of its values"))?] = true;
            }
        }
        let places: Vec<usize> = (0..count).filter(|&place| is_wanted[place]).collect();
        if places.is_empty() { Err("no value would be left".to_owned()) } else { Ok(places) }
    }

    /// The ends of a range within another one. An end that is left out is that of the other one.
    fn range<T: PartialOrd + Copy + Debug>(
        &self,
        low: T,
        high: T,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<(T, T), String> {
        let [text] = self.0 else { return Err("it takes one range, such as `0.1..0.5`".to_owned()) };
        let (from, to) = match text.split_once("..") {
            Some((from, to)) => (from, to.strip_prefix('=').unwrap_or(to)),
            None => (text.as_str(), text.as_str()),
        };
        let is_range = text.contains("..");
        let end = |text: &str, declared: T| match text.trim() {
            "" if is_range => Ok(declared),
            text => read(text).ok_or_else(|| format!("`{text}` is not a number of its kind")),
        };
        let (from, to) = (end(from, low)?, end(to, high)?);
        if from > to {
            return Err(format!("the range is empty, because {from:?} is above {to:?}"));
        }
        if from < low {
            return Err(format!("{from:?} is below {low:?}"));
        }
        if to > high {
            return Err(format!("{to:?} is above {high:?}"));
        }
        Ok((from, to))
    }
}

#[cfg(test)]
mod tests {
    use crate::space::Domain;

    fn narrowed(domain: &Domain, texts: &[&str]) -> Result<Domain, String> {
        domain.narrowed(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    fn shown(domain: &Domain, text: &str) -> String {
        narrowed(domain, &[text]).map_or_else(|error| error, |domain| domain.to_string())
    }

    #[test]
    fn ranges_of_real_numbers_lie_within_those_declared() {
        let uniform = Domain::Uniform { low: 0.0, high: 1.0, step: None };
        assert_eq!(shown(&uniform, "0.25..0.5"), "uniform 0.25 to 0.5");
        assert_eq!(shown(&uniform, " 0.25 ..= 5e-1 "), "uniform 0.25 to 0.5");
        assert_eq!(shown(&uniform, "0.25.."), "uniform 0.25 to 1.0");
        assert_eq!(shown(&uniform, "..0.5"), "uniform 0.0 to 0.5");
        assert_eq!(shown(&uniform, "0.5"), "uniform 0.5 to 0.5");
        assert_eq!(narrowed(&uniform, &[".."]), Ok(uniform.clone()));
        assert_eq!(shown(&uniform, "-0.5..0.5"), "-0.5 is below 0.0");
        assert_eq!(shown(&uniform, "0.5..1.5"), "1.5 is above 1.0");
        assert_eq!(shown(&uniform, "0.5..0.25"), "the range is empty, because 0.5 is above 0.25");
        for text in ["", "a", "NaN", "0.1..b", "0.1-0.2", "true"] {
            assert!(shown(&uniform, text).ends_with("is not a number of its kind"), "{text}");
        }
        assert!(narrowed(&uniform, &["0.1", "0.2"]).unwrap_err().contains("one range"));
        let log = Domain::LogUniform { low: 1e-5, high: 0.1, step: None };
        assert_eq!(shown(&log, "1e-4..1e-2"), "log-uniform 0.0001 to 0.01");
        assert_eq!(shown(&log, "0..1e-2"), "0.0 is below 1e-5");
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let normal = Domain::Normal { mean: 0.0, std: 1.0, log: false, low, high, step: None };
        assert_eq!(shown(&normal, "-1..2"), "normal with mean 0.0 and deviation 1.0, from -1.0, up to 2.0");
    }

    #[test]
    fn ranges_on_a_grid_keep_its_values() {
        let grid = Domain::Uniform { low: 0.1, high: 0.9, step: Some(0.2) };
        assert_eq!(shown(&grid, "0.2..0.8"), "uniform 0.3 to 0.8 in steps of 0.2");
        assert_eq!(shown(&grid, "0.3..0.3"), "uniform 0.3 to 0.3 in steps of 0.2");
        assert_eq!(shown(&grid, "0.35..0.45"), "there is no value from 0.35 to 0.45");
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let normal = Domain::Normal { mean: 0.0, std: 1.0, log: false, low, high, step: Some(0.5) };
        assert!(shown(&normal, "-0.7..0.7").contains("from -0.5, up to 0.7 in steps of 0.5"));
        let int = Domain::Int { low: 16, high: 250, step: 16, log: false };
        assert_eq!(shown(&int, "20..100"), "int 32 to 100 in steps of 16");
        assert_eq!(shown(&int, "33..40"), "there is no value from 33 to 40");
        assert_eq!(narrowed(&int, &["16..250"]), Ok(int.clone()));
        assert_eq!(shown(&int, "8..64"), "8 is below 16");
        assert_eq!(shown(&int, "16.5..64"), "`16.5` is not a number of its kind");
        let large = Domain::UInt { low: 0, high: u64::MAX, step: 1, log: false };
        assert_eq!(
            shown(&large, "18446744073709551610.."),
            "int 18446744073709551610 to 18446744073709551615"
        );
        assert_eq!(shown(&large, "..7"), "int 0 to 7");
    }

    #[test]
    fn options_are_named_in_any_order_and_keep_their_weights() {
        let text = |text: &str| crate::space::Value::Text(text.to_owned());
        let options = vec![text("sgd"), text("adam"), text("a, b")];
        let choice = Domain::Choice { options, weights: vec![1.0, 2.0, 0.0] };
        assert_eq!(shown(&choice, "adam,sgd"), "one of sgd (weight 1), adam (weight 2)");
        assert_eq!(shown(&choice, "adam"), "one of adam");
        assert_eq!(narrowed(&choice, &["a, b", "adam"]).unwrap().to_string().matches("weight").count(), 2);
        assert_eq!(shown(&choice, "a, b"), "these have no weight, and are never drawn");
        assert_eq!(shown(&choice, "adam, lion"), "`lion` is not one of its values");
        assert_eq!(narrowed(&choice, &[]).unwrap_err(), "no value would be left");
        let numbers = vec![crate::space::Value::Int(32), crate::space::Value::Int(64)];
        let numbers = Domain::Choice { options: numbers, weights: Vec::new() };
        assert_eq!(shown(&numbers, "64"), "one of 64");
        let switch = Domain::Bool { probability: 0.25 };
        assert_eq!(
            (shown(&switch, "true"), shown(&switch, "false")),
            ("true".to_owned(), "false".to_owned())
        );
        assert_eq!(narrowed(&switch, &["true, false"]), Ok(switch.clone()));
        assert_eq!(shown(&switch, "1"), "`1` is not one of its values");
        assert_eq!(shown(&Domain::Bool { probability: 1.0 }, "false"), "it never has this value");
        assert!(shown(&Domain::Distribution("Gamma".to_owned()), "1..2").contains("no range"));
    }
}
