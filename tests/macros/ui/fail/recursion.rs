//! Spaces within themselves.

use hobbit::search_space;

#[search_space]
struct List {
    #[length(0..=2)]
    #[nested]
    a: Vec<List>,
}

#[search_space]
struct Option_ {
    #[optional(0.5)]
    #[nested]
    a: Option<Option_>,
}

#[search_space]
struct ByPath {
    #[length(0..=2)]
    #[nested]
    a: Vec<self::ByPath>,
}

#[search_space]
struct Generic<A: hobbit::SearchSpace> {
    #[nested]
    a: A,
    #[length(0..=2)]
    #[nested]
    b: Vec<Generic<A>>,
}

#[search_space]
enum Tree {
    Leaf,
    Node {
        #[length(0..=2)]
        #[nested]
        children: Vec<Self>,
    },
}

fn main() {}
