//! Where a study's sampler has outcomes from that are older than the study.

use std::fmt;
use std::path::PathBuf;

#[cfg(feature = "interop")]
use super::foreign::Foreign;

/// What is known from before.
#[derive(Debug, Clone)]
pub(crate) enum Before {
    /// The study in this directory.
    Study(PathBuf),
    /// What another tool has found.
    #[cfg(feature = "interop")]
    Foreign(Foreign),
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Before::Study(dir) => dir.display().fmt(f),
            #[cfg(feature = "interop")]
            Before::Foreign(foreign) => foreign.fmt(f),
        }
    }
}
