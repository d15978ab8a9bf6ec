//! idx files, the format of MNIST and of its successors.
//!
//! Two zero bytes, the kind of number, how many dimensions, the length of each as four bytes with the highest
//! first, and the numbers.

use std::path::{Path, PathBuf};

use super::damaged;
use super::options::ReadOptions;
use crate::error::{Error, Result};

/// Reads an idx file of bytes, gzipped or not: the length of each dimension, and the numbers.
///
/// How much a compressed file may unpack to is limited, see [`ReadOptions::unpacked_limit`].
///
/// # Errors
/// The file cannot be read, is not an idx file of bytes, or is cut off.
pub fn read_idx(path: impl AsRef<Path>) -> Result<(Vec<usize>, Vec<u8>)> {
    ReadOptions::new().idx(path)
}

impl ReadOptions {
    /// Reads an idx file as [`read_idx`](crate::train::read_idx) does.
    ///
    /// # Errors
    /// As there.
    pub fn idx(&self, path: impl AsRef<Path>) -> Result<(Vec<usize>, Vec<u8>)> {
        numbers(path.as_ref(), self)
    }

    /// Reads the files of MNIST as [`Mnist::read`] does.
    ///
    /// # Errors
    /// As there.
    pub fn mnist(&self, dir: impl AsRef<Path>) -> Result<Mnist> {
        mnist(dir.as_ref(), self)
    }
}

fn numbers(path: &Path, options: &ReadOptions) -> Result<(Vec<usize>, Vec<u8>)> {
    let mut bytes = options.read(path)?.bytes;
    let [0, 0, kind, dimensions, rest @ ..] = bytes.as_slice() else {
        return Err(damaged(path, "it is not an idx file"));
    };
    if *kind != 8 {
        return Err(damaged(path, &format!("its numbers are of kind {kind:#x}; only bytes (0x8) are known")));
    }
    let header = 4 * usize::from(*dimensions);
    let (Some(lengths), Some(numbers)) = (rest.get(..header), rest.get(header..)) else {
        return Err(damaged(path, "it is cut off in its header"));
    };
    let lengths = lengths.chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let shape: Vec<usize> = lengths.collect();
    let count = shape.iter().try_fold(1usize, |count, &length| count.checked_mul(length));
    // whatever the others are, a length of 0 leaves nothing
    let count = if shape.contains(&0) { Some(0) } else { count };
    if count != Some(numbers.len()) {
        return Err(damaged(
            path,
            &format!("its header says {shape:?}, but it has {} numbers", numbers.len()),
        ));
    }
    bytes.drain(..4 + header);
    Ok((shape, bytes))
}

/// MNIST, Fashion-MNIST or another data set of the same files: gray images and their classes.
///
/// ```no_run
/// use hobbit::train::{Dataset, Mnist};
///
/// let mnist = Mnist::read("./mnist")?;
/// let data = Dataset::new((&mnist.x_train, &mnist.y_train), (&mnist.x_test, &mnist.y_test))?;
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Mnist {
    /// Training images one after the other, pixels from 0 to 1.
    pub x_train: Vec<f32>,
    /// Their classes.
    pub y_train: Vec<u8>,
    /// Test images.
    pub x_test: Vec<f32>,
    /// Their classes.
    pub y_test: Vec<u8>,
    /// The shape of a sample, for convolutions: `[1, height, width]`.
    pub shape: [usize; 3],
}

impl Mnist {
    /// Reads the four files of a directory: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each with or without `.gz`, and with a dot or a
    /// hyphen before `idx`.
    ///
    /// # Errors
    /// A file is missing or damaged, or images and classes do not fit together.
    pub fn read(dir: impl AsRef<Path>) -> Result<Mnist> {
        ReadOptions::new().mnist(dir)
    }
}

fn mnist(dir: &Path, options: &ReadOptions) -> Result<Mnist> {
    let (train, x_train, y_train) = part(dir, "train", options)?;
    let (test, x_test, y_test) = part(dir, "t10k", options)?;
    if train != test {
        return Err(Error::data(format!(
            "the training images in {} are of {train:?} pixels, but the test images of {test:?}",
            dir.display()
        )));
    }
    Ok(Mnist { x_train, y_train, x_test, y_test, shape: [1, train[0], train[1]] })
}

/// The sides of the images, the images, and their classes.
fn part(dir: &Path, name: &str, options: &ReadOptions) -> Result<([usize; 2], Vec<f32>, Vec<u8>)> {
    let images = find(dir, &format!("{name}-images"), "idx3-ubyte")?;
    let labels = find(dir, &format!("{name}-labels"), "idx1-ubyte")?;
    let (shape, pixels) = numbers(&images, options)?;
    let (sides, classes) = numbers(&labels, options)?;
    let [count, height, width] = *shape else {
        return Err(damaged(&images, &format!("it has shape {shape:?}, and images have three dimensions")));
    };
    if sides.len() != 1 {
        return Err(damaged(&labels, &format!("it has shape {sides:?}, and classes have one dimension")));
    }
    if count != classes.len() {
        return Err(Error::data(format!(
            "{} has {count} images, but {} has {} classes",
            images.display(),
            labels.display(),
            classes.len()
        )));
    }
    Ok(([height, width], pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect(), classes))
}

fn find(dir: &Path, name: &str, kind: &str) -> Result<PathBuf> {
    let names =
        [".", "-"].into_iter().flat_map(|dot| ["", ".gz"].map(|end| format!("{name}{dot}{kind}{end}")));
    let found = names.map(|name| dir.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::data(format!("there is no {name}-{kind} in {}, neither gzipped nor plain", dir.display()))
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make files")]
mod tests {
    use std::io::Write;

    use super::*;

    fn idx(shape: &[u32], numbers: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
        bytes.extend(numbers);
        bytes
    }

    #[test]
    fn images_are_read_packed_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("train-images-idx3-ubyte", &idx(&[2, 1, 2], &[0, 51, 102, 255]));
        write("train-labels.idx1-ubyte", &idx(&[2], &[7, 3]));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&idx(&[1, 1, 2], &[255, 0])).unwrap();
        write("t10k-images-idx3-ubyte.gz", &packed.finish().unwrap());
        let missing = Mnist::read(dir.path()).unwrap_err().to_string();
        assert!(missing.contains("t10k-labels"), "{missing}");
        write("t10k-labels-idx1-ubyte", &idx(&[1], &[9]));
        let mnist = Mnist::read(dir.path()).unwrap();
        assert_eq!(mnist.x_train, [0.0, 0.2, 0.4, 1.0]);
        assert_eq!((mnist.y_train, mnist.x_test, mnist.y_test), (vec![7, 3], vec![1.0, 0.0], vec![9]));
        assert_eq!(mnist.shape, [1, 1, 2]);
        write("t10k-labels-idx1-ubyte", &idx(&[2], &[9, 9]));
        assert!(Mnist::read(dir.path()).unwrap_err().to_string().contains("1 images"));
    }

    #[test]
    fn what_is_no_idx_file_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_idx(&path).unwrap_err().to_string()
        };
        assert!(of(b"hello").contains("not an idx file"));
        assert!(of(&[0, 0, 9, 1, 0, 0, 0, 0]).contains("0x9"));
        assert!(of(&[0, 0, 8, 2, 0, 0, 0, 1]).contains("cut off"));
        assert!(of(&idx(&[3], &[1, 2])).contains("[3]"));
        assert!(of(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[])).contains("0 numbers"));
        assert!(of(&[0x1f, 0x8b, 1]).contains("unpack"));
        assert!(read_idx(dir.path().join("none")).unwrap_err().to_string().contains("none"));
    }
}
