//! Expressions of wrong types: each is one error, at the expression.

use hobbit::search_space;

#[search_space]
#[constraint(a + 1, "no condition")]
struct Number {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
#[constraint(a > 0)]
struct NoReason {
    #[int(0..=1)]
    a: u8,
}

#[search_space]
struct Fields {
    #[int(0..=1)]
    a: u8,
    #[derived(a > 0)]
    derived: u8,
    #[fixed(1.5)]
    fixed: u8,
    #[uniform(TEXT..=1.0)]
    text: f64,
}

#[search_space]
#[constraint(some? > 0, "leaves what comes after it alone")]
struct Question {
    #[optional(0.5)]
    #[int(0..=1)]
    some: Option<u8>,
}

const TEXT: &str = "a";

#[search_space]
struct Distributions {
    #[distribution(made(Letter))]
    unwrapped: f64,
    #[distribution(Letter)]
    none: f64,
}

struct Letter;

fn made(letter: Letter) -> Result<Letter, std::fmt::Error> {
    Ok(letter)
}

fn main() {}
