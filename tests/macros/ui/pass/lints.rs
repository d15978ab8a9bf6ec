//! No lint has anything to say about what is written, whatever the user's crate denies.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    redundant_imports,
    redundant_lifetimes,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unsafe_code,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results
)]
#![forbid(unused_mut, unreachable_code, unreachable_patterns, dead_code)]

use hobbit::{Key, SearchSpace, search_space};

const LOW: f64 = 0.25;
const FEW: u32 = 2;
const MANY: usize = 3;

/// An enum to choose from.
#[search_space]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    /// Small.
    Small,
    /// Large.
    Large,
}

/// An enum with fields.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Branch {
    /// With weights.
    #[weight(2.0)]
    Left {
        /// A share.
        #[uniform(0.0..=1.0)]
        share: f64,
        /// Twice as much.
        #[derived(share * 2.0)]
        double: f64,
    },
    /// Without fields.
    #[weight(LOW)]
    Right,
}

/// All domains, with literals and with constants.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(share <= grid, "in order")]
pub(crate) struct Hparams<T: SearchSpace + PartialEq, const N: usize> {
    /// Uniform.
    #[uniform(0.0..=1.0)]
    pub(crate) share: f64,
    /// On a grid.
    #[uniform(LOW..=1.0, step = LOW)]
    pub(crate) grid: f64,
    /// A whole number.
    #[int(1..=9)]
    pub(crate) few: u8,
    /// From constants.
    #[int(FEW..=8, step = FEW)]
    pub(crate) many: u32,
    /// Up to the largest.
    #[int(0..=u64::MAX)]
    pub(crate) huge: u64,
    /// In braces.
    #[int({ 1 }..=(4))]
    pub(crate) braces: u16,
    /// In parentheses, not with a literal in them.
    #[int((FEW)..=(FEW * 2), step = (FEW - 1))]
    pub(crate) parentheses: u32,
    /// Not to be used by others any more.
    #[deprecated]
    #[int(1..=9)]
    pub(crate) old: u8,
    /// By a parameter of the type.
    #[int(1..=N)]
    pub(crate) bound: usize,
    /// A list.
    #[length(1..=MANY)]
    #[int(0..=3)]
    pub(crate) list: Vec<i64>,
    /// There or not.
    #[optional(LOW)]
    #[log_uniform(0.1..=1.0)]
    pub(crate) maybe: Option<f32>,
    /// Normal.
    #[normal(0.0, LOW, truncated = -1.0..=f64::INFINITY)]
    pub(crate) normal: f64,
    /// Texts.
    #[choice("a": 1, "b": LOW)]
    pub(crate) text: String,
    /// Variants.
    #[choice(Size::Small, Size::Large)]
    pub(crate) size: Size,
    /// A range of them.
    #[choice(Size::Small..=Size::Large)]
    pub(crate) sizes: Size,
    /// A branch.
    #[nested]
    pub(crate) branch: Branch,
    /// Another space.
    #[nested]
    pub(crate) other: T,
    /// From others.
    #[derived(share + grid + list.iter().sum::<i64>() as f64 + branch_share(&branch) + f64::from(few))]
    pub(crate) derived: f64,
    /// A switch.
    #[bool(LOW)]
    pub(crate) switch: bool,
    /// Numbers.
    #[choice(1, 2, 3)]
    pub(crate) number: usize,
    /// An array.
    #[uniform(0.0..=1.0)]
    pub(crate) array: [f64; 3],
    /// The same always.
    #[fixed("always")]
    pub(crate) fixed: String,
    /// There in this configuration of the crate.
    #[cfg(not(test))]
    #[uniform(0.0..=1.0)]
    pub(crate) conditional: f64,
}

fn branch_share(branch: &Branch) -> f64 {
    match branch {
        Branch::Left { share, .. } => *share,
        Branch::Right => 0.0,
    }
}

/// With defaults.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Defaults {
    /// A share.
    #[default = 0.5]
    #[uniform(0.0..=1.0)]
    pub(crate) share: f64,
    /// A text.
    #[default = "b"]
    #[choice("a", "b")]
    pub(crate) text: String,
}

fn main() -> hobbit::Result<()> {
    let drawn = Hparams::<Defaults, 4>::draw(Key::new(1))?;
    drawn.check()?;
    println!("{drawn:?} {:?}", Defaults::defaults()?);
    Ok(())
}
