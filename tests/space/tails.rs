//! Normal distributions cut off far from their mean, against a table made with mpmath.

use hobbit::__private::Normal;
use hobbit::space::Scalar;
use hobbit::{Key, SearchSpace, search_space};

/// Lines of `tests/data/truncated_normals.txt`: bounds, a number in [0, 1), and the quantile.
fn table() -> Vec<[f64; 4]> {
    let line = |line: &str| {
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    };
    include_str!("../data/truncated_normals.txt").lines().map(line).collect()
}

#[test]
fn both_tails_are_exact_to_forty_deviations() {
    let table = table();
    assert_eq!(table.len(), 200);
    for [low, high, unit, expected] in table {
        // numbers near the mean are sums: they are as exact as the deviation, not as themselves
        let allowed = 1e-10 * f64::max(expected.abs(), 1e-3);
        let plain = Normal { mean: 0.0, std: 1.0, log: false, low, high, step: None };
        let found: f64 = plain.at(unit);
        assert!((found - expected).abs() <= allowed, "{low} to {high} at {unit}: {found}, not {expected}");
        assert!(plain.contains(&found));
        // the same elsewhere, and as a logarithm
        let moved = Normal {
            mean: 3.0,
            std: 0.5,
            log: false,
            low: 3.0 + 0.5 * low,
            high: 3.0 + 0.5 * high,
            step: None,
        };
        let found: f64 = moved.at(unit);
        assert!(
            (found - 3.0 - 0.5 * expected).abs() <= 0.5 * allowed + 1e-14,
            "{low} to {high} at {unit}, moved: {found}"
        );
        let log = Normal {
            mean: 0.0,
            std: 0.1,
            log: true,
            low: (0.1 * low).exp(),
            high: (0.1 * high).exp(),
            step: None,
        };
        let found: f64 = log.at(unit);
        assert!(
            (found.ln() - 0.1 * expected).abs() <= 0.1 * allowed + 1e-14,
            "{low} to {high} at {unit}, log: {found}"
        );
    }
}

/// Between the entries of the table, too, a larger number gives a larger value, but for the last bits.
#[test]
fn quantiles_grow() {
    let ranges = [
        (-1.0, 2.0),
        (-12.0, -9.0),
        (9.0, 12.0),
        (9.99, 10.01),
        (0.0, 40.0),
        (-40.0, 40.0),
        (38.0, 39.0),
        (4.0, 6.0),
    ];
    for (low, high) in ranges {
        let normal = Normal { mean: 0.0, std: 1.0, log: false, low, high, step: None };
        let mut before = low;
        for step in 0..10_000 {
            let value: f64 = normal.at(f64::from(step) / 10_000.0);
            assert!(
                value >= before - 1e-10 * before.abs() && value <= high,
                "{low} to {high}: {value} after {before}"
            );
            before = value;
        }
        assert!(before > low + 0.5 * (high - low).min(0.1), "{low} to {high} ends at {before}");
    }
}

#[test]
fn every_draw_from_a_tail_is_another_number() {
    #[search_space]
    #[derive(Debug, Clone, PartialEq)]
    struct Tails {
        #[normal(0.0, 1.0, truncated = 9.0..=12.0)]
        above: f64,
        #[normal(0.0, 1.0, truncated = -12.0..=-9.0)]
        below: f64,
        #[log_normal(0.0, 0.1, truncated = 2.5..=100.0)]
        log: f64,
        #[normal(0.0, 1e-3, truncated = 1.0..=2.0)]
        far: f64,
        #[normal(0.0, 5e-324, truncated = 1.0..=2.0)]
        farthest: f64,
    }
    let median = |of: fn(&Tails) -> f64| {
        let mut all: Vec<f64> = (0..1001).map(|seed| of(&Tails::draw(Key::new(seed)).unwrap())).collect();
        all.sort_by(f64::total_cmp);
        let median = all[500];
        all.dedup();
        assert_eq!(all.len(), 1001);
        median
    };
    // medians of scipy.stats.truncnorm; of so few draws they are near
    assert!((median(|drawn| drawn.above) - 9.0758).abs() < 0.01);
    assert!((median(|drawn| drawn.below) + 9.0758).abs() < 0.01);
    assert!((median(|drawn| drawn.log) - 2.5187).abs() < 0.003);
    for seed in 0..100 {
        let drawn = Tails::draw(Key::new(seed)).unwrap();
        assert!(drawn.far >= 1.0 && drawn.far < 1.001 && drawn.farthest == 1.0);
        super::every_way(&drawn);
    }
}
