//! Mistakes that more than one thing would complain about.

use hobbit::search_space;

const YES: bool = true;

#[search_space]
struct Weights {
    #[choice("a": YES, "b": 1)]
    text: String,
}

#[search_space]
enum Itself {
    Leaf,
    Node {
        #[optional(0.5)]
        #[nested]
        child: Option<Self>,
    },
}

/// Nothing of serde is imported.
#[search_space]
#[derive(serd::Serialize, serd::Deserialize)]
struct Misspelled {
    #[int(0..=1)]
    a: u8,
}

fn main() {}
