//! What is asked of the types of fields is asked of type parameters too, whether or not they have bounds;
//! types that are written in ways of their own need less.

#![deny(warnings, private_bounds, private_interfaces)]

use hobbit::{Key, SearchSpace, search_space};

/// Nothing is said of its parameters.
#[search_space]
#[derive(Debug, PartialEq)]
pub struct Free<A, B: Default> {
    #[nested]
    a: A,
    #[length(1..=2)]
    #[nested]
    more: Vec<A>,
    #[fixed(B::default())]
    b: B,
}

/// Bounds as they are usual.
#[search_space]
#[derive(Debug, PartialEq)]
pub struct Bound<A>
where
    A: SearchSpace,
{
    #[optional(0.5)]
    #[nested]
    a: Option<A>,
    #[choice(Shape::Round, Shape::Square)]
    shape: Shape,
}

#[search_space]
#[derive(Debug, PartialEq, Clone)]
struct Inner {
    #[uniform(0.0..=1.0)]
    x: f64,
}

#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
enum Shape {
    #[default]
    Round,
    Square,
}

/// Not serde's, but written as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Level(u8);

mod level {
    use super::Level;

    pub fn serialize<S: serde::Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(level.0)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
        serde::Deserialize::deserialize(deserializer).map(Level)
    }
}

#[search_space]
#[derive(Debug, PartialEq)]
struct Levels {
    #[choice(Level(1), Level(2))]
    #[serde(with = "level")]
    one: Level,
    #[fixed(Level(3))]
    #[serde(serialize_with = "level::serialize", deserialize_with = "level::deserialize")]
    two: Level,
    #[choice(Shape::Round, Shape::Square)]
    #[serde(default)]
    shape: Shape,
    #[optional(0.5)]
    #[choice(Shape::Round, Shape::Square)]
    maybe: Option<Shape>,
    #[length(0..=2)]
    #[choice(Shape::Round, Shape::Square)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    many: Vec<Shape>,
    #[choice((Shape::Round, 1), (Shape::Square, 2))]
    pair: (Shape, u8),
    #[cfg(all())]
    #[choice(Shape::Round, Shape::Square)]
    conditional: Shape,
    #[cfg_attr(all(), serde(with = "level"))]
    #[choice(Level(1), Level(2))]
    conditional_form: Level,
}

fn check<H: SearchSpace + std::fmt::Debug + PartialEq>() {
    for seed in 0..20 {
        let drawn = H::draw(Key::new(seed)).unwrap();
        drawn.check().unwrap();
        assert_eq!(H::decode(&drawn.encode()).unwrap(), drawn);
        let text = ron::to_string(&drawn).unwrap();
        assert_eq!(ron::from_str::<H>(&text).unwrap(), drawn, "{text}");
    }
}

fn main() {
    check::<Free<Inner, Shape>>();
    check::<Bound<Inner>>();
    check::<Levels>();
}
