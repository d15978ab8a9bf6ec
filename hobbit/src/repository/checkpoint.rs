//! `weights/<trial>.safetensors`: a trial's model, whole or not at all.
//!
//! The arrays with plain names are the model at the epoch of its score; where it was trained on since, the
//! arrays under `last/` are its present state, from which training continues. Everything else is one text in
//! the file's metadata, headed by a checksum over the text and all arrays.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::objective::{Array, ArrayData, Checkpoint, History};
use crate::trial::TrialId;

/// The version of the format of weights that this hobbit writes, and the newest it reads.
pub(crate) const WEIGHTS_FORMAT: u32 = 1;

/// What a checkpoint says of its trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedState {
    /// The version of the files' format.
    pub format: u32,
    /// The trial.
    pub trial: TrialId,
    /// How often the trial had failed and was restarted.
    pub attempt: u32,
    /// The epochs it has been trained.
    pub epoch: u64,
    /// Its score so far, and the epoch (counted from 1) that it is from.
    pub score: Option<(f64, u64)>,
    /// The epochs it had when its present stage began.
    pub from: u64,
    /// The metrics of each epoch since `from`.
    pub history: History,
    /// Whether the stage is over before its planned end: early stopping.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

impl SavedState {
    fn is_sound(&self) -> bool {
        let score =
            self.score.is_none_or(|(score, epoch)| score.is_finite() && (1..=self.epoch).contains(&epoch));
        let epochs = self.epoch.saturating_sub(self.from);
        score && self.history.is_sound() && self.history.len() as u64 <= epochs
    }
}

/// A trial's saved model.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedModel {
    /// Where the trial stands.
    pub state: SavedState,
    /// The model at the epoch of the score.
    pub best: Checkpoint,
    /// The model as it is at `state.epoch`, if that is another epoch.
    pub last: Option<Checkpoint>,
}

impl SavedModel {
    /// The model to continue from.
    pub fn present(&self) -> &Checkpoint {
        self.last.as_ref().unwrap_or(&self.best)
    }

    /// Returns the bytes of its file.
    ///
    /// # Errors
    /// In words, why no file can hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        encode(self)
    }

    /// The model that a file of these bytes holds.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<SavedModel, String> {
        decode(bytes)
    }

    /// The bytes of its arrays.
    pub fn bytes(&self) -> usize {
        self.best.bytes() + self.last.as_ref().map_or(0, Checkpoint::bytes)
    }
}

const LAST: &str = "last/";
const KEY: &str = "hobbit";

/// What is in the file's metadata, behind its checksum.
#[derive(Serialize, Deserialize)]
struct Info {
    state: SavedState,
    best: BTreeMap<String, String>,
    last: Option<BTreeMap<String, String>>,
}

/// An array on its way to a file: little-endian bytes.
struct Bytes<'a> {
    dtype: Dtype,
    shape: &'a [usize],
    data: Cow<'a, [u8]>,
}

impl View for &Bytes<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

fn to_bytes(array: &Array) -> Bytes<'_> {
    /// On little-endian machines the numbers are in memory as they are in files.
    fn little<T: bytemuck::NoUninit, const N: usize>(
        values: &[T],
        bytes: fn(&T) -> [u8; N],
    ) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(values))
        } else {
            Cow::Owned(values.iter().flat_map(bytes).collect())
        }
    }
    let (dtype, data) = match &array.data {
        ArrayData::F32(values) => (Dtype::F32, little(values, |value| value.to_le_bytes())),
        ArrayData::F64(values) => (Dtype::F64, little(values, |value| value.to_le_bytes())),
        ArrayData::I64(values) => (Dtype::I64, little(values, |value| value.to_le_bytes())),
        ArrayData::U8(values) => (Dtype::U8, Cow::Borrowed(values.as_slice())),
    };
    Bytes { dtype, shape: &array.shape, data }
}

fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<ArrayData> {
    fn values<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks().0.iter().map(|&chunk| read(chunk)).collect()
    }
    Some(match dtype {
        Dtype::F32 => ArrayData::F32(values(bytes, f32::from_le_bytes)),
        Dtype::F64 => ArrayData::F64(values(bytes, f64::from_le_bytes)),
        Dtype::I64 => ArrayData::I64(values(bytes, i64::from_le_bytes)),
        Dtype::U8 => ArrayData::U8(bytes.to_vec()),
        _ => return None,
    })
}

/// The checksum of a checkpoint: over its text, and the names, types, shapes and bytes of its arrays in order
/// of their names.
fn checksum<'a>(text: &str, arrays: impl Iterator<Item = (&'a str, Dtype, &'a [usize], &'a [u8])>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(text.as_bytes());
    for (name, dtype, shape, bytes) in arrays {
        hasher.update(format!("\n{name}: {dtype:?} {shape:?}\n").as_bytes());
        hasher.update(bytes);
    }
    hasher.finalize()
}

/// The bytes of a checkpoint's file.
pub(super) fn encode(model: &SavedModel) -> Result<Vec<u8>, String> {
    let info = Info {
        state: model.state.clone(),
        best: model.best.metadata.clone(),
        last: model.last.as_ref().map(|last| last.metadata.clone()),
    };
    let text = ron::to_string(&info).map_err(|error| error.to_string())?;
    let mut arrays: BTreeMap<Cow<'_, str>, Bytes<'_>> = BTreeMap::new();
    for (name, array) in &model.best.arrays {
        arrays.insert(Cow::Borrowed(name), to_bytes(array));
    }
    for (name, array) in model.last.iter().flat_map(|last| &last.arrays) {
        arrays.insert(Cow::Owned(format!("{LAST}{name}")), to_bytes(array));
    }
    let sum =
        checksum(&text, arrays.iter().map(|(name, a)| (name.as_ref(), a.dtype, a.shape, a.data.as_ref())));
    // one key only: the order of several would differ from run to run
    let metadata = HashMap::from([(KEY.to_owned(), format!("{sum:08x} {text}"))]);
    safetensors::serialize(arrays.iter().map(|(name, bytes)| (name.as_ref(), bytes)), Some(metadata))
        .map_err(|error| error.to_string())
}

/// Reads a checkpoint's file; the error says what is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<SavedModel, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = header
        .metadata()
        .as_ref()
        .and_then(|metadata| metadata.get(KEY))
        .ok_or("it is not a file of hobbit's")?;
    let (sum, text) = text.split_once(' ').ok_or("it has no checksum")?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut views = tensors.tensors();
    views.sort_by(|a, b| a.0.cmp(&b.0));
    let actual =
        checksum(text, views.iter().map(|(name, v)| (name.as_str(), v.dtype(), v.shape(), v.data())));
    if sum != format!("{actual:08x}") {
        return Err("its checksum does not match".to_owned());
    }
    let info: Info = ron::from_str(text).map_err(|error| error.to_string())?;
    if info.state.format > WEIGHTS_FORMAT {
        return Err(format!(
            "it has format version {}, this hobbit reads up to {WEIGHTS_FORMAT}: use a newer hobbit",
            info.state.format
        ));
    }
    if !info.state.is_sound() {
        return Err("no process wrote it: what it says of its trial does not fit together".to_owned());
    }
    let mut best = Checkpoint { arrays: BTreeMap::new(), metadata: info.best };
    let mut last = info.last.map(|metadata| Checkpoint { arrays: BTreeMap::new(), metadata });
    for (name, view) in &views {
        let data =
            from_bytes(view.dtype(), view.data()).ok_or_else(|| format!("`{name}` has an unknown type"))?;
        let array = Array { shape: view.shape().to_vec(), data };
        match (name.strip_prefix(LAST), &mut last) {
            (Some(name), Some(last)) => last.arrays.insert(name.to_owned(), array),
            _ => best.arrays.insert(name.clone(), array),
        };
    }
    Ok(SavedModel { state: info.state, best, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> SavedModel {
        let mut best = Checkpoint::new();
        best.insert_f32("dense.weight", &[2, 3], vec![1.0, -0.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, 0.1]);
        best.insert_f64("step", &[], vec![3.5]);
        best.arrays.insert("seen".to_owned(), Array { shape: vec![3], data: ArrayData::U8(vec![1, 2, 3]) });
        best.arrays
            .insert("count".to_owned(), Array { shape: vec![1], data: ArrayData::I64(vec![i64::MIN]) });
        best.metadata.insert("note".to_owned(), "\"quoted\"\n".to_owned());
        let mut last = best.clone();
        last.insert_f64("step", &[], vec![4.5]);
        let mut history = History::new(["loss".to_owned()].into(), 3);
        for loss in [0.5, 0.25, 0.75] {
            let mut metrics = crate::objective::Metrics::new();
            metrics.report("loss", loss);
            history.push(&metrics);
        }
        let state = SavedState {
            format: WEIGHTS_FORMAT,
            trial: TrialId::new(2, 7),
            attempt: 0,
            epoch: 12,
            score: Some((0.25, 10)),
            from: 9,
            history,
            stopped: false,
        };
        SavedModel { state, best, last: Some(last) }
    }

    #[test]
    fn what_is_written_is_read_and_equal_models_are_equal_bytes() {
        let mut model = model();
        assert_eq!(decode(&encode(&model).unwrap()).unwrap(), model);
        assert_eq!(encode(&model).unwrap(), encode(&model.clone()).unwrap());
        model.last = None;
        assert_eq!(decode(&encode(&model).unwrap()).unwrap(), model);
        assert_eq!(
            decode(&encode(&SavedModel { best: Checkpoint::new(), ..model.clone() }).unwrap()).unwrap().best,
            Checkpoint::new()
        );
    }

    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let model = model();
        let bytes = encode(&model).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x04;
            // white space that pads the header means nothing
            if let Ok(read) = decode(&damaged) {
                assert_eq!(read, model, "byte {at}");
            }
            assert!(decode(&bytes[..at]).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let mut model = model();
        model.state.format = WEIGHTS_FORMAT + 1;
        assert!(decode(&encode(&model).unwrap()).unwrap_err().contains("newer hobbit"));
    }
}
