//! Names in files that are two things' at once: what is written as one would be read as the other.

use hobbit::search_space;

#[search_space]
#[serde(rename_all = "lowercase")]
enum Cases {
    Ab,
    AB,
}

#[search_space]
enum Aliases {
    A,
    #[serde(alias = "A")]
    B,
    #[serde(alias = "D", alias = "C")]
    C,
    #[serde(alias = "D")]
    D,
    #[serde(alias = "other")]
    E,
    #[serde(alias = "other")]
    F,
}

#[search_space]
#[serde(rename_all = "camelCase")]
#[allow(non_snake_case)]
struct Fields {
    #[int(0..=1)]
    a_b: u8,
    #[int(0..=1)]
    aB: u8,
}

#[search_space]
#[serde(rename_all_fields = "SCREAMING-KEBAB-CASE")]
enum Branches {
    #[allow(non_snake_case)]
    A {
        #[int(0..=1)]
        x_y: u8,
        #[int(0..=1)]
        X_Y: u8,
    },
    #[serde(rename_all = "snake_case")]
    #[allow(non_snake_case)]
    B {
        #[int(0..=1)]
        x_y: u8,
        #[int(0..=1)]
        X_Y: u8,
    },
}

#[search_space]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
struct Two {
    #[int(0..=1)]
    a_b: u8,
}

fn main() {}
