//! Fields without a name, of which the compiler complains itself: nothing is added.

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

fn main() {
    let _ = (Nameless::draw(Key::new(1)).unwrap().rate, Keyword::draw(Key::new(1)).unwrap().rate);
}
