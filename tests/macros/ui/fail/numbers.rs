//! Literals that are no numbers of the field's type.

use hobbit::search_space;

#[search_space]
struct Hparams {
    #[uniform(0.0..=1e300)]
    single: f32,
    #[log_uniform(1e-60..=1.0)]
    log_single: f32,
    #[uniform(0.0..=1e999)]
    double: f64,
    #[uniform("a"..=1.0)]
    text: f64,
    #[uniform(0.0..=1.0, step = 1e999)]
    step: f64,
    #[normal(1e300, 1.0)]
    normal: f32,
    #[int(0..=300)]
    int: u8,
    #[int(-1..=3)]
    negative: u8,
    #[int(1..=3)]
    large: u128,
    #[uniform(0.0..=1.0)]
    letter: char,
    #[length(0..=1_000_000)]
    #[int(0..=1)]
    long: Vec<u8>,
    #[choice(1: 1e308, 2: 1e308)]
    sum: u8,
    #[choice(16, 0x10)]
    same: u8,
    #[choice(1, 2)]
    unwritable: u128,
    #[fixed(1)]
    fixed: i128,
    #[bool("half")]
    switch: bool,
    #[uniform(0.0..=1.0)]
    array: [f64; 33],
}

fn main() {}
