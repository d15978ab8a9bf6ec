//! Grids of real numbers: every value is the float that its decimal number reads as, wherever it goes.

use std::cell::Cell;

use hobbit::__private::{LogUniform, Uniform};
use hobbit::{Key, SearchSpace, search_space};
use proptest::prelude::*;

use super::every_way;

thread_local! {
    /// Low, high and step of the space below.
    static GRID: Cell<(f64, f64, f64)> = const { Cell::new((0.0, 1.0, 0.1)) };
}

fn uniform() -> Uniform {
    let (low, high, step) = GRID.get();
    Uniform { low, high, step: Some(step) }
}

fn log_uniform() -> LogUniform {
    let (low, high, step) = GRID.get();
    let low = if low > 0.0 { low } else { step };
    LogUniform { low, high: high.max(low), step: Some(step) }
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Double {
    #[with(uniform())]
    x: f64,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Single {
    #[with(uniform())]
    x: f32,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Log {
    #[with(log_uniform())]
    x: f64,
}

/// A whole number of units of 10⁻ᵖ, as people write it.
fn written(number: u64, places: u32) -> String {
    format!("{number}e-{places}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// All decimal grids of up to six digits within 0 to 1000.
    #[test]
    fn values_are_decimal_numbers_in_every_file(
        places in 0..=6u32, low in 0..1_000_000u64, width in 0..1_000_000u64, step in 1..1_000_000u64, some in 0.0..1.0f64,
    ) {
        let most = 1_000_000.min(1000 * 10u64.pow(places));
        let (low, width) = (low % most, width % most);
        let high = (low + width).min(most);
        let step = (step % most).clamp(1, (high - low).max(1));
        let float = |number: u64| written(number, places).parse::<f64>().unwrap();
        GRID.set((float(low), float(high), float(step)));
        let last = (high - low) / step;
        for place in [0, last, last / 2, (some * last as f64) as u64, last.min(1), last.saturating_sub(1)] {
            let unit = (place as f64 + 0.5) / (last + 1) as f64;
            let value = low + place * step;
            let double = Double::decode(&[Some(unit)]).unwrap();
            prop_assert_eq!(double.x, float(value), "{:?} at {}", GRID.get(), place);
            every_way(&double);
            let single = Single::decode(&[Some(unit)]).unwrap();
            prop_assert_eq!(single.x, written(value, places).parse::<f32>().unwrap());
            every_way(&single);
        }
        for seed in 0..4 {
            let drawn = Log::draw(Key::new(seed)).unwrap();
            // the number of units, if it is one
            let units = (drawn.x * 10f64.powi(places as i32)).round() as u64;
            prop_assert_eq!(drawn.x, float(units));
            every_way(&drawn);
        }
        // whoever writes the bounds down is understood
        let is_accepted = |x: f64| Double { x }.check().is_ok();
        prop_assert!(is_accepted(float(low)));
        prop_assert_eq!(is_accepted(float(high)), (high - low) % step == 0);
        prop_assert!(!is_accepted(float(low) + 0.5 * float(step)));
    }
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Tenths {
    #[uniform(0.1..=0.3, step = 0.1)]
    both: f64,
    #[uniform(0.2..=0.3, step = 0.1)]
    two: f64,
    #[uniform(0.7..=0.8, step = 0.1)]
    single: f32,
    #[log_uniform(0.2..=0.6, step = 0.1)]
    log: f64,
    #[uniform(-0.3..=0.3, step = 0.1)]
    around: f64,
    #[normal(0.0, 1.0, truncated = 0.3..=0.7, step = 0.1)]
    normal: f64,
    #[normal(0.0, 1.0, truncated = -0.25..=0.25, step = 0.1)]
    within: f64,
}

#[test]
fn both_ends_of_a_grid_are_drawn_and_accepted() {
    let mut seen: [Vec<f64>; 7] = Default::default();
    for seed in 0..2000 {
        let drawn = Tenths::draw(Key::new(seed)).unwrap();
        every_way(&drawn);
        let Tenths { both, two, single, log, around, normal, within } = drawn;
        // 0 and -0 are one
        let all = [both, two, f64::from(single), log, around, normal, within].map(|number| number + 0.0);
        for (seen, number) in seen.iter_mut().zip(all) {
            if !seen.contains(&number) {
                seen.push(number);
            }
        }
    }
    seen.iter_mut().for_each(|seen| seen.sort_by(f64::total_cmp));
    let expected: [&[f64]; 7] = [
        &[0.1, 0.2, 0.3],
        &[0.2, 0.3],
        &[f64::from(0.7f32), f64::from(0.8f32)],
        &[0.2, 0.3, 0.4, 0.5, 0.6],
        &[-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3],
        &[0.3, 0.4, 0.5, 0.6, 0.7],
        &[-0.2, -0.1, 0.0, 0.1, 0.2],
    ];
    assert_eq!(seen.each_ref().map(Vec::as_slice), expected);
    let beyond = Tenths { both: 0.1 + 0.2, ..Tenths::draw(Key::new(1)).unwrap() };
    let error = beyond.check().unwrap_err().to_string();
    assert_eq!(error, "`both` is 0.30000000000000004; it has to be uniform 0.1 to 0.3 in steps of 0.1");
}

/// The ends of a range are values of it, also where its logarithms are drawn.
#[test]
fn the_ends_of_a_range_have_coordinates() {
    #[search_space]
    #[derive(Debug, Clone, PartialEq)]
    struct Ends {
        #[uniform(0.1..=0.7)]
        uniform: f64,
        #[log_uniform(1e-4..=0.1)]
        log: f64,
        #[log_uniform(1e-4..=0.1)]
        log_single: f32,
        #[log_uniform(5e-324..=1.7976931348623157e308)]
        all: f64,
        #[normal(0.0, 1.0, truncated = 0.1..=0.3)]
        normal: f32,
        #[int(i8::MIN..=i8::MAX)]
        int: i8,
        #[int(1..=u8::MAX, log)]
        log_int: u8,
        #[int(i64::MIN..=i64::MAX)]
        long: i64,
    }
    let low = Ends {
        uniform: 0.1,
        log: 1e-4,
        log_single: 1e-4,
        all: 5e-324,
        normal: 0.1,
        int: i8::MIN,
        log_int: 1,
        long: i64::MIN,
    };
    let high = Ends {
        uniform: 0.7,
        log: 0.1,
        log_single: 0.1,
        all: f64::MAX,
        normal: 0.3,
        int: i8::MAX,
        log_int: u8::MAX,
        long: i64::MAX,
    };
    for end in [low, high] {
        every_way(&end);
    }
    let (first, last) = (0.0, 1.0 - f64::EPSILON / 2.0);
    for unit in [first, f64::EPSILON, 0.5, 1.0 - 1e-15, last] {
        every_way(&Ends::decode(&[Some(unit); 8]).unwrap());
    }
}

/// What lies far out is a number that can be written and checked.
#[test]
fn tails_that_no_float_can_hold_end_at_the_last_float() {
    #[search_space]
    #[derive(Debug, Clone, PartialEq)]
    struct Wide {
        #[log_normal(0.0, 1000.0)]
        log: f64,
        #[log_normal(0.0, 100.0)]
        log_single: f32,
        #[normal(0.0, 1e38)]
        single: f32,
    }
    for unit in [0.0, 1e-9, 0.1, 0.5, 0.9, 1.0 - 1e-9, 1.0 - f64::EPSILON / 2.0] {
        let decoded = Wide::decode(&[Some(unit); 3]).unwrap();
        every_way(&decoded);
        assert!(decoded.log > 0.0 && decoded.log_single > 0.0);
    }
    assert!(Wide { log: -1.0, log_single: 1.0, single: 0.0 }.check().is_err());
}
