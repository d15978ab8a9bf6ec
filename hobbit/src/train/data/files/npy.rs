//! NumPy's files.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use super::damaged;
use super::header::{Header, Kind};
use super::options::ReadOptions;
use crate::error::Result;

/// An array of numbers, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Numbers {
    /// The length of each dimension; the first is usually the samples. Empty for a single number.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f32>,
}

impl Numbers {
    /// As classes.
    ///
    /// # Errors
    /// A number that is negative or not whole, or too large for a 32-bit float to tell it from the next.
    pub fn classes(&self) -> Result<Vec<usize>> {
        let class = |(place, &value): (usize, &f32)| {
            // 2²⁴ may have been 2²⁴ + 1
            if value >= 0.0 && value.fract() == 0.0 && value < 16_777_216.0 {
                Ok(value as usize)
            } else {
                Err(crate::Error::data(format!(
                    "the number at place {place} is {value}, which is not a class"
                )))
            }
        };
        self.values.iter().enumerate().map(class).collect()
    }
}

/// Reads a `.npy` file of floats, integers or booleans, in any order of bytes and of dimensions; gzipped or
/// not. Numbers become the nearest 32-bit floats: integers beyond 2²⁴ are rounded.
///
/// How much a compressed file may unpack to is limited, see [`ReadOptions::unpacked_limit`].
///
/// # Errors
/// The file cannot be read, is cut off or has something behind its array, holds something else (texts,
/// records, Python objects), or has a finite number that is too large for a 32-bit float.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Numbers> {
    ReadOptions::new().npy(path)
}

/// Reads all arrays of a `.npz` file, by name. See [`read_npy`].
///
/// # Errors
/// As for [`read_npy`]; the array is named.
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Numbers>> {
    ReadOptions::new().npz(path)
}

impl ReadOptions {
    /// Reads a `.npy` file as [`read_npy`](crate::train::read_npy) does.
    ///
    /// # Errors
    /// As there.
    pub fn npy(&self, path: impl AsRef<Path>) -> Result<Numbers> {
        one(path.as_ref(), self)
    }

    /// Reads a `.npz` file as [`read_npz`](crate::train::read_npz) does.
    ///
    /// # Errors
    /// As there.
    pub fn npz(&self, path: impl AsRef<Path>) -> Result<BTreeMap<String, Numbers>> {
        all(path.as_ref(), self)
    }
}

fn one(path: &Path, options: &ReadOptions) -> Result<Numbers> {
    let bytes = options.read(path)?.bytes;
    let mut rest = bytes.as_slice();
    let mut read = || {
        let header = Header::read(&mut rest)?;
        let size = header.count()? * header.kind.size();
        // known before anything is allocated
        if size != rest.len() {
            let shape = &header.shape;
            let what = if size > rest.len() { "it is cut off" } else { "there is more after its array" };
            let have = rest.len();
            return Err(format!(
                "{what}: its header says {shape:?}, which is {size} bytes, and it has {have}"
            ));
        }
        numbers(&header, &mut rest)
    };
    read().map_err(|why: String| damaged(path, &why))
}

fn all(path: &Path, options: &ReadOptions) -> Result<BTreeMap<String, Numbers>> {
    let contents = options.read(path)?;
    let mut archive =
        ZipArchive::new(Cursor::new(contents.bytes)).map_err(|error| damaged(path, &error.to_string()))?;
    let mut arrays = BTreeMap::new();
    let mut taken = 0;
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).map_err(|error| damaged(path, &error.to_string()))?;
        let name = file.name().map_err(|error| damaged(path, &error.to_string()))?;
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else { continue };
        let mut read = || {
            let header = Header::read(&mut file)?;
            let size = header.count()? * header.kind.size();
            // known before anything is allocated; arrays may share what is packed, so they count together,
            // and their headers
            contents.limit.take(&mut taken, (size + header.length) as u64)?;
            let array = numbers(&header, &mut file)?;
            // at the end the archive's checksum is looked at
            match file.read(&mut [0]).map_err(|error| error.to_string())? {
                0 => Ok(array),
                _ => Err(format!("there is more after the {size} bytes of its shape {:?}", header.shape)),
            }
        };
        let array = read()
            .map_err(|why: String| damaged(path, &format!("its array `{name}` cannot be read: {why}")))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// What follows a header. The caller has seen to it that the header's shape is not too large.
fn numbers(header: &Header, from: &mut impl Read) -> Result<Numbers, String> {
    let count = header.count()?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| format!("there is no memory for its {count} numbers"))?;
    let mut buffer = vec![0; 1 << 16];
    let mut left = count * header.kind.size();
    while left > 0 {
        let part = &mut buffer[..left.min(1 << 16)];
        from.read_exact(part).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
            _ => error.to_string(),
        })?;
        decode(header, part, &mut values);
        if let Some(large) = too_large(header, part) {
            return Err(format!("it has {large:e}, which is too large for a 32-bit float"));
        }
        left -= part.len();
    }
    if header.fortran {
        values = row_by_row(&header.shape, &values);
    }
    Ok(Numbers { shape: header.shape.clone(), values })
}

/// Appends the numbers of these bytes.
fn decode(header: &Header, bytes: &[u8], to: &mut Vec<f32>) {
    macro_rules! each {
        ($ty:ty, $number:ident => $float:expr) => {
            to.extend(bytes.as_chunks::<{ size_of::<$ty>() }>().0.iter().map(|&bytes| {
                let $number =
                    if header.big_endian { <$ty>::from_be_bytes(bytes) } else { <$ty>::from_le_bytes(bytes) };
                $float
            }))
        };
    }
    match header.kind {
        Kind::Bool => each!(u8, x => f32::from(u8::from(x != 0))),
        Kind::U8 => each!(u8, x => f32::from(x)),
        Kind::I8 => each!(i8, x => f32::from(x)),
        Kind::U16 => each!(u16, x => f32::from(x)),
        Kind::I16 => each!(i16, x => f32::from(x)),
        Kind::U32 => each!(u32, x => x as f32),
        Kind::I32 => each!(i32, x => x as f32),
        Kind::U64 => each!(u64, x => x as f32),
        Kind::I64 => each!(i64, x => x as f32),
        Kind::F16 => each!(u16, x => half(x)),
        Kind::F32 => each!(f32, x => x),
        Kind::F64 => each!(f64, x => x as f32),
    }
}

/// A finite number among these bytes that would become infinite.
fn too_large(header: &Header, bytes: &[u8]) -> Option<f64> {
    if header.kind != Kind::F64 {
        return None;
    }
    let read = if header.big_endian { f64::from_be_bytes } else { f64::from_le_bytes };
    let numbers = bytes.as_chunks().0.iter().map(|&bytes| read(bytes));
    numbers.filter(|x| x.is_finite()).find(|&x| (x as f32).is_infinite())
}

/// The number of which these are the bits in 16-bit floats (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        // the smallest step is 2⁻²⁴
        0 => sign * fraction * f32::from_bits((127 - 24) << 23),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * f32::from_bits(((exponent - 25 + 127) as u32) << 23),
    }
}

/// What was column by column (the first dimension fastest) with the last dimension fastest.
fn row_by_row(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let mut place = vec![0; shape.len()];
    let mut sorted = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let offset = place.iter().zip(shape).rev().fold(0, |offset, (&at, &length)| offset * length + at);
        sorted.push(values[offset]);
        for axis in (0..shape.len()).rev() {
            place[axis] += 1;
            if place[axis] < shape[axis] {
                break;
            }
            place[axis] = 0;
        }
    }
    sorted
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use std::io::Write;

    use super::*;

    fn npy(descr: &str, shape: &str, fortran: bool, numbers: &[u8]) -> Vec<u8> {
        let order = if fortran { "True" } else { "False" };
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", (header.len() as u16).to_le_bytes().as_slice(), header.as_bytes(), numbers]
            .concat()
    }

    fn bytes<const N: usize, T: Copy>(numbers: &[T], of: fn(T) -> [u8; N]) -> Vec<u8> {
        numbers.iter().flat_map(|&number| of(number)).collect()
    }

    /// What reading these bytes gives.
    fn read(bytes: &[u8]) -> Result<Numbers> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        std::fs::write(&path, bytes).unwrap();
        read_npy(&path)
    }

    fn error(bytes: &[u8]) -> String {
        let text = read(bytes).unwrap_err().to_string();
        assert!(text.contains("x.npy"), "{text}");
        text
    }

    #[test]
    fn arrays_are_read_in_any_order_and_type() {
        let right = Numbers { shape: vec![2, 3], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        let row = |descr: &str, numbers: Vec<u8>| read(&npy(descr, "(2, 3)", false, &numbers)).unwrap();
        let (small, floats) = ([0u8, 1, 2, 3, 4, 5], [0.0f64, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let as_i8 = small.map(|x| x as i8);
        assert_eq!(row("|u1", small.to_vec()), right);
        assert_eq!(row("|i1", bytes(&as_i8, i8::to_le_bytes)), right);
        assert_eq!(row("<u2", bytes(&small.map(u16::from), u16::to_le_bytes)), right);
        assert_eq!(row(">i2", bytes(&small.map(i16::from), i16::to_be_bytes)), right);
        assert_eq!(row("<i4", bytes(&small.map(i32::from), i32::to_le_bytes)), right);
        assert_eq!(row(">u4", bytes(&small.map(u32::from), u32::to_be_bytes)), right);
        assert_eq!(row("<i8", bytes(&small.map(i64::from), i64::to_le_bytes)), right);
        assert_eq!(row(">u8", bytes(&small.map(u64::from), u64::to_be_bytes)), right);
        assert_eq!(row("<f4", bytes(&small.map(f32::from), f32::to_le_bytes)), right);
        assert_eq!(row(">f8", bytes(&floats, f64::to_be_bytes)), right);
        let halves = [0u16, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500];
        assert_eq!(row("<f2", bytes(&halves, u16::to_le_bytes)), right);
        let columns = bytes(&[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], f64::to_le_bytes);
        assert_eq!(read(&npy("<f8", "(2, 3)", true, &columns)).unwrap(), right);
        assert_eq!(read(&npy("|b1", "(3,)", false, &[1, 0, 255])).unwrap().values, [1.0, 0.0, 1.0]);
        assert_eq!(right.classes().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(Numbers { shape: vec![1], values: vec![-0.5] }.classes().is_err());
        assert!(Numbers { shape: vec![1], values: vec![16_777_216.0] }.classes().is_err());
    }

    #[test]
    fn halves_are_exact() {
        let numbers = [0x8000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0xc248, 0x7c00, 0xfc00].map(half);
        let right = [-0.0, 5.960_464_5e-8, 6.097_555e-5, 6.103_515_6e-5, 65504.0, -3.140_625];
        assert_eq!(numbers[..6], right);
        assert!(numbers[0].is_sign_negative() && half(0x7e00).is_nan());
        assert_eq!(numbers[6..], [f32::INFINITY, f32::NEG_INFINITY]);
    }

    #[test]
    fn single_numbers_and_empty_arrays_are_arrays() {
        let single = read(&npy("<f4", "()", false, &1.5f32.to_le_bytes())).unwrap();
        assert_eq!((single.shape.len(), single.values), (0, vec![1.5]));
        for fortran in [false, true] {
            let empty = read(&npy("<f4", "(0, 5)", fortran, &[])).unwrap();
            assert_eq!((empty.shape, empty.values), (vec![0, 5], vec![]));
        }
    }

    #[test]
    fn what_is_no_array_of_these_numbers_is_said() {
        assert!(error(b"no array").contains("not an array that NumPy saved"));
        assert!(error(b"").contains("not an array"));
        assert!(error(&npy("|O", "(2,)", false, b"pickled")).contains("Python objects"));
        let short = error(&npy("<f4", "(2,)", false, &[0; 7]));
        assert!(short.contains("cut off") && short.contains("8 bytes") && short.contains("has 7"), "{short}");
        assert!(error(&npy("<f4", "(2,)", false, &[0; 9])).contains("more after"));
        // were it believed, there would be no memory for it
        assert!(error(&npy("<f4", "(1099511627776,)", false, &[])).contains("cut off"));
        assert!(error(&npy("<f4", "(4294967296, 4294967296)", false, &[])).contains("memory"));
        assert!(error(&npy("<f8", "(1,)", false, &1e300f64.to_le_bytes())).contains("1e300"));
        let infinite = npy("<f8", "(1,)", false, &f64::INFINITY.to_le_bytes());
        assert_eq!(read(&infinite).unwrap().values, [f32::INFINITY]);
    }

    fn archive(arrays: &[(&str, Vec<u8>, zip::CompressionMethod)]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes, method) in arrays {
            let options = zip::write::SimpleFileOptions::default().compression_method(*method);
            archive.start_file(*name, options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn archives_have_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let pair = |numbers: [f32; 2]| npy("<f4", "(2,)", false, &bytes(&numbers, f32::to_le_bytes));
        let (x, y) = (pair([1.0, 2.0]), pair([3.0, 4.0]));
        let stored = zip::CompressionMethod::Stored;
        let whole = archive(&[("x.npy", x, zip::CompressionMethod::Deflated), ("y.npy", y, stored)]);
        std::fs::write(&path, &whole).unwrap();
        let arrays = read_npz(&path).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(arrays["y"].values, [3.0, 4.0]);
        let of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_npz(&path).unwrap_err().to_string()
        };
        assert!(of(b"no archive").contains("x.npz"));
        let last = whole.windows(4).rposition(|bytes| bytes == 4.0f32.to_le_bytes()).unwrap();
        let mut damaged = whole;
        damaged[last] ^= 1;
        let text = of(&damaged);
        assert!(text.contains("`y`") && text.contains("checksum"), "{text}");
    }

    #[test]
    fn arrays_in_archives_are_limited_together_and_before_anything_is_allocated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let deflated = zip::CompressionMethod::Deflated;
        // a header that promises 4 GiB, and two arrays that are too large only together
        let huge = npy("<f4", "(1073741824,)", false, &[]);
        std::fs::write(&path, archive(&[("x.npy", huge, deflated)])).unwrap();
        let text = read_npz(&path).unwrap_err().to_string();
        assert!(text.contains("`x`") && text.contains("unpacked_limit"), "{text}");
        let half = || npy("|u1", "(600,)", false, &[0; 600]);
        std::fs::write(&path, archive(&[("x.npy", half(), deflated), ("y.npy", half(), deflated)])).unwrap();
        let text = ReadOptions::new().unpacked_limit(1000).npz(&path).unwrap_err().to_string();
        assert!(text.contains("`y`") && text.contains("1000 bytes"), "{text}");
        assert_eq!(ReadOptions::new().unpacked_limit(1400).npz(&path).unwrap().len(), 2);
    }
}
