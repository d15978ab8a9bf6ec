//! The readers of arrays and tables, compiled from hobbit's sources: they are in a part of it that needs dfdx,
//! and use nothing of that. They stand here where they do there.

pub(crate) mod data {
    pub(crate) use super::split;
}

#[allow(dead_code, unused_imports)]
#[path = "../../../hobbit/src/train/data/files/mod.rs"]
pub(crate) mod files;
#[allow(dead_code)]
#[path = "../../../hobbit/src/train/data/split.rs"]
pub(crate) mod split;
