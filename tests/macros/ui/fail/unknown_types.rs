//! Types that the compiler does not know, or not without a lifetime: each is one error, at its place.

use hobbit::{SearchSpace, search_space};

#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Within {
    #[optional(0.5)]
    #[uniform(0.0..=1.0)]
    optional: Option<Flaot>,
    #[length(1..=3)]
    #[int(0..=9)]
    list: Vec<Nubmer>,
    #[optional(0.5)]
    #[length(1..=3)]
    #[choice(1, 2)]
    both: Option<Vec<Wdith>>,
    #[optional(0.5)]
    #[nested]
    nested: Option<Layre>,
    #[fixed(Box::default())]
    fixed: Box<Szie>,
    #[derived(Vec::new())]
    #[serde(default)]
    derived: Vec<Knid>,
    #[default = None]
    #[optional(0.5)]
    #[normal(0.0, 1.0)]
    default: Option<Raet>,
}

#[search_space]
enum Branch {
    Left {
        #[optional(0.5)]
        #[bool]
        switch: Option<Swtich>,
        #[cfg(not(windows))]
        #[length(1..=2)]
        #[choice("a", "b")]
        conditional: Vec<Txet>,
    },
    Right,
}

#[search_space]
struct Traits {
    #[choice(1, 2)]
    chosen: Clone,
}

struct Borrowed<'a>(&'a str);

#[search_space]
struct Lifetimes {
    #[choice(Borrowed("a"), Borrowed("b"))]
    without: Borrowed,
    #[optional(0.5)]
    #[choice("a", "b")]
    text: Option<std::borrow::Cow<str>>,
    #[choice(Borrowed("a"), Borrowed("b"))]
    named: Borrowed<'b>,
}

fn main() {
    let _ = (Within::space(), Branch::space(), Traits::space(), Lifetimes::space());
}
