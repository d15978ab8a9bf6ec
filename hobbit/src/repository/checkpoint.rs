//! `weights/<trial>.safetensors`: a trial's model, whole or not at all.
//!
//! The arrays with plain names are the model at the epoch of its score; where it was trained on since, the
//! arrays under `last/` are its present state, from which training continues. Everything else is one text in
//! the file's metadata, headed by a checksum over the text and all arrays.

use std::io::{self, Read};

use super::decoder::Decoder;
use super::encoded::Encoded;
use super::saved::{PIECE, SavedModel};
use crate::objective::Checkpoint;

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

    /// Reads the model from the bytes of its file.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<SavedModel, String> {
        decode(bytes)
    }

    /// The size of its arrays, in bytes.
    pub fn bytes(&self) -> usize {
        self.best.bytes() + self.last.as_ref().map_or(0, Checkpoint::bytes)
    }
}

/// The bytes of a checkpoint's file.
pub(super) fn encode(model: &SavedModel) -> Result<Vec<u8>, String> {
    Ok(Encoded::new(model)?.to_vec())
}

/// Reads a checkpoint's file; the error says what is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<SavedModel, String> {
    let mut decoder = Decoder::new(bytes.len() as u64, true);
    decoder.feed(bytes)?;
    decoder.finish()
}

/// Reads a checkpoint's file of this length piece by piece.
///
/// # Errors
/// The file cannot be read. What is wrong with it otherwise is said, in words, by the error within.
pub(super) fn read(file: &mut dyn Read, length: u64, keeps: bool) -> io::Result<Result<SavedModel, String>> {
    let mut decoder = Decoder::new(length, keeps);
    let poured = pour(file, &mut decoder)?;
    Ok(poured.and_then(|()| decoder.finish()))
}

/// Gives all of a file to a decoder, piece by piece.
pub(super) fn pour(file: &mut dyn Read, decoder: &mut Decoder) -> io::Result<Result<(), String>> {
    let mut piece = vec![0; decoder.length().clamp(1, PIECE)];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => {
                if let Err(why) = decoder.feed(&piece[..count]) {
                    return Ok(Err(why));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::saved::{SavedState, WEIGHTS_FORMAT};
    use super::*;
    use crate::objective::{Array, ArrayData, History};
    use crate::trial::TrialId;

    pub(in crate::repository) fn model() -> SavedModel {
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
            let cut = decode(&bytes[..at]).unwrap_err();
            assert!(cut.contains("cut off"), "{at}: {cut}");
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let mut model = model();
        model.state.format = WEIGHTS_FORMAT + 1;
        assert!(decode(&encode(&model).unwrap()).unwrap_err().contains("newer hobbit"));
    }
}
