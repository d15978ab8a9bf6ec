//! TensorBoard's event files: records with checksums, each a protocol buffer.
//!
//! A record is the length of its data (8 bytes, little-endian), the masked CRC-32C of the length (4 bytes),
//! the data, and their masked CRC-32C. The messages below are TensorBoard's own, without the fields that
//! nobody needs here.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use prost::Message;

use crate::error::{Error, Result};

/// One record.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    /// Of the first record only.
    #[prost(string, optional, tag = "3")]
    pub(super) file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(super) summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub(super) session_log: Option<SessionLog>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(super) value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SummaryValue {
    #[prost(string, tag = "1")]
    pub(super) tag: String,
    #[prost(float, optional, tag = "2")]
    pub(super) simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    pub(super) tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub(super) metadata: Option<Metadata>,
}

/// An empty list of floats: what plugins that only use the metadata write as a value.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub(super) dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Dimension {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(super) plugin_data: Option<PluginData>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PluginData {
    #[prost(string, tag = "1")]
    pub(super) plugin_name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) content: Option<HParams>,
}

/// What the HParams plugin keeps in its metadata. There it is bytes, which is the same thing on the wire.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HParams {
    #[prost(message, optional, tag = "3")]
    pub(super) start: Option<Start>,
    #[prost(message, optional, tag = "4")]
    pub(super) end: Option<End>,
}

/// A run begins, with these hyperparameters.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Start {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) hparams: BTreeMap<String, HParam>,
    /// Runs with the same name are shown as one.
    #[prost(string, tag = "4")]
    pub(super) group_name: String,
    #[prost(double, tag = "5")]
    pub(super) start_time_secs: f64,
}

/// One of these.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HParam {
    #[prost(double, optional, tag = "2")]
    pub(super) number: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub(super) text: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub(super) switch: Option<bool>,
}

/// A run is over.
#[derive(Clone, PartialEq, Message)]
pub(super) struct End {
    /// 1: well; 2: it failed.
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
    #[prost(double, tag = "2")]
    pub(super) end_time_secs: f64,
}

/// Where training goes back: what was said of this step and those after it does not count.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionLog {
    /// 1: start.
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Adds an event as a record.
fn push(event: &Event, out: &mut Vec<u8>) {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked(&length));
    out.extend_from_slice(&data);
    out.extend_from_slice(&masked(&data));
}

/// The whole records at the start of a file; it may have been torn by the end of its process.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = Event> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        if *sum != masked(length) {
            return None;
        }
        let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        bytes = rest;
        if *sum == masked(data) { Event::decode(data).ok() } else { None }
    })
}

/// The event files of one run. What earlier processes wrote is not touched: each process has a file of its
/// own, and TensorBoard reads them one after the other, by their names.
pub(super) struct RunFiles {
    path: PathBuf,
    /// Whether our own file is there yet.
    begun: bool,
}

impl RunFiles {
    /// The files in this directory, which need not be there, and what is in them.
    ///
    /// # Errors
    /// They cannot be read.
    pub(super) fn open(dir: &Path) -> Result<(RunFiles, Vec<Event>)> {
        let failed = |error| Error::io("read", dir, error);
        let mut names = Vec::new();
        match dir.read_dir() {
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
                    if name.contains("tfevents") {
                        names.push(name);
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        names.sort();
        let mut events = Vec::new();
        for name in &names {
            events.extend(records(&std::fs::read(dir.join(name)).map_err(failed)?));
        }
        let path = dir.join(format!("events.out.tfevents.hobbit.{:06}", names.len() + 1));
        Ok((RunFiles { path, begun: false }, events))
    }

    /// Makes a directory for runs.
    pub(super) fn make_dir(dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))
    }

    /// Adds events.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn append(&mut self, events: &[Event]) -> Result<()> {
        let mut bytes = Vec::new();
        if !self.begun {
            let wall_time = events.first().map_or(0.0, |event| event.wall_time);
            let file_version = Some("brain.Event:2".to_owned());
            push(&Event { wall_time, file_version, ..Event::default() }, &mut bytes);
        }
        events.iter().for_each(|event| push(event, &mut bytes));
        // not kept open: there may be thousands of runs
        let file = || -> io::Result<File> {
            if self.begun {
                return OpenOptions::new().append(true).open(&self.path);
            }
            self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            OpenOptions::new().append(true).create_new(true).open(&self.path)
        };
        file()
            .and_then(|mut file| file.write_all(&bytes))
            .map_err(|error| Error::io("write", &self.path, error))?;
        self.begun = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_keeps_the_whole_records() {
        let events: Vec<_> = (0..3)
            .map(|step| {
                let value =
                    SummaryValue { tag: "loss".to_owned(), simple_value: Some(0.5), ..Default::default() };
                Event {
                    wall_time: 7.0,
                    step,
                    summary: Some(Summary { value: vec![value] }),
                    ..Event::default()
                }
            })
            .collect();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for event in &events {
            push(event, &mut bytes);
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            assert_eq!(records(&bytes[..cut]).collect::<Vec<_>>(), events[..whole]);
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_the_format() {
        // the length of the first record of nearly every event file there is: 24 bytes
        assert_eq!(masked(&24_u64.to_le_bytes()), [0xa3, 0x7f, 0x4b, 0x22]);
    }
}
