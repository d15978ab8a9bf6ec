//! NumPy's files.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use npyz::{NpyFile, Order};
use zip::ZipArchive;

use super::{damaged, read};
use crate::error::Result;

/// An array of numbers, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Numbers {
    /// The length of each dimension; the first is usually the samples.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f32>,
}

impl Numbers {
    /// As classes.
    ///
    /// # Errors
    /// A number that is negative or not whole.
    pub fn classes(&self) -> Result<Vec<usize>> {
        let class = |(place, &value): (usize, &f32)| {
            if value >= 0.0 && value.fract() == 0.0 && value <= 16_777_216.0 {
                Ok(value as usize)
            } else {
                Err(crate::Error::data(format!("the number at place {place} is {value}, which is no class")))
            }
        };
        self.values.iter().enumerate().map(class).collect()
    }
}

/// Reads a `.npy` file of floats, integers or booleans; numbers become 32-bit floats.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Numbers> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let file = NpyFile::new(bytes.as_slice()).map_err(|error| damaged(path, &error.to_string()))?;
    numbers(file).map_err(|why| damaged(path, &why))
}

/// Reads all arrays of a `.npz` file, by name. See [`read_npy`].
///
/// # Errors
/// As there; the array is named.
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Numbers>> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(path, &error.to_string()))?;
    let mut arrays = BTreeMap::new();
    for place in 0..archive.len() {
        let file = archive.by_index(place).map_err(|error| damaged(path, &error.to_string()))?;
        let name = file.name().map_err(|error| damaged(path, &error.to_string()))?;
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else { continue };
        let array = NpyFile::new(file).map_err(|error| error.to_string()).and_then(numbers);
        let array =
            array.map_err(|why| damaged(path, &format!("its array `{name}` cannot be read: {why}")))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

fn numbers<R: Read>(file: NpyFile<R>) -> Result<Numbers, String> {
    let shape: Vec<usize> = file.shape().iter().map(|&length| length as usize).collect();
    let order = file.order();
    let described = file.dtype().descr();
    let text = |error: std::io::Error| error.to_string();
    // the byte order does not matter to npyz
    let values: Vec<f32> = match described.trim_matches(|c| "'<>=|".contains(c)) {
        "f4" => file.into_vec::<f32>().map_err(text)?,
        "f8" => file.into_vec::<f64>().map_err(text)?.into_iter().map(|x| x as f32).collect(),
        "i1" => file.into_vec::<i8>().map_err(text)?.into_iter().map(f32::from).collect(),
        "u1" => file.into_vec::<u8>().map_err(text)?.into_iter().map(f32::from).collect(),
        "i2" => file.into_vec::<i16>().map_err(text)?.into_iter().map(f32::from).collect(),
        "u2" => file.into_vec::<u16>().map_err(text)?.into_iter().map(f32::from).collect(),
        "i4" => file.into_vec::<i32>().map_err(text)?.into_iter().map(|x| x as f32).collect(),
        "u4" => file.into_vec::<u32>().map_err(text)?.into_iter().map(|x| x as f32).collect(),
        "i8" => file.into_vec::<i64>().map_err(text)?.into_iter().map(|x| x as f32).collect(),
        "u8" => file.into_vec::<u64>().map_err(text)?.into_iter().map(|x| x as f32).collect(),
        "b1" => file.into_vec::<bool>().map_err(text)?.into_iter().map(|x| f32::from(u8::from(x))).collect(),
        _ => {
            return Err(format!(
                "its numbers are of type {described}; floats, integers and booleans are known"
            ));
        }
    };
    let values = match order {
        Order::C => values,
        Order::Fortran => row_by_row(&shape, &values),
    };
    Ok(Numbers { shape, values })
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

    use npyz::WriterBuilder;

    use super::*;

    fn npy<T: npyz::AutoSerialize + Copy>(shape: &[u64], order: Order, values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order).writer(&mut bytes);
        let mut writer = options.begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn arrays_are_read_in_any_order_and_type() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        let of = |bytes: Vec<u8>| {
            std::fs::write(&path, bytes).unwrap();
            read_npy(&path).unwrap()
        };
        let right = Numbers { shape: vec![2, 3], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        assert_eq!(of(npy(&[2, 3], Order::C, &[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0])), right);
        assert_eq!(of(npy(&[2, 3], Order::C, &[0i64, 1, 2, 3, 4, 5])), right);
        assert_eq!(of(npy(&[2, 3], Order::Fortran, &[0.0f64, 3.0, 1.0, 4.0, 2.0, 5.0])), right);
        assert_eq!(of(npy(&[2], Order::C, &[true, false])).values, [1.0, 0.0]);
        assert_eq!(right.classes().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(Numbers { shape: vec![1], values: vec![-0.5] }.classes().is_err());
        std::fs::write(&path, b"no array").unwrap();
        assert!(read_npy(&path).unwrap_err().to_string().contains("x.npy"));
    }

    #[test]
    fn archives_have_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        let plain = zip::write::SimpleFileOptions::default();
        for (name, values, options) in [
            ("x.npy", [1.0f32, 2.0], plain.compression_method(zip::CompressionMethod::Deflated)),
            ("y.npy", [3.0, 4.0], plain.compression_method(zip::CompressionMethod::Stored)),
        ] {
            archive.start_file(name, options).unwrap();
            archive.write_all(&npy(&[2], Order::C, &values)).unwrap();
        }
        archive.finish().unwrap();
        let arrays = read_npz(&path).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(arrays["y"].values, [3.0, 4.0]);
        std::fs::write(&path, b"no archive").unwrap();
        assert!(read_npz(&path).unwrap_err().to_string().contains("x.npz"));
    }
}
