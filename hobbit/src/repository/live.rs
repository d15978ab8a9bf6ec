//! `live.ron`: what the machines of a running sweep are doing, for anyone who watches. Nothing depends on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names;
use super::records::Timestamp;
use super::storage::Storage;
use crate::trial::TrialId;

/// A process on another machine that trains for a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The machine's number in journal and reports, counted from 1.
    pub number: u32,
    /// The machine's name.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// The most stages that it trains at once.
    pub slots: u32,
    /// The stages that it has, in the order of their trials.
    pub doing: Vec<Doing>,
}

/// A stage that a machine trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Doing {
    /// The trial.
    pub trial: TrialId,
    /// The stage, counted from 0.
    pub stage: u32,
    /// The latest epoch that has ended, counted from 1; 0 if none has since it was begun.
    pub epoch: u64,
}

/// What machines were at a moment ago.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) time: Timestamp,
    pub(super) machines: Vec<Machine>,
}

/// The file, for the process that runs the sweep.
#[derive(Clone)]
pub(crate) struct LiveFile {
    path: PathBuf,
    temporary: PathBuf,
    storage: Arc<dyn Storage>,
}

impl LiveFile {
    pub(super) fn new(dir: &Path, storage: Arc<dyn Storage>) -> LiveFile {
        let temporary = dir.join(format!("{}{}", names::LIVE, names::TEMPORARY));
        LiveFile { path: dir.join(names::LIVE), temporary, storage }
    }

    /// Writes what the machines are at. It need not be durable, and where it fails, the journal, which is
    /// written to the same disk, says so.
    pub(super) fn write(&self, machines: &[Machine]) {
        let live = Live { time: Timestamp::now(), machines: machines.to_vec() };
        let Ok(text) = ron::to_string(&live) else { return };
        let written = self.storage.create(&self.temporary).and_then(|mut file| file.write(text.as_bytes()));
        let _ = written.and_then(|()| self.storage.rename(&self.temporary, &self.path));
    }

    /// Removes the file, if there is one.
    pub(super) fn remove(&self) {
        if self.storage.exists(&self.path) {
            let _ = self.storage.remove(&self.path);
        }
    }
}
