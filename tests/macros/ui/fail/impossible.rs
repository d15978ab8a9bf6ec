//! Types that no field can have, whatever its domain: one error each.

use hobbit::{SearchSpace, search_space};

#[search_space]
struct Sizes {
    #[int(0..=1)]
    text: str,
    #[optional(0.5)]
    #[int(0..=1)]
    slice: [u8],
    #[length(1..=2)]
    #[int(0..=1)]
    reference: &u8,
    #[optional(0.5)]
    #[int(0..=1)]
    never: !,
    #[fixed([0; 40])]
    long: [u8; 40],
    #[uniform(0.0..=1.0)]
    long_of_others: [u8; 33],
    #[choice("a", "b")]
    large: u128,
    #[length(1..=2)]
    #[int(0..=1)]
    list: Vec,
    #[nested]
    object: Box<dyn SearchSpace>,
}

#[search_space]
#[derive(Clone, PartialEq)]
struct Itself {
    #[fixed(None)]
    fixed: Option<Itself>,
    #[choice(1, 2)]
    chosen: Self,
    #[optional(0.5)]
    #[uniform(0.0..=1.0)]
    optional: Option<Itself>,
    #[fixed(Vec::new())]
    list: Vec<Itself>,
}

fn main() {
    let _ = (Sizes::space(), Itself::space());
}
