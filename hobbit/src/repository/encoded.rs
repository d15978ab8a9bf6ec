//! A checkpoint as the bytes of its file, copied piece by piece from the arrays where they are in memory.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::saved::{Info, KEY, LAST, MOST_HEADER, SavedModel, label};
use crate::objective::{Array, ArrayData};

/// A checkpoint whose file's header is known.
#[derive(Debug)]
pub(crate) struct Encoded<M> {
    model: M,
    head: Vec<u8>,
    /// In the order of the file.
    parts: Vec<Part>,
    length: usize,
    sum: String,
}

/// Where an array is in the file, and whose it is.
#[derive(Debug)]
struct Part {
    start: usize,
    end: usize,
    is_last: bool,
    name: String,
}

impl<M: Deref<Target = SavedModel>> Encoded<M> {
    /// # Errors
    /// In words, why no file can hold it.
    pub(crate) fn new(model: M) -> Result<Encoded<M>, String> {
        let (head, parts, sum) = lay_out(&model)?;
        let length = parts.last().map_or(head.len(), |part| part.end);
        Ok(Encoded { model, head, parts, length, sum })
    }

    /// The checksum in the header, over everything in the file.
    #[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "machines compare it"))]
    pub(crate) fn sum(&self) -> &str {
        &self.sum
    }

    /// The bytes of the file.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds the bytes of the file from `start` on to a buffer, `most` at most.
    pub(crate) fn copy(&self, start: usize, most: usize, buffer: &mut Vec<u8>) {
        let end = self.length.min(start.saturating_add(most));
        let mut at = start.min(end);
        if at < self.head.len() {
            let stop = end.min(self.head.len());
            buffer.extend_from_slice(&self.head[at..stop]);
            at = stop;
        }
        let first = self.parts.partition_point(|part| part.end <= at);
        for part in &self.parts[first..] {
            if at >= end {
                break;
            }
            let stop = end.min(part.end);
            if let Some(array) = self.array(part) {
                let (_, bytes) = little(array);
                buffer.extend_from_slice(&bytes[at - part.start..stop - part.start]);
            }
            at = stop;
        }
    }

    /// All bytes of the file.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        self.copy(0, self.length, &mut bytes);
        bytes
    }

    fn array(&self, part: &Part) -> Option<&Array> {
        let checkpoint = if part.is_last { self.model.last.as_ref()? } else { &self.model.best };
        checkpoint.arrays.get(&part.name)
    }
}

/// The type of an array's numbers, and their bytes as they are in files. On little-endian machines they are
/// the same in memory.
fn little(array: &Array) -> (Dtype, Cow<'_, [u8]>) {
    fn bytes<T: bytemuck::NoUninit, const N: usize>(values: &[T], bytes: fn(&T) -> [u8; N]) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(values))
        } else {
            Cow::Owned(values.iter().flat_map(bytes).collect())
        }
    }
    match &array.data {
        ArrayData::F32(values) => (Dtype::F32, bytes(values, |value| value.to_le_bytes())),
        ArrayData::F64(values) => (Dtype::F64, bytes(values, |value| value.to_le_bytes())),
        ArrayData::I64(values) => (Dtype::I64, bytes(values, |value| value.to_le_bytes())),
        ArrayData::U8(values) => (Dtype::U8, Cow::Borrowed(values.as_slice())),
    }
}

/// The header of a model's file with its length before it, and where its arrays follow.
fn lay_out(model: &SavedModel) -> Result<(Vec<u8>, Vec<Part>, String), String> {
    let info = Info {
        state: model.state.clone(),
        best: model.best.metadata.clone(),
        last: model.last.as_ref().map(|last| last.metadata.clone()),
    };
    let text = ron::to_string(&info).map_err(|error| error.to_string())?;
    let mut arrays: BTreeMap<Cow<'_, str>, (bool, &str, &Array)> = BTreeMap::new();
    for (name, array) in &model.best.arrays {
        arrays.insert(Cow::Borrowed(name), (false, name, array));
    }
    for (name, array) in model.last.iter().flat_map(|last| &last.arrays) {
        arrays.insert(Cow::Owned(format!("{LAST}{name}")), (true, name, array));
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(text.as_bytes());
    let (mut infos, mut parts) = (Vec::with_capacity(arrays.len()), Vec::with_capacity(arrays.len()));
    for (whole, (is_last, name, array)) in arrays {
        let (dtype, bytes) = little(array);
        hasher.update(label(&whole, dtype, &array.shape).as_bytes());
        hasher.update(&bytes);
        infos.push((
            whole.into_owned(),
            TensorInfo { dtype, shape: array.shape.clone(), data_offsets: (0, bytes.len()) },
        ));
        parts.push(Part { start: 0, end: 0, is_last, name: name.to_owned() });
    }
    // the wider types first, as the format's own writer does, so that all are aligned; equal ones stay in the
    // order of their names
    let mut both: Vec<_> = infos.into_iter().zip(parts).collect();
    both.sort_by_key(|((_, info), _)| Reverse(info.dtype));
    let mut at = 0;
    for ((_, info), part) in &mut both {
        let length = info.data_offsets.1;
        info.data_offsets = (at, at + length);
        (part.start, part.end) = info.data_offsets;
        at += length;
    }
    let (infos, mut parts): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    // one key only: the order of several would differ from run to run
    let sum = format!("{:08x}", hasher.finalize());
    let metadata = HashMap::from([(KEY.to_owned(), format!("{sum} {text}"))]);
    let header = Metadata::new(Some(metadata), infos).map_err(|error| error.to_string())?;
    let mut header = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() > MOST_HEADER {
        return Err(
            "what it says of its trial, and of its arrays, is more than a file's header can hold".to_owned()
        );
    }
    let mut head = Vec::with_capacity(8 + header.len());
    head.extend_from_slice(&(header.len() as u64).to_le_bytes());
    head.extend_from_slice(&header);
    for part in &mut parts {
        part.start += head.len();
        part.end += head.len();
    }
    Ok((head, parts, sum))
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::tests::model;
    use super::*;
    use safetensors::tensor::TensorView;

    #[test]
    fn a_file_is_what_the_makers_of_its_format_write() {
        let model = model();
        let encoded = Encoded::new(&model).unwrap();
        let bytes = encoded.to_vec();
        assert_eq!(bytes.len(), encoded.len());
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let views: Vec<(String, TensorView<'_>)> = read.tensors();
        let theirs = safetensors::serialize(views, header.metadata().clone()).unwrap();
        assert_eq!(bytes, theirs);
    }

    #[test]
    fn pieces_are_parts_of_the_whole() {
        let model = model();
        let encoded = Encoded::new(&model).unwrap();
        let bytes = encoded.to_vec();
        for size in [1, 7, 8, 64, bytes.len(), bytes.len() + 1] {
            let mut pieces = Vec::new();
            for start in (0..=bytes.len()).step_by(size) {
                encoded.copy(start, size, &mut pieces);
            }
            assert_eq!(pieces, bytes, "of {size} bytes");
        }
    }
}
