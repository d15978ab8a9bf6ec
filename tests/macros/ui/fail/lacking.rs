//! Types of fields that lack what they need: one error each, however much they lack.

use hobbit::search_space;

struct Bare {
    a: u8,
}

enum Shape {
    Round,
    Square,
}

#[search_space]
struct Nested {
    #[nested]
    a: Bare,
    #[optional(0.5)]
    #[nested]
    b: Option<Bare>,
}

#[search_space]
#[derive(serde::Serialize, serde::Deserialize)]
struct DerivedBelow {
    #[nested]
    a: Bare,
}

#[search_space]
struct Chosen {
    #[choice(Shape::Round, Shape::Square)]
    a: Shape,
}

#[search_space]
struct ChosenWithin {
    #[optional(0.5)]
    #[choice(Shape::Round, Shape::Square)]
    a: Option<Shape>,
}

#[search_space]
enum Variants {
    Plain,
    More {
        #[length(1..=2)]
        #[choice(Shape::Round, Shape::Square)]
        shapes: Vec<Shape>,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
struct NotCompared(u8);

#[search_space]
struct Comparison {
    #[choice(NotCompared(1), NotCompared(2))]
    a: NotCompared,
    #[fixed(NotCompared(1))]
    b: NotCompared,
    #[fixed(NotCompared(1))]
    #[serde(with = "ways")]
    c: NotCompared,
}

mod ways {
    use super::NotCompared;

    pub fn serialize<S: serde::Serializer>(_: &NotCompared, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(0)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<NotCompared, D::Error> {
        unreachable!()
    }
}

#[search_space]
struct Conditional {
    #[cfg(all())]
    #[nested]
    a: Bare,
    #[cfg(all())]
    #[choice(Shape::Round)]
    b: Shape,
}

#[search_space]
struct Generic<A> {
    #[nested]
    a: A,
}

#[search_space]
struct GenericOfBare {
    #[nested]
    a: Generic<Bare>,
}

#[search_space]
struct Unknown {
    #[nested]
    a: Nowhere,
}

const LONG: usize = 33;

#[search_space]
struct Arrays {
    #[int(0..=1)]
    long: [u8; LONG],
    #[optional(0.5)]
    #[int(0..=1)]
    optional: Option<[u8; LONG]>,
}

fn main() {}
