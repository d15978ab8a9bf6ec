//! Serde's `default` of what has none.

use hobbit::{Key, SearchSpace, search_space};
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Round,
    Square,
}

#[search_space]
struct Field {
    #[serde(default)]
    #[choice(Shape::Round, Shape::Square)]
    a: Shape,
}

#[search_space]
struct Conditional {
    #[cfg(all())]
    #[serde(default, rename = "b")]
    #[choice(Shape::Round, Shape::Square)]
    a: Shape,
}

#[search_space]
#[serde(default)]
struct Whole {
    #[uniform(0.0..=1.0)]
    a: f64,
}

fn main() {
    let _ = (Field::draw(Key::new(1)), Conditional::draw(Key::new(1)), Whole::draw(Key::new(1)));
}
