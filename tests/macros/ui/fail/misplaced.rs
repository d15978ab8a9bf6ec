//! Attributes that belong elsewhere, or say nothing: each says where, or what it could say.

use hobbit::search_space;

#[search_space]
#[uniform(0.0..=1.0)]
#[weight(2)]
struct OnItem {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
#[optional(0.5)]
struct OnConditionalItem {
    #[cfg(all())]
    #[int(0..=1)]
    a: u8,
}

#[search_space]
struct OnFields {
    #[constraint(a > 0, "not nothing")]
    #[int(0..=1)]
    a: u8,
    #[weight(2)]
    #[int(0..=1)]
    b: u8,
    #[cfg(all())]
    #[weight(2)]
    #[int(0..=1)]
    c: u8,
}

#[search_space]
enum OnVariants {
    #[constraint(true, "never")]
    A,
    #[int(0..=1)]
    B,
}

#[search_space]
struct Empty {
    #[uniform()]
    uniform: f64,
    #[normal()]
    normal: f64,
    #[normal(0.0)]
    no_deviation: f64,
    #[normal(0.0, 1.0, 2.0)]
    three: f64,
    #[log_normal(0.0,)]
    no_deviation_either: f64,
    #[fixed()]
    fixed: u8,
    #[optional()]
    #[int(0..=1)]
    optional: Option<u8>,
    #[length()]
    #[int(0..=1)]
    length: Vec<u8>,
    switch: Option<bool>,
    switches: Vec<bool>,
}

#[search_space]
#[constraint()]
struct Unconstrained {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
enum Unweighted {
    #[weight()]
    A,
    B,
}

fn main() {}
