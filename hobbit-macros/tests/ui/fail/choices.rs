use hobbit::search_space;

#[search_space]
struct Hparams {
    #[choice()]
    empty: u32,
    #[choice(1, 2, 1)]
    twice: u32,
    #[choice(1: -1, 2: 1)]
    negative: u32,
    #[choice(1: 0, 2: 0)]
    zero: u32,
}

#[search_space]
enum Variants {
    #[weight(0)]
    A,
    #[weight(0)]
    B,
}

#[search_space]
enum Nothing {}

fn main() {}
