//! Without the prelude, and where the names in it are others'.

#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code)]

use ::hobbit::search_space;

struct Some;
struct None;
struct Ok;
struct Result;
struct From;
struct Clone;

const LOW: f64 = 0.25;

#[search_space]
#[constraint(share >= LOW, "not less")]
struct Hparams {
    #[uniform(LOW..=1.0)]
    share: f64,
    #[int(1..=4)]
    #[default = 2]
    width: u8,
    switch: bool,
    #[choice("a": 1, "b": LOW)]
    text: ::std::string::String,
    #[optional(0.5)]
    #[uniform(0.0..=1.0)]
    maybe: ::core::option::Option<f64>,
    #[length(1..=2)]
    #[int(0..=1)]
    list: ::std::vec::Vec<u8>,
    #[normal(0.0, 1.0, truncated = -1.0..=1.0)]
    normal: f64,
    #[derived(width as u32)]
    derived: u32,
    #[nested]
    branch: Branch,
}

#[search_space]
enum Branch {
    A {
        #[uniform(0.0..=1.0)]
        x: f64,
    },
    #[weight(LOW)]
    B,
}

fn main() {}
