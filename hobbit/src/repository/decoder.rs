//! A checkpoint's file, read from its beginning in pieces of any size: what is in memory is the model, never
//! the file as well.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata};

use super::saved::{Info, KEY, LAST, MOST_HEADER, SavedModel, SavedState, WEIGHTS_FORMAT, label};
use crate::objective::{Array, ArrayData, Checkpoint};

/// A file that has come in part.
pub(crate) struct Decoder {
    /// The bytes of the whole file.
    length: u64,
    /// The arrays are wanted, and not only whether they are whole.
    keeps: bool,
    head: Vec<u8>,
    body: Option<Body>,
}

/// What comes behind the header.
struct Body {
    /// The checksum in the header, and the text behind it.
    sum: String,
    text: String,
    /// In the order of the file.
    arrays: Vec<Incomplete>,
    /// The array that is under way.
    at: usize,
}

/// An array that has come in part.
struct Incomplete {
    name: String,
    shape: Vec<usize>,
    /// The bytes that are missing.
    left: usize,
    hasher: crc32fast::Hasher,
    /// Nothing if it is not kept, or of a type that no checkpoint has.
    data: Option<ArrayData>,
    is_known: bool,
    /// The bytes of a number that has come in part.
    partial: Vec<u8>,
}

impl Decoder {
    /// For a file of this length. Its arrays are only looked at, unless it `keeps` them.
    pub(crate) fn new(length: u64, keeps: bool) -> Decoder {
        Decoder { length, keeps, head: Vec::new(), body: None }
    }

    /// The bytes of the whole file.
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// The checksum that the file's header has, once that has come.
    #[cfg(feature = "nats")]
    pub(super) fn sum(&self) -> Option<&str> {
        self.body.as_ref().map(|body| &*body.sum)
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        if self.body.is_none() {
            bytes = self.feed_head(bytes)?;
        }
        match &mut self.body {
            Some(body) => body.feed(bytes),
            None => Ok(()),
        }
    }

    /// Takes what belongs to the header, and returns the rest.
    fn feed_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], String> {
        let bytes = self.fill_head(8, bytes);
        let Some(length) = self.head.first_chunk() else { return Ok(bytes) };
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > MOST_HEADER || length as u64 + 8 > self.length {
            return Err(
                "it is not a file of weights, or was cut off: its header is longer than it can be".to_owned()
            );
        }
        let bytes = self.fill_head(8 + length, bytes);
        if self.head.len() == 8 + length {
            self.body = Some(Body::new(&self.head[8..], self.length - 8 - length as u64, self.keeps)?);
            self.head = Vec::new();
        }
        Ok(bytes)
    }

    fn fill_head<'a>(&mut self, length: usize, bytes: &'a [u8]) -> &'a [u8] {
        let missing = length.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        &bytes[missing..]
    }

    /// The model, once the whole file has come; without arrays if it does not keep them.
    ///
    /// # Errors
    /// In words, what is wrong with the file.
    pub(crate) fn finish(self) -> Result<SavedModel, String> {
        let body = self.body.ok_or("it was cut off")?;
        if body.arrays.iter().any(|array| array.left > 0) {
            return Err("it was cut off".to_owned());
        }
        body.finish()
    }
}

impl Body {
    fn new(header: &[u8], length: u64, keeps: bool) -> Result<Body, String> {
        let header: Metadata = serde_json::from_slice(header)
            .map_err(|error| format!("it is not a file of weights ({error})"))?;
        match header.data_len() as u64 {
            whole if whole > length => return Err("it was cut off".to_owned()),
            whole if whole < length => return Err("it is longer than its header says".to_owned()),
            _ => {}
        }
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let text = text.ok_or("it is not a file of hobbit's")?;
        let (sum, text) = text.split_once(' ').ok_or("it has no checksum")?;
        let arrays = header.offset_keys().into_iter().filter_map(|name| {
            let info = header.info(&name)?;
            Some(Incomplete::new(name, info.dtype, &info.shape, info.data_offsets, keeps))
        });
        let arrays = arrays.collect::<Result<Vec<_>, String>>()?;
        Ok(Body { sum: sum.to_owned(), text: text.to_owned(), arrays, at: 0 })
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let array = self.arrays.get_mut(self.at).ok_or("there is more of it than its header says")?;
            let (now, rest) = bytes.split_at(array.left.min(bytes.len()));
            array.feed(now);
            bytes = rest;
            self.at += usize::from(array.left == 0);
        }
        Ok(())
    }

    fn finish(self) -> Result<SavedModel, String> {
        let Body { sum, text, mut arrays, .. } = self;
        arrays.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(text.as_bytes());
        arrays.iter().for_each(|array| hasher.combine(&array.hasher));
        if sum != format!("{:08x}", hasher.finalize()) {
            return Err("its checksum does not match".to_owned());
        }
        let Info { state, best, last } = ron::from_str(&text).map_err(|error| error.to_string())?;
        check(&state)?;
        let mut best = Checkpoint { arrays: BTreeMap::new(), metadata: best };
        let mut last = last.map(|metadata| Checkpoint { arrays: BTreeMap::new(), metadata });
        for Incomplete { name, shape, data, is_known, .. } in arrays {
            if !is_known {
                return Err(format!("`{name}` has an unknown type"));
            }
            let Some(data) = data else { continue };
            let array = Array { shape, data };
            match (name.strip_prefix(LAST), &mut last) {
                (Some(name), Some(last)) => last.arrays.insert(name.to_owned(), array),
                _ => best.arrays.insert(name, array),
            };
        }
        Ok(SavedModel { state, best, last })
    }
}

fn check(state: &SavedState) -> Result<(), String> {
    if state.format > WEIGHTS_FORMAT {
        return Err(format!(
            "it has format version {}, this hobbit reads up to {WEIGHTS_FORMAT}: use a newer hobbit",
            state.format
        ));
    }
    match state.is_sound() {
        true => Ok(()),
        false => Err("no process wrote it: what it says of its trial does not fit together".to_owned()),
    }
}

impl Incomplete {
    fn new(
        name: String,
        dtype: Dtype,
        shape: &[usize],
        (start, end): (usize, usize),
        keeps: bool,
    ) -> Result<Incomplete, String> {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(label(&name, dtype, shape).as_bytes());
        let data = empty(dtype);
        let is_known = data.is_some();
        let mut data = data.filter(|_| keeps);
        if let Some(data) = &mut data {
            // memory is taken as its bytes come, whatever the header says
            reserve(data, end - start).ok_or_else(|| format!("there is no memory for `{name}`"))?;
        }
        let partial = Vec::new();
        Ok(Incomplete { name, shape: shape.to_vec(), left: end - start, hasher, data, is_known, partial })
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.left -= bytes.len();
        self.hasher.update(bytes);
        match &mut self.data {
            Some(ArrayData::F32(values)) => extend(values, &mut self.partial, bytes, f32::from_le_bytes),
            Some(ArrayData::F64(values)) => extend(values, &mut self.partial, bytes, f64::from_le_bytes),
            Some(ArrayData::I64(values)) => extend(values, &mut self.partial, bytes, i64::from_le_bytes),
            Some(ArrayData::U8(values)) => values.extend_from_slice(bytes),
            None => {}
        }
    }
}

fn empty(dtype: Dtype) -> Option<ArrayData> {
    Some(match dtype {
        Dtype::F32 => ArrayData::F32(Vec::new()),
        Dtype::F64 => ArrayData::F64(Vec::new()),
        Dtype::I64 => ArrayData::I64(Vec::new()),
        Dtype::U8 => ArrayData::U8(Vec::new()),
        _ => return None,
    })
}

/// Room for this many bytes.
fn reserve(data: &mut ArrayData, bytes: usize) -> Option<()> {
    match data {
        ArrayData::F32(values) => values.try_reserve_exact(bytes / 4),
        ArrayData::F64(values) => values.try_reserve_exact(bytes / 8),
        ArrayData::I64(values) => values.try_reserve_exact(bytes / 8),
        ArrayData::U8(values) => values.try_reserve_exact(bytes),
    }
    .ok()
}

/// Adds numbers, of which the first and the last one may have come in part.
fn extend<const N: usize, T>(
    values: &mut Vec<T>,
    partial: &mut Vec<u8>,
    mut bytes: &[u8],
    read: fn([u8; N]) -> T,
) {
    if !partial.is_empty() {
        let (rest, behind) = bytes.split_at(bytes.len().min(N - partial.len()));
        partial.extend_from_slice(rest);
        let Ok(whole) = <[u8; N]>::try_from(partial.as_slice()) else { return };
        values.push(read(whole));
        partial.clear();
        bytes = behind;
    }
    let (whole, rest) = bytes.as_chunks();
    values.extend(whole.iter().map(|&chunk| read(chunk)));
    partial.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::tests::model;
    use super::*;

    #[test]
    fn pieces_of_any_size_make_the_same_model() {
        let model = model();
        let bytes = model.to_bytes().unwrap();
        for size in [1, 3, 5, 8, 100, bytes.len()] {
            for keeps in [true, false] {
                let mut decoder = Decoder::new(bytes.len() as u64, keeps);
                bytes.chunks(size).for_each(|piece| decoder.feed(piece).unwrap());
                let read = decoder.finish().unwrap();
                assert_eq!(read.state, model.state);
                assert_eq!(read == model, keeps, "in pieces of {size} bytes");
                assert!(keeps || read.best.arrays.is_empty());
            }
        }
    }

    #[test]
    fn what_was_cut_off_or_is_too_long_is_refused() {
        let bytes = model().to_bytes().unwrap();
        let read = |length: usize, bytes: &[u8]| {
            let mut decoder = Decoder::new(length as u64, false);
            decoder.feed(bytes).and_then(|()| decoder.finish())
        };
        for end in 0..bytes.len() {
            assert_eq!(read(bytes.len(), &bytes[..end]).unwrap_err(), "it was cut off", "at {end}");
        }
        let longer = [&bytes[..], b"more"].concat();
        assert!(read(bytes.len(), &longer).unwrap_err().contains("more of it"));
        assert!(read(longer.len(), &longer).unwrap_err().contains("longer than its header says"));
        assert!(read(8, &[0xff; 8]).unwrap_err().contains("longer than it can be"));
    }
}
