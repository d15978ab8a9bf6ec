//! Every form, where warnings are errors.

#![deny(warnings, missing_docs)]

use hobbit::{Key, SearchSpace, search_space};

const LOW: usize = 4;

/// A choice.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// One.
    A,
    /// Another.
    B,
}

/// An enum that is a space.
#[derive(Clone, Debug)]
#[search_space]
pub enum Branch {
    /// With a field.
    Left {
        /// A share.
        #[uniform(0.0..=1.0)]
        share: f64,
    },
    /// Without.
    #[weight(2.5)]
    Right,
}

/// A struct with all of them, and derives and attributes around.
#[derive(Clone, Debug, Default)]
#[search_space]
#[derive(PartialEq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Small {
    /// A switch.
    pub switch: bool,
}

/// An enum to take ranges of.
#[search_space]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Small.
    Small,
    /// Medium.
    Medium,
    /// Large.
    Large,
}

/// Ranges of it.
#[search_space]
#[derive(Clone, Debug)]
pub struct Sizes {
    /// All.
    #[choice(Size::Small..=Size::Large)]
    pub all: Size,
    /// All but the last, or none.
    #[optional(0.5)]
    #[choice(Size::Small..Size::Large)]
    pub some: Option<Size>,
}

/// Many fields.
#[search_space]
#[derive(Clone, Debug)]
#[constraint(width >= LOW, "wide")]
pub struct Hparams {
    /// Uniform.
    #[uniform(0.0..=1.0)]
    pub uniform: f64,
    /// On a grid.
    #[uniform(0..=1, step = 0.5)]
    pub grid: f32,
    /// Log-uniform.
    #[log_uniform(1e-4..=1e-1)]
    pub log_uniform: f64,
    /// Normal.
    #[normal(0.0, 1.0, truncated = -2.0..=2.0, step = 0.5)]
    pub normal: f64,
    /// Log-normal.
    #[log_normal(0.0, 1.0)]
    pub log_normal: f64,
    /// Whole numbers.
    #[int(LOW..=64, step = 4)]
    pub width: usize,
    /// Log-spaced.
    #[int(1..=1000, log)]
    pub log: i64,
    /// One of several.
    #[choice(Kind::A: 3, Kind::B: 1)]
    pub kind: Kind,
    /// Texts.
    #[choice("a", "b")]
    pub text: String,
    /// A likely switch.
    #[bool(0.9)]
    pub likely: bool,
    /// The same always.
    #[fixed(Kind::A)]
    pub fixed: Kind,
    /// From others.
    #[derived(width * 2)]
    pub derived: usize,
    /// Sometimes.
    #[optional(0.5)]
    #[uniform(0.0..=1.0)]
    pub optional: Option<f64>,
    /// Layers.
    #[length(0..=3)]
    #[int(1..=9)]
    pub layers: Vec<u8>,
    /// An array of arrays.
    #[uniform(0.0..=1.0)]
    pub array: [[f64; 2]; 3],
    /// A branch.
    #[nested]
    pub branch: Branch,
    /// Branches.
    #[length(1..=2)]
    #[nested]
    pub branches: Vec<Branch>,
    r#type: bool,
}

fn main() {
    /// In a function body.
    #[search_space]
    struct Local {
        #[nested]
        all: Hparams,
        #[nested]
        small: Small,
    }
    let drawn = Local::draw(Key::new(1)).unwrap();
    drawn.check().unwrap();
    assert!(drawn.all.width >= LOW && drawn.all.derived == 2 * drawn.all.width);
    assert!(drawn.values().iter().any(|(name, _)| name == "all.type"));
    assert!(drawn.small == drawn.small.clone() && Small::default() == Small { switch: false });
    let _ = drawn.all.r#type;
}
