//! Data from files: tables, images, arrays. With `repository`, the one place that opens files.

mod idx;
mod npy;
mod table;

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

pub use idx::{Mnist, read_idx};
pub use npy::{Numbers, read_npy, read_npz};
pub use table::Table;

/// All of a file, unpacked if it is packed with gzip.
#[expect(clippy::disallowed_methods, reason = "data files are only read, and here alone")]
fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice())
        .read_to_end(&mut unpacked)
        .map_err(|error| Error::io("unpack", path, error))?;
    Ok(unpacked)
}

/// What a file should have been.
fn damaged(path: &Path, why: &str) -> Error {
    Error::data(format!("{} cannot be used: {why}", path.display()))
}
