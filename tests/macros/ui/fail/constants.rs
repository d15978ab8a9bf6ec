//! What is given by constants is held to the same rules as literals: one error for each field.

use hobbit::search_space;

const ZERO: f64 = 0.0;
const MINUS: f64 = -1.0;
const FIVE: f64 = 5.0;
const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;
const BIG: f64 = 1e300;
const SMALL: f64 = 1e-60;
const NONE: u8 = 0;
const HALF: f64 = 0.5;

#[search_space]
struct Reals {
    #[uniform(0.0..=INFINITY)]
    infinite: f64,
    #[uniform(NAN..=1.0)]
    nan: f64,
    #[uniform(0.0..=BIG)]
    single: f32,
    #[log_uniform(SMALL..=1.0)]
    log_single: f32,
    #[uniform(0.0..=1.0, step = ZERO)]
    no_step: f64,
    #[uniform(0.0..=1.0, step = NAN)]
    nan_step: f64,
    #[uniform(0.0..=1.0, step = FIVE)]
    large_step: f64,
    #[normal(NAN, 1.0)]
    mean: f64,
    #[normal(0.0, MINUS)]
    deviation: f64,
    #[normal(0.0, 1.0, truncated = FIVE..=1.0)]
    truncated: f64,
    #[normal(BIG, 1.0)]
    overflows: f32,
    #[uniform(0.0..=1.0 / 0.0)]
    division: f64,
    #[uniform(0.0..=1e39)]
    alias: Single,
    #[normal(0.0, 1.0, truncated = 0.0..=BIG)]
    truncated_single: f32,
}

type Single = f32;

#[search_space]
struct Others {
    #[int(0..=10, step = NONE)]
    step: u8,
    #[int(0..=10, step = HALF)]
    half: u8,
    #[int(NONE..=10, log)]
    log: u8,
    #[bool(MINUS)]
    switch: bool,
    #[optional(FIVE)]
    #[int(0..=1)]
    optional: Option<u8>,
    #[length(MINUS as i32..=4)]
    #[int(1..=4)]
    negative: Vec<u8>,
    #[length(FIVE..=4)]
    #[int(1..=4)]
    reversed: Vec<u8>,
    #[length(HALF..=4)]
    #[int(1..=4)]
    fraction: Vec<u8>,
    #[length(0..=usize::MAX)]
    #[int(1..=4)]
    huge: Vec<u8>,
    #[choice(1: MINUS, 2: 1)]
    weight: u8,
    #[choice(1: ZERO, 2: ZERO)]
    zero: u8,
    #[choice(1: BIG * BIG, 2: 1)]
    infinite: u8,
    #[int(0..=256)]
    alias: Small,
    #[int(0..=FIVE / 2.0)]
    part: Small,
}

type Small = u8;

#[search_space]
enum Weights {
    #[weight(NAN)]
    A,
    B,
}

fn main() {}
