//! What a kernel is along one parameter: its width, and how likely values are under it.

use std::f64::consts::TAU;
use std::ops::Range;

use crate::search::Point;
use crate::space::{Cells, Domain, Space, normal_below};

/// A whole number with more values than this is treated like a real one.
const COUNTED: u64 = 32;

/// What stands for the probability of what is next to impossible, so that its logarithm is a number.
const LEAST: f64 = 1e-300;

/// A configuration of a mixture, and the weight of its kernel.
pub(super) type Weighted<'a> = (&'a Point, f64);

/// A parameter, as kernels see it.
pub(super) enum Dimension {
    /// Options without an order.
    Options(Cells),
    /// Few values in an order.
    Steps(Cells),
    /// Real numbers, or so many values that they may count as such.
    Real(Option<Cells>),
    /// Nothing is known of it but how to draw it.
    Unknown,
}

impl Dimension {
    /// All parameters of a space.
    pub(super) fn all(space: &Space) -> Vec<Dimension> {
        space.parameters().iter().map(|parameter| Dimension::of(parameter.domain())).collect()
    }

    pub(super) fn of(domain: &Domain) -> Dimension {
        match domain.cells() {
            _ if !domain.is_uniform_in_the_cube() => Dimension::Unknown,
            Some(cells) if domain.is_categorical() => Dimension::Options(cells),
            Some(cells) if cells.count() <= COUNTED => Dimension::Steps(cells),
            cells => Dimension::Real(cells),
        }
    }

    /// The values, if they can be counted.
    pub(super) fn cells(&self) -> Option<&Cells> {
        match self {
            Dimension::Options(cells) | Dimension::Steps(cells) | Dimension::Real(Some(cells)) => Some(cells),
            Dimension::Real(None) | Dimension::Unknown => None,
        }
    }
}

/// The widths of kernels around these coordinates, one for each: the distance to the further one of a
/// coordinate's neighbours (Bergstra, Bardenet, Bengio and Kégl, 2011, section 4.2), and not less than
/// `narrowest`. Of coordinates at the ends only the inner neighbour counts, and a coordinate alone gets the
/// whole range.
pub(super) fn widths(units: &[f64], narrowest: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_unstable_by(|&a, &b| units[a].total_cmp(&units[b]).then(a.cmp(&b)));
    let mut widths = vec![1.0; units.len()];
    if units.len() > 1 {
        for (rank, &place) in order.iter().enumerate() {
            let gap =
                |neighbour: Option<&usize>| neighbour.map_or(0.0, |&to| (units[to] - units[place]).abs());
            let (before, behind) =
                (rank.checked_sub(1).and_then(|rank| order.get(rank)), order.get(rank + 1));
            widths[place] = gap(before).max(gap(behind)).clamp(narrowest, 1.0);
        }
    }
    widths
}

/// A coordinate from the kernel around one, by uniform numbers: pairs of normal ones (Box and Muller, "A Note
/// on the Generation of Random Normal Deviates", 1958) until one of them is within the range. The inverse of
/// the distribution function would take ten times as long.
pub(super) fn near(center: f64, width: f64, mut uniform: impl FnMut() -> f64) -> f64 {
    const PAIRS: usize = 64;
    for _ in 0..PAIRS {
        let radius = (-2.0 * libm::log(1.0 - uniform())).sqrt();
        let (sine, cosine) = libm::sincos(TAU * uniform());
        let both = [center + width * radius * cosine, center + width * radius * sine];
        if let Some(inside) = both.into_iter().find(|unit| (0.0..1.0).contains(unit)) {
            return inside;
        }
    }
    // once in 10^10 at most, of kernels that are nearly flat
    uniform()
}

/// What is subtracted from −z²/2 for the logarithm of a kernel's density, which is cut off at both ends.
pub(super) fn log_norm(center: f64, width: f64) -> f64 {
    const ROOT_OF_TAU: f64 = 2.506_628_274_631_000_7;
    libm::log(width * ROOT_OF_TAU * mass(center, width, &(0.0..1.0)))
}

/// The logarithm of the share that a part of a kernel is of the whole; of one far away, of a very small number.
pub(super) fn log_share(part: f64, whole: f64) -> f64 {
    libm::log((part / whole).max(LEAST))
}

/// The probability of a value in the space; of one that is never drawn, a very small number.
pub(super) fn probability(cells: &Cells, value: u64) -> f64 {
    let interval = cells.interval(value);
    (interval.end - interval.start).max(LEAST)
}

/// The part of a kernel of an option that is the space's own distribution; the rest is the option itself. Of
/// n kernels each has 1/n for every option and 1 more for its own, so that together they give each option at
/// least the weight of one outcome.
pub(super) fn spread(cells: &Cells, kernels: usize) -> f64 {
    let all = cells.count() as f64;
    all / (all + kernels as f64)
}

/// What a normal distribution has in an interval.
pub(super) fn mass(center: f64, width: f64, interval: &Range<f64>) -> f64 {
    let (from, to) = ((interval.start - center) / width, (interval.end - center) / width);
    // by the tail that loses no digits
    if from > 0.0 { normal_below(-from) - normal_below(-to) } else { normal_below(to) - normal_below(from) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn a_kernel_reaches_to_the_further_neighbour() {
        let close = |widths: Vec<f64>, expected: &[f64]| {
            assert_eq!(widths.len(), expected.len());
            for (width, expected) in widths.iter().zip(expected) {
                assert!((width - expected).abs() < 1e-12, "{widths:?}");
            }
        };
        // of those at the ends the inner neighbour counts
        close(widths(&[0.9, 0.2, 0.4, 0.5], 0.01), &[0.4, 0.2, 0.2, 0.4]);
        close(widths(&[0.5, 0.5, 0.5, 0.52], 0.01), &[0.01, 0.01, 0.02, 0.02]);
        close(widths(&[0.3], 0.01), &[1.0]);
        close(widths(&[], 0.01), &[]);
    }

    fn share(cells: &Cells, (center, width): (f64, f64), value: u64) -> f64 {
        let part = mass(center, width, &cells.interval(value));
        log_share(part, mass(center, width, &(0.0..1.0)))
    }

    #[test]
    fn draws_are_spread_as_the_kernel_is() {
        let cells = Domain::Int { low: 1, high: 5, step: 1, log: false }.cells().unwrap();
        for (seed, (center, width)) in [(0.02, 0.2), (0.5, 0.1), (0.9, 2.0)].into_iter().enumerate() {
            let mut rng = Key::new(seed as u64).rng();
            let mut counts = [0.0; 5];
            for _ in 0..10_000 {
                counts[cells.place(near(center, width, || rng.unit())) as usize] += 1e-4;
            }
            for (value, count) in counts.into_iter().enumerate() {
                let expected = libm::exp(share(&cells, (center, width), value as u64));
                assert!((count - expected).abs() < 0.02, "{center} {width}: {count} and {expected}");
            }
        }
    }

    #[test]
    fn shares_of_all_values_make_one() {
        let cells = Domain::Int { low: 1, high: 7, step: 1, log: false }.cells().unwrap();
        for (center, width) in [(0.01, 0.1), (0.5, 0.3), (0.99, 0.05), (0.7, 1.0)] {
            let shares = (0..cells.count()).map(|value| libm::exp(share(&cells, (center, width), value)));
            assert!((shares.sum::<f64>() - 1.0).abs() < 1e-9, "{center} {width}");
        }
    }
}
