//! Data for training: arrays and images.

use std::io::{Cursor, Write};
use std::path::Path;

use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::write;
use crate::files::{ReadOptions, read_idx, read_npy, read_npz};

/// What small files may unpack to here: the memory that an input may take is small, too.
const UNPACKED: u64 = 16 << 20;

pub(super) fn npy(dir: &Path, bytes: &[u8]) {
    write(dir, "array.npy", bytes);
    if let Ok(numbers) = read_npy(dir.join("array.npy")) {
        let _ = numbers.classes();
    }
}

/// As it is, if it begins as an archive does; otherwise the arrays in it as an archive with checksums made
/// right.
pub(super) fn npz(dir: &Path, bytes: &[u8]) {
    let file = if bytes.starts_with(b"P") { bytes.to_owned() } else { archive(bytes) };
    write(dir, "arrays.npz", &file);
    let _ = read_npz(dir.join("arrays.npz"));
    let _ = ReadOptions::new().unpacked_limit(UNPACKED).npz(dir.join("arrays.npz"));
}

/// What is behind each beginning of an array as an entry; the bytes before the first say how they are named
/// and packed.
fn archive(bytes: &[u8]) -> Vec<u8> {
    const BEGIN: &[u8] = b"\x93NUMPY";
    const NAMES: [&str; 8] =
        ["a.npy", "b.npy", "../c.npy", "/d.npy", "e", ".npy", "f/g.npy", "\u{1b}[2J.npy"];
    let begins: Vec<usize> = bytes
        .windows(BEGIN.len())
        .enumerate()
        .filter(|(_, window)| *window == BEGIN)
        .map(|(at, _)| at)
        .collect();
    let ends = begins.iter().skip(1).copied().chain([bytes.len()]);
    let mut file = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (&begin, end)) in begins.iter().zip(ends).enumerate() {
        let choice = if number < begins[0] { bytes[number] } else { number as u8 };
        let method = if choice & 8 == 0 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method);
        // a second entry of the same name is refused
        if file.start_file(NAMES[usize::from(choice & 7)], options).is_ok() {
            file.write_all(&bytes[begin..end]).expect("memory takes everything");
        }
    }
    file.finish().expect("memory takes everything").into_inner()
}

/// As it is, and packed.
pub(super) fn idx(dir: &Path, bytes: &[u8]) {
    write(dir, "images", bytes);
    let plain = read_idx(dir.join("images"));
    write(dir, "images.gz", bytes);
    let _ = read_idx(dir.join("images.gz"));
    if plain.is_ok() && !bytes.starts_with(&[0x1f, 0x8b]) {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).expect("memory takes everything");
        write(dir, "images.gz", &packed.finish().expect("memory takes everything"));
        assert!(read_idx(dir.join("images.gz")).is_ok(), "packed it is the same");
    }
}
