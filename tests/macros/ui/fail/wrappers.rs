//! Fields whose values are in something, and nothing says how they get there.

use hobbit::search_space;

#[search_space]
#[derive(Clone)]
struct Inner {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
struct Syntax {
    #[uniform(0.0..=1.0)]
    option: Option<f64>,
    #[int(0..=1)]
    list: Vec<u8>,
    #[choice("a", "b")]
    text: Option<String>,
    #[nested]
    nested: Option<Inner>,
    #[nested]
    boxed: Box<Inner>,
    #[length(1..=2)]
    #[int(0..=1)]
    both: Option<Vec<u8>>,
    #[optional(0.5)]
    #[fixed(Some(1))]
    fixed: Option<u8>,
    #[length(0..=2)]
    #[nested]
    itself: Vec<Syntax>,
    #[choice("a", "b")]
    borrowed: &'static [u8],
}

fn main() {}
