//! Attributes of serde that would lose a value, or make it another.

use hobbit::search_space;

#[search_space]
struct Hparams {
    #[serde(skip)]
    #[int(0..=1)]
    skipped: u8,
    #[serde(skip_serializing)]
    #[int(0..=1)]
    unwritten: u8,
    #[serde(default, skip_deserializing)]
    #[int(0..=1)]
    unread: u8,
    #[serde(skip_serializing_if = "is_zero")]
    #[int(0..=1)]
    sometimes: u8,
    #[serde(flatten)]
    #[nested]
    flat: Inner,
    #[serde(rename = "skipped")]
    #[int(0..=1)]
    same: u8,
    #[serde(rename(serialize = "a", deserialize = "b"))]
    #[int(0..=1)]
    two: u8,
    #[name = "x"]
    #[serde(rename = "y")]
    #[int(0..=1)]
    named: u8,
}

#[search_space]
struct Inner {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
#[serde(untagged)]
enum Untagged {
    A,
    B,
}

#[search_space]
enum Variants {
    A,
    #[serde(skip)]
    B,
    #[serde(rename = "A")]
    C,
}

fn is_zero(value: &u8) -> bool {
    *value == 0
}

fn main() {}
