//! Words that are nearly right, or are of another library.

use hobbit::search_space;

#[search_space]
struct Attributes {
    #[hobbit::uniform(0.0..=1.0)]
    path: f64,
    #[range(0.0..=1.0)]
    other: f64,
    #[serde(renam = "b")]
    #[int(0..=1)]
    serde: u8,
}

#[search_space]
#[serde(rename_al = "camelCase")]
enum Variants {
    #[serde(alais = "b")]
    A,
    B,
}

#[search_space]
struct Arguments {
    #[choice(1, 2, weights = [1.0, 2.0])]
    weights: u8,
    #[normal(mean = 0.0, std = 1.0)]
    names: f64,
    #[normal(0.0, std = 1.0)]
    one_name: f64,
    #[uniform(0.1..=1.0, log)]
    log: f64,
    #[int(1..=9, log = true)]
    log_int: u8,
    #[int(1..=9)]
    #[default(2)]
    default: u8,
    #[int(1..=9)]
    #[name("x")]
    name: u8,
    #[int('a'..='z')]
    letter: char,
    #[uniform("0.0"..="1.0")]
    text: f64,
    #[uniform(0.0..=1.0, step: 0.5)]
    colon: f64,
    #[uniform = 0.5]
    equals: f64,
    #[uniform]
    nothing: f64,
    #[uniform(0.0, 1.0)]
    comma: f64,
}

fn main() {}
