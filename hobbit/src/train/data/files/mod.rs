//! Data from files: tables, images, arrays. With `repository`, the one place that opens files.

mod cells;
mod choosing;
mod columns;
mod encoder;
mod fit;
mod header;
mod idx;
mod natural;
mod npy;
mod options;
mod parts;
mod table;

use std::path::Path;

use crate::error::Error;

pub use encoder::Encoder;
pub use fit::{Columns, Missing};
pub use idx::{Mnist, read_idx};
pub use npy::{Numbers, read_npy, read_npz};
pub use options::ReadOptions;
pub use parts::{Parts, Split};
pub use table::Table;

/// What a file should have been.
fn damaged(path: &Path, why: &str) -> Error {
    Error::data(format!("{} cannot be used: {why}", path.display()))
}

/// The beginning of a text for a message.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    short
}
