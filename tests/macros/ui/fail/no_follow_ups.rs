//! Whatever is wrong with the item, it can be used as if it were right.

use hobbit::{Key, SearchSpace, search_space};

#[derive(Clone, Debug)]
#[search_space]
struct Hparams {
    #[uniform(1.0..=0.0)]
    dropout: f64,
}

fn main() {
    let hparams = Hparams::draw(Key::new(1)).unwrap();
    let again = hparams.clone();
    println!("{:?} {} {:?}", hparams, again.dropout, Hparams::space());
}
