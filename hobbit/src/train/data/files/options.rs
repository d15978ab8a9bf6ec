//! How data files are read: what is set for tables, and how much a packed file may become.

use std::io::Read;
use std::path::Path;

use super::damaged;
use crate::error::{Error, Result};

/// Options for reading data files, for files that the defaults of [`Table::read`](crate::train::Table::read),
/// [`read_npy`](crate::train::read_npy) and the like do not fit.
///
/// ```
/// use hobbit::train::ReadOptions;
///
/// let text = "# measured in May\nage;species\n2;cat\n4;\n3;dog\n";
/// let table = ReadOptions::new().comments('#').delimiter(';').parse_table(text)?;
/// let known = table.drop_missing(&["species"])?;
/// assert_eq!((table.rows(), known.rows()), (3, 2));
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct ReadOptions {
    pub(super) delimiter: char,
    pub(super) comments: Option<char>,
    pub(super) missing: Vec<String>,
    limit: Option<u64>,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions::new()
    }
}

/// What pandas takes for missing values.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// What a packed file may unpack to: this many times its size, but at least so many bytes.
const RATIO: u64 = 32;
const FLOOR: u64 = 128 << 20;

impl ReadOptions {
    /// Fields separated by commas, no comments, pandas' words for missing values, and the default limit.
    pub fn new() -> ReadOptions {
        let missing = MISSING.iter().map(|&text| text.to_owned()).collect();
        ReadOptions { delimiter: ',', comments: None, missing, limit: None }
    }

    /// The ASCII character that separates the fields of a table. Default: a comma.
    pub fn delimiter(self, delimiter: char) -> ReadOptions {
        ReadOptions { delimiter, ..self }
    }

    /// Skips the lines of a table that begin with this ASCII character. Default: every line is data.
    pub fn comments(self, start: char) -> ReadOptions {
        ReadOptions { comments: Some(start), ..self }
    }

    /// The texts that stand for missing values in a table. Default: those of pandas, which are the empty
    /// text, `NA`, `N/A`, `NaN`, `nan`, `NULL`, `null`, `None` and the like. With an empty list, no text
    /// stands for a missing value.
    pub fn missing<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> ReadOptions {
        ReadOptions { missing: texts.into_iter().map(Into::into).collect(), ..self }
    }

    /// The most bytes that the contents of a compressed file (gzip, `.npz`) may have once they are unpacked,
    /// all arrays together. The default is 32 times the size of the file, and at least 128 MiB: a small file
    /// cannot fill the memory. Files that are not compressed have no limit.
    pub fn unpacked_limit(self, bytes: u64) -> ReadOptions {
        ReadOptions { limit: Some(bytes), ..self }
    }

    /// All of a file, unpacked if it is packed with gzip.
    #[expect(clippy::disallowed_methods, reason = "data files are only read, and here alone")]
    pub(super) fn read(&self, path: &Path) -> Result<Contents> {
        let io = |error| Error::io("read", path, error);
        let mut file = std::fs::File::open(path).map_err(io)?;
        let found = file.metadata().map_err(io)?;
        let mut bytes = Vec::new();
        if found.is_file() || found.is_dir() {
            file.read_to_end(&mut bytes).map_err(io)?;
        } else {
            // a pipe or a device says nothing of its size, and some never end
            let most = self.limit.unwrap_or(FLOOR);
            file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
            if bytes.len() as u64 > most {
                return Err(damaged(path, &Limit { most, of: None }.passed()));
            }
        }
        let size = bytes.len() as u64;
        let most = self.limit.unwrap_or_else(|| size.saturating_mul(RATIO).max(FLOOR));
        let limit = Limit { most, of: Some(size) };
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(Contents { bytes, limit });
        }
        match unpack(&bytes, most).map_err(|error| Error::io("unpack", path, error))? {
            Some(bytes) => Ok(Contents { bytes, limit }),
            None => Err(damaged(path, &limit.passed())),
        }
    }
}

/// What a file has, and what may yet be unpacked of it.
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    pub(super) limit: Limit,
}

/// How many bytes may be unpacked, of a file of how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    most: u64,
    of: Option<u64>,
}

impl Limit {
    /// Takes so many bytes of it.
    ///
    /// # Errors
    /// There are not so many left.
    pub(super) fn take(self, taken: &mut u64, bytes: u64) -> Result<(), String> {
        match taken.checked_add(bytes).filter(|all| *all <= self.most) {
            Some(all) => {
                *taken = all;
                Ok(())
            }
            None => Err(self.passed()),
        }
    }

    fn passed(self) -> String {
        let of = self.of.map_or(String::new(), |size| format!(", though the file has only {size}"));
        format!(
            "it unpacks to more than {} bytes{of}; if that is what it should hold, allow more with \
             `ReadOptions::new().unpacked_limit(bytes)`",
            self.most
        )
    }
}

/// What gzip packed, or none if it is more than so many bytes. Takes no more memory than that.
fn unpack(packed: &[u8], most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut decoder = flate2::read::MultiGzDecoder::new(packed);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        if length == bytes.len() {
            let more = length.max(1 << 16).min(most - length);
            if more == 0 {
                // whether that was all
                let end = decoder.read(&mut [0])? == 0;
                return Ok(end.then_some(bytes));
            }
            bytes.try_reserve_exact(more)?;
            bytes.resize(length + more, 0);
        }
        match decoder.read(&mut bytes[length..])? {
            0 => break,
            read => length += read,
        }
    }
    bytes.truncate(length);
    Ok(Some(bytes))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::train::Table;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn nothing_is_unpacked_beyond_its_limit() {
        let packed = gzip(&[7; 100_000]);
        for (most, whole) in [(100_000, true), (100_001, true), (99_999, false), (65_536, false), (0, false)]
        {
            let bytes = unpack(&packed, most).unwrap();
            assert_eq!(bytes.is_some(), whole, "{most}");
            assert!(bytes.is_none_or(|bytes| bytes == vec![7; 100_000]));
        }
        assert_eq!(unpack(&gzip(&[]), 0).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_large_one_is_refused_unless_it_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("zeros.gz");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..160 {
            packed.write_all(&[0; 1 << 20]).unwrap();
        }
        std::fs::write(&path, packed.finish().unwrap()).unwrap();
        for text in [Table::read(&path).unwrap_err(), crate::train::read_idx(&path).unwrap_err()] {
            let text = text.to_string();
            assert!(text.contains("134217728 bytes") && text.contains("unpacked_limit"), "{text}");
        }
        let allowed = ReadOptions::new().unpacked_limit(200 << 20).idx(&path).unwrap_err().to_string();
        assert!(allowed.contains("kind 0x0"), "{allowed}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_that_never_ends_is_refused() {
        let text = ReadOptions::new().unpacked_limit(1000).npy("/dev/zero").unwrap_err().to_string();
        assert!(text.contains("/dev/zero") && text.contains("1000 bytes"), "{text}");
    }
}
