//! Clippy has nothing to say about what is written, in crates that deny its strictest groups: that is held by
//! the run of clippy over all targets, and not by the test itself.

#![deny(warnings, clippy::pedantic, clippy::nursery)]

use hobbit::{Key, SearchSpace, search_space};
use serde::{Deserialize, Serialize};

const LOW: f64 = 0.25;
const FEW: u8 = 2;

#[search_space]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Size {
    #[default]
    Small,
    Large,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
enum Branch {
    #[weight(LOW)]
    Left {
        #[uniform(0.0..=1.0)]
        share: f64,
        #[derived(share * 2.0)]
        double: f64,
    },
    Right,
}

/// Bounds where parameters are declared.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Inline<A: SearchSpace + Clone + PartialEq, B: SearchSpace> {
    #[length(1..=2)]
    #[nested]
    list: Vec<A>,
    #[nested]
    one: B,
}

/// Bounds behind them, and none.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Behind<A, B, const N: usize>
where
    A: SearchSpace + PartialEq,
    Vec<A>: Clone,
{
    #[nested]
    one: A,
    #[optional(LOW)]
    #[nested]
    maybe: Option<B>,
    #[int(1..=N)]
    bound: usize,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(share <= grid, "in order")]
struct Hparams {
    #[uniform((LOW)..=(LOW * 4.0))]
    share: f64,
    #[uniform({ LOW }..=1.0, step = (LOW))]
    grid: f64,
    #[int((FEW)..=(FEW * 2), step = (FEW - 1))]
    few: u8,
    #[int(0..=u64::MAX)]
    huge: u64,
    #[length((FEW)..=3)]
    #[int(-3..=3)]
    list: Vec<isize>,
    #[normal(0.0, LOW, truncated = -1.0..=f64::INFINITY)]
    normal: f32,
    #[choice("a": 1, "b": (LOW))]
    text: &'static str,
    #[choice(Size::Small, Size::Large)]
    size: Size,
    #[choice(Size::Small..=Size::Large)]
    sizes: Size,
    #[nested]
    branch: Branch,
    #[derived(share + grid + f64::from(few))]
    sum: f64,
    #[bool((0.5))]
    switch: bool,
    #[default = None]
    #[choice(None, Some(3))]
    wrapped: Option<u8>,
    #[fixed("always")]
    fixed: String,
    #[deprecated]
    #[int(1..=9)]
    old: u8,
    #[cfg(unix)]
    #[uniform(0.0..=1.0)]
    conditional: f64,
}

type Name = &'static str;

/// Serde's derives and settings, on a thing that is not private.
#[search_space]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a lint of the item, which is not one of what is written too"
)]
pub struct Public {
    #[serde(default)]
    #[choice(Size::Small, Size::Large)]
    size: Size,
    #[choice("a", "b")]
    name: Name,
    #[serde(default = "half")]
    #[uniform(0.0..=1.0)]
    share: f64,
    /// One of several.
    #[serde(alias = "first")]
    pub one: bool,
    two: bool,
    three: bool,
    four: bool,
}

const fn half() -> f64 {
    0.5
}

fn drawn<T: SearchSpace>() {
    let drawn = T::draw(Key::new(1)).expect("it can be drawn");
    drawn.check().expect("what is drawn is allowed");
}

#[test]
fn what_is_written_can_be_used() {
    drawn::<Hparams>();
    drawn::<Public>();
    drawn::<Inline<Size, Branch>>();
    drawn::<Behind<Branch, Inline<Size, Size>, 3>>();
}
