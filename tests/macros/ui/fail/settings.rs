//! Settings of serde's that there are not, or not there, or not like that: serde's own error would be followed
//! by others.

use hobbit::search_space;

#[search_space]
#[serde(rename_all = "Nonsense", deny_unknown_fields, deny_unknown_fields)]
struct Fields {
    #[serde(frobnicate)]
    #[int(0..=1)]
    unknown: u8,
    #[serde(rename "x")]
    #[int(0..=1)]
    unequal: u8,
    #[serde = "x"]
    #[int(0..=1)]
    equals: u8,
    #[serde(getter = "Fields::other")]
    #[int(0..=1)]
    getter: u8,
    #[serde(rename = "a", rename = "b")]
    #[int(0..=1)]
    twice: u8,
    #[serde(rename)]
    #[int(0..=1)]
    none: u8,
    #[serde(default = 1)]
    #[int(0..=1)]
    number: u8,
    #[serde(tag = "kind")]
    #[int(0..=1)]
    place: u8,
}

#[search_space]
#[serde(frobnicate)]
enum Variants {
    #[serde(default)]
    A,
    B,
}

#[search_space]
#[serde(transparent)]
struct Transparent {
    #[int(0..=1)]
    a: u8,
    #[int(0..=1)]
    b: u8,
}

#[search_space]
#[serde(tag = "x")]
enum Tagged {
    A {
        #[int(0..=1)]
        x: u8,
    },
    B,
}

#[search_space]
#[serde(content = "x")]
enum Content {
    A,
    B,
}

#[search_space]
#[serde(tag = "x", content = "x")]
enum Same {
    A,
    B,
}

#[search_space]
struct Conditional {
    #[cfg(not(test))]
    #[serde(frobnicate)]
    #[int(0..=1)]
    a: u8,
}

fn main() {}
