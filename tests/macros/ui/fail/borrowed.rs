//! Types that can be read from what lives for ever, and from nothing else: each is one error, at its place.

use hobbit::{SearchSpace, search_space};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Text(&'static str);

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Other(u8);

impl Deserialize<'static> for Other {
    fn deserialize<D: serde::Deserializer<'static>>(deserializer: D) -> Result<Other, D::Error> {
        u8::deserialize(deserializer).map(Other)
    }
}

#[search_space]
struct Plain {
    #[choice(Text("a"), Text("b"))]
    chosen: Text,
    #[fixed(Other(1))]
    fixed: Other,
    #[optional(0.5)]
    #[choice(Other(1), Other(2))]
    optional: Option<Other>,
}

#[search_space]
enum Branch {
    Left {
        #[length(1..=2)]
        #[choice(Text("a"), Text("b"))]
        list: Vec<Text>,
    },
    Right,
}

fn main() {
    let _ = (Plain::space(), Branch::space());
}
