//! Spaces within themselves by way of others: the compiler finds them.

use hobbit::search_space;

#[search_space]
struct Chicken {
    #[length(0..=2)]
    #[nested]
    eggs: Vec<Egg>,
}

#[search_space]
struct Egg {
    #[optional(0.5)]
    #[nested]
    chicken: Option<Chicken>,
}

fn main() {}
