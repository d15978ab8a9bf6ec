//! Fields, variants and domains that depend on the configuration of the crate.

#![deny(warnings)]
#![allow(dead_code)]

use hobbit::{Key, SearchSpace, search_space};

#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(width >= 2, "wide")]
struct Hparams {
    #[cfg(test)]
    #[uniform(0.0..=1.0)]
    width: NoSuchType,
    #[cfg(not(test))]
    #[int(1..=8)]
    width: u8,
    /// Of one domain, or the other.
    #[cfg_attr(test, uniform(0.0..=1.0))]
    #[cfg_attr(not(test), uniform(5.0..=6.0), name = "rate", serde(alias = "lr"))]
    learning_rate: f64,
    #[derived(width * 2)]
    double: u8,
    #[nested]
    branch: Branch<Size>,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
enum Branch<T: SearchSpace>
where
    T: Clone,
{
    #[cfg(test)]
    Gone,
    #[cfg_attr(not(test), weight(3))]
    Left {
        #[cfg(test)]
        #[int(0..=1)]
        gone: u8,
        #[cfg(not(test))]
        #[nested]
        size: T,
    },
    Right,
}

#[search_space]
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
enum Size {
    #[default]
    Small,
    #[cfg(test)]
    Medium,
    Large,
}

#[search_space]
struct Sizes {
    #[choice(Size::Small..=Size::Large)]
    size: Size,
}

/// Defaults that are no literals, beside what is conditional.
#[search_space]
struct Defaults {
    #[default = None]
    #[optional(0.5)]
    #[int(0..=3)]
    none: Option<u8>,
    #[default = -1]
    #[int(-3..=3)]
    negative: i8,
    #[cfg(not(test))]
    #[default = 2.0 / 4.0]
    #[uniform(0.0..=1.0)]
    half: f64,
    #[cfg_attr(not(test), default = vec![1, 2])]
    #[length(0..=3)]
    #[int(0..=3)]
    list: Vec<u8>,
}

fn main() {
    let defaults = Defaults::defaults().unwrap();
    assert_eq!((defaults.none, defaults.negative, defaults.half), (None, -1, 0.5));
    assert_eq!(defaults.list, [1, 2]);
    let space = Hparams::space();
    let names: Vec<_> = space.parameters().iter().map(|parameter| parameter.name()).collect();
    assert_eq!(names, ["width", "rate", "branch.kind", "branch.Left.size.kind"]);
    for seed in 0..100 {
        let drawn = Hparams::draw(Key::new(seed)).unwrap();
        drawn.check().unwrap();
        assert!(drawn.learning_rate >= 5.0 && drawn.width >= 2 && drawn.double == 2 * drawn.width);
        assert_eq!(Hparams::decode(&drawn.encode()).unwrap(), drawn);
        Sizes::draw(Key::new(seed)).unwrap().check().unwrap();
    }
}
