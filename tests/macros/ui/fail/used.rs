//! A type that lacks something is one error, where the field is declared: none where the space is used.

use hobbit::function::Trial;
use hobbit::{BoxError, Hyperband, Key, SearchSpace, search_space};
use serde::{Deserialize, Serialize};

struct Bare {
    a: u8,
}

#[derive(Serialize, Deserialize)]
enum Shape {
    Round,
    Square,
}

type Maybe = Option<Shape>;
type Several = Vec<Bare>;

#[search_space]
struct Nested {
    #[nested]
    a: Bare,
}

#[search_space]
#[derive(Serialize, Deserialize)]
struct DerivedBelow {
    #[nested]
    a: Bare,
}

#[search_space]
struct Conditional {
    #[cfg(all())]
    #[nested]
    a: Bare,
}

#[search_space]
enum Chosen {
    A {
        #[choice(Shape::Round, Shape::Square)]
        shape: Shape,
    },
    B,
}

#[search_space]
struct Ranged {
    #[choice(Shape::Round..=Shape::Square)]
    shape: Shape,
}

#[search_space]
struct Fixed {
    #[fixed(Bare { a: 1 })]
    a: Bare,
}

#[search_space]
struct Uniform {
    #[uniform(0.0..=1.0)]
    a: Bare,
}

#[search_space]
struct Aliases {
    #[optional(0.5)]
    #[choice(Shape::Round, Shape::Square)]
    a: Maybe,
    #[length(1..=2)]
    #[nested]
    b: Several,
}

#[search_space]
struct Outer {
    #[nested]
    middle: Nested,
}

fn all<H: SearchSpace>() {
    let drawn = H::draw(Key::new(1)).unwrap();
    println!("{} {:?} {:?}", H::space(), drawn.values(), H::decode(&drawn.encode()).is_ok());
}

fn train(hp: &Outer, _: &mut Trial) -> Result<(), BoxError> {
    println!("{}", hp.middle.a.a);
    Ok(())
}

fn main() {
    all::<Nested>();
    all::<DerivedBelow>();
    all::<Conditional>();
    all::<Chosen>();
    all::<Ranged>();
    all::<Fixed>();
    all::<Uniform>();
    all::<Aliases>();
    let fixed = Fixed::draw(Key::new(1)).unwrap();
    println!("{} {:?} {:?}", fixed.a.a, fixed.values(), Fixed::defaults().is_ok());
    let _ = Hyperband::function(train).monitor("loss").quiet().run(9, 3);
}
