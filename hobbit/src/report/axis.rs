//! The axes of pictures: where a value lies on them, and which values have ticks.
//!
//! Ticks are our own: those of the plotting library fall between whole numbers, and have no steps within a
//! power of ten.

use super::columns::Scale;

/// One axis of a picture.
#[derive(Clone)]
pub(super) struct Axis {
    label: String,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) scale: Scale,
    /// Only whole numbers have a tick.
    is_whole: bool,
}

/// A value that is written at an axis.
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

impl Axis {
    /// From the smallest to the largest value; a single value gets some room around it.
    pub(super) fn new(label: &str, (mut low, mut high): (f64, f64), scale: Scale) -> Axis {
        match &scale {
            Scale::Options(options) => (low, high) = (0.5, options.len().max(1) as f64 + 0.5),
            Scale::Log if high <= low * 1.0001 => (low, high) = (low / 2.0, high * 2.0),
            Scale::Linear if high - low <= 1e-9 * high.abs().max(low.abs()) => {
                let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
                (low, high) = (low - room, high + room);
            }
            _ => {}
        }
        let least = if scale == Scale::Log { 1e-300 } else { -1e300 };
        let (low, high) = (low.clamp(least, 1e300), high.clamp(least * 1.0001, 1e300));
        Axis { label: label.to_owned(), low, high, scale, is_whole: false }
    }

    /// Of whole numbers, if they are.
    pub(super) fn of_whole(mut self, is_whole: bool) -> Axis {
        self.is_whole = is_whole;
        self
    }

    /// What it shows, with its scale if that is not the usual one.
    pub(super) fn title(&self) -> String {
        match self.scale {
            Scale::Log if !self.label.is_empty() => format!("{} (log scale)", self.label),
            _ => self.label.clone(),
        }
    }

    /// The same, where there is little room.
    pub(super) fn short_title(&self) -> String {
        match self.scale {
            Scale::Log => format!("{} (log)", self.label),
            _ => self.label.clone(),
        }
    }

    /// Where a value lies: 0 at the low end, 1 at the high one, and at an end if it is beyond it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
            _ => (value - self.low) / (self.high - self.low),
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// Whether a value is on it.
    pub(super) fn has(&self, value: f64) -> bool {
        let room = 1e-9 * (self.high - self.low).abs();
        (self.low - room..=self.high + room).contains(&value)
    }

    /// About `most` values to write at it, those of options apart, which are all of them or every nth.
    pub(super) fn ticks(&self, most: usize) -> Vec<Tick> {
        let most = most.max(2);
        match &self.scale {
            Scale::Options(options) => {
                let every = options.len().div_ceil(most).max(1);
                let tick =
                    |(place, text): (usize, &String)| Tick { at: place as f64 + 1.0, text: text.clone() };
                options.iter().enumerate().step_by(every).map(tick).collect()
            }
            Scale::Linear => self.linear(most),
            Scale::Log => {
                let powers = self.decades(most, &[1]);
                let is_long = self.high / self.low > 2e3;
                if powers.len() >= 3 || is_long && powers.len() == 2 {
                    return powers;
                }
                let parts =
                    if is_long { self.decades(usize::MAX, &[1]) } else { self.decades(most, &[1, 2, 5]) };
                if parts.len() >= 2 { parts } else { self.linear(most.min(4)) }
            }
        }
    }

    fn linear(&self, most: usize) -> Vec<Tick> {
        let rough = (self.high - self.low) / most as f64;
        let power = 10f64.powf(rough.log10().floor());
        let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power);
        let mut step = nice.clone().find(|step| *step >= rough * 0.7).unwrap_or(rough);
        if self.is_whole {
            step = step.max(1.0);
        }
        let first = (self.low / step - 1e-9).ceil();
        let values = (0..=2 * most).map(|i| (first + i as f64) * step).take_while(|value| self.has(*value));
        let mut ticks: Vec<Tick> = values.map(|at| Tick { at, text: self.text(at, step) }).collect();
        // numbers too close for their digits
        ticks.dedup_by(|a, b| a.text == b.text);
        ticks
    }

    /// These multiples of powers of ten; only every nth power if there would be too many.
    fn decades(&self, most: usize, parts: &[u32]) -> Vec<Tick> {
        let (from, to) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let every = ((to - from) as usize).div_ceil(most).max(1);
        let powers = (from..=to).filter(|power| power.rem_euclid(every as i32) == 0);
        // read, not computed: a power of ten times five is not always the number that is written so
        let value = |power: i32, part: &u32| format!("{part}e{power}").parse().unwrap_or(f64::NAN);
        let values = powers.flat_map(|power| parts.iter().map(move |part| value(power, part)));
        let room = (self.high / self.low).powf(1e-6);
        let is_on = |value: &f64| *value >= self.low / room && *value <= self.high * room;
        values.filter(is_on).map(|at| Tick { at, text: short_number(at) }).collect()
    }

    /// A tick's number, with as many digits as tell it from its neighbours.
    fn text(&self, value: f64, step: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if value == 0.0 {
            return "0".to_owned();
        }
        if largest >= 1e6 || step < 1e-4 {
            let digits = (value.abs().log10().floor() - step.log10().floor()).clamp(0.0, 15.0) as usize;
            return format!("{value:.digits$e}");
        }
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        format!("{value:.decimals$}")
    }
}

/// A number of few digits as short as it can be.
fn short_number(value: f64) -> String {
    match value.abs().log10().round() {
        -4.0..=5.0 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(most).into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn whole_numbers_have_whole_ticks() {
        let axis = |low, high| Axis::new("", (low, high), Scale::Linear).of_whole(true);
        assert_eq!(texts(&axis(0.0, 1.0), 6), ["0", "1"]);
        assert_eq!(texts(&axis(1.0, 2.0), 6), ["1", "2"]);
        assert_eq!(texts(&axis(1.0, 6.0), 6), ["1", "2", "3", "4", "5", "6"]);
        assert_eq!(texts(&axis(0.0, 40.0), 5), ["0", "10", "20", "30", "40"]);
    }

    #[test]
    fn ticks_have_the_digits_that_they_need() {
        let axis = |low, high, scale| Axis::new("", (low, high), scale);
        assert_eq!(texts(&axis(0.12, 0.2, Scale::Linear), 4), ["0.12", "0.14", "0.16", "0.18", "0.20"]);
        assert_eq!(texts(&axis(1e-3, 1e-1, Scale::Log), 5), ["0.001", "0.01", "0.1"]);
        assert_eq!(texts(&axis(8.0, 512.0, Scale::Log), 5), ["10", "20", "50", "100", "200", "500"]);
        assert_eq!(
            texts(&axis(1e-12, 1e-2, Scale::Log), 5),
            ["1e-12", "1e-10", "1e-8", "1e-6", "0.0001", "0.01"]
        );
        assert_eq!(texts(&axis(0.31, 0.36, Scale::Log), 4), ["0.31", "0.32", "0.33", "0.34", "0.35", "0.36"]);
        assert_eq!(texts(&axis(2e7, 6e7, Scale::Linear), 4), ["2e7", "3e7", "4e7", "5e7", "6e7"]);
        let options = Scale::Options(["a", "b", "c"].map(str::to_owned).into());
        assert_eq!(texts(&axis(0.0, 0.0, options), 2), ["a", "c"]);
    }

    #[test]
    fn the_oddest_ends_have_ticks_and_places() {
        let ends = [(-1e308, 1e308), (0.0, 0.0), (5e-324, 1e308), (1.0, 1.0 + 1e-15), (-5e-324, 0.0)];
        for (low, high) in ends {
            for scale in [Scale::Linear, Scale::Log] {
                let axis = Axis::new("", (low, high), scale);
                assert!(axis.ticks(6).len() <= 16);
                for value in [low, high, 0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    assert!((0.0..=1.0).contains(&axis.place(value)), "{low} {high} {value}");
                }
            }
        }
    }
}
