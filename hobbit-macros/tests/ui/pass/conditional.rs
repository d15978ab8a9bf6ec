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

fn main() {
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
