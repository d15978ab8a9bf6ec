use hobbit::search_space;

#[search_space]
struct Fields {
    #[int(0..=1)]
    #[int(0..=1)]
    domain: u8,
    #[int(0..=1, step = 1, step = 1)]
    step: u8,
    #[int(1..=2, log, log)]
    log: u8,
    #[optional(0.5)]
    #[optional(0.5)]
    #[int(0..=1)]
    optional: Option<u8>,
    #[length(1..=2)]
    #[length(1..=2)]
    #[int(0..=1)]
    length: Vec<u8>,
    #[name = "a"]
    #[name = "b"]
    #[int(0..=1)]
    name: u8,
    #[default = 0]
    #[default = 1]
    #[int(0..=1)]
    default: u8,
}

#[search_space]
#[search_space]
struct Twice {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
enum Variants {
    #[weight(1)]
    #[weight(2)]
    A,
    B,
}

#[search_space]
enum SameVariants {
    A,
    A,
}

fn main() {}
