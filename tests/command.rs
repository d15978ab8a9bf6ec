//! All tests of the command.

#![allow(clippy::disallowed_methods, reason = "tests look at files")]

mod cli;
#[allow(dead_code, reason = "shared with the tests of the library, which use all of it")]
mod space {
    pub(crate) mod kept;
}
#[allow(dead_code, reason = "shared with the tests of the library, which use all of it")]
mod support;
