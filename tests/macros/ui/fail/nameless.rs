//! Fields that are not written as fields are: the compiler complains of it itself, and nothing is added.

use hobbit::{Key, SearchSpace, search_space};

#[search_space]
struct Nameless {
    #[uniform(0.0..=1.0)]
    _: f64,
    #[uniform(0.0..=1.0)]
    rate: f64,
}

#[search_space]
struct Keyword {
    #[uniform(0.0..=1.0)]
    type: f64,
    #[uniform(0.0..=1.0)]
    rate: f64,
}

#[search_space]
struct NoComma {
    #[uniform(0.0..=1.0)]
    rate: f64
    #[int(1..=8)]
    width: usize,
}

#[search_space]
struct NoColon {
    #[uniform(0.0..=1.0)]
    pub rate f64,
}

#[search_space]
enum Semicolon {
    A {
        #[uniform(0.0..=1.0)]
        rate: f64;
        #[int(1..=8)]
        width: usize;
    },
}

fn main() {
    let _ = (NoComma::draw(Key::new(1)).unwrap().width, NoColon::draw(Key::new(1)).unwrap().rate);
    let Semicolon::A { rate: _, width: _ } = Semicolon::draw(Key::new(1)).unwrap();
    let _ = (Nameless::draw(Key::new(1)).unwrap().rate, Keyword::draw(Key::new(1)).unwrap().rate);
}
