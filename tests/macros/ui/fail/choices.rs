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
    #[choice(1, 2, "3", 4)]
    odd: u32,
}

#[search_space]
struct Ranges {
    #[choice(1..=3)]
    numbers: u32,
    #[choice(Size::Small.., Size::Large)]
    mixed: Size,
    #[choice(Size::Small..)]
    open: Size,
}

#[search_space]
#[derive(Clone, PartialEq)]
enum Size {
    Small,
    Large,
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
