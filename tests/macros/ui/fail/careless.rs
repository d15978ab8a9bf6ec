//! What people write who have not read the guide.

use hobbit::{Key, SearchSpace, search_space};

#[search_space]
struct Distributions {
    #[distribution(rand_distr::Gamma::new("a", 1.0)?)]
    text: f64,
    #[distribution(Normal::new("a", "b")?)]
    texts: f64,
    #[distribution(rand_distr::Beta::new(1.0, 2).unwrap())]
    whole: f64,
}

trait Activation {}

#[search_space]
struct Behind {
    #[fixed(Box::new(f64::sin))]
    function: Box<dyn Fn(f64) -> f64>,
    #[optional(0.5)]
    #[nested]
    nested: Option<Box<dyn Activation>>,
}

#[search_space]
#[constraint(self.width > 1, "wide")]
struct Selves {
    #[int(1..=8)]
    width: usize,
    #[derived(self.width * 2)]
    double: usize,
}

#[search_space]
struct Lists {
    #[choice([1, 2, 3])]
    array: u8,
    #[choice(vec![1, 2, 3])]
    list: u8,
    #[choice(&[1, 2, 3])]
    slice: u8,
    #[nested(Selves)]
    named: Selves,
}

fn main() {
    let _ = Distributions::draw(Key::new(1)).unwrap().texts;
}
