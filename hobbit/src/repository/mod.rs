//! The directory of a study: its RON files, its weights, its lock. Nothing else touches a study's files.

mod chain;
mod checkpoint;
#[cfg(feature = "nats")]
mod claims;
mod compare;
mod counts;
mod deciding;
mod decoder;
mod encoded;
mod ending;
mod format1;
mod incoming;
mod journal;
mod lines;
mod live;
#[expect(clippy::disallowed_methods, reason = "this is where files are touched")]
mod lock;
mod machines;
pub(crate) mod names;
mod origin;
mod outcomes;
mod overview;
mod overwrite;
mod reader;
mod reason;
mod records;
mod resumed;
mod saved;
mod saving;
mod scan;
#[cfg(feature = "nats")]
mod shared;
#[expect(clippy::disallowed_methods, reason = "this is where files are touched")]
mod storage;
mod store;
mod study;
mod text;
mod verify;
mod warm_start;

pub(crate) use compare::{Examined, Opening};
pub use counts::StageOverview;
pub(crate) use deciding::{Losses, deciding};
#[cfg(feature = "nats")]
pub(crate) use decoder::Decoder;
#[cfg(feature = "nats")]
pub(crate) use encoded::Encoded;
pub(crate) use ending::EXIT;
pub(crate) use incoming::Kept;
pub use incoming::{Arrived, Incoming};
pub use live::{Doing, Machine};
pub use machines::MachineOverview;
pub use origin::Origin;
pub(crate) use outcomes::{Outcomes, Rules};
pub use overview::{Overview, Process, TrialOverview};
pub use reader::{Reader, salvage, salvage_in};
pub use reason::StopReason;
pub use records::{
    Descriptions, End, MachineChange, RESULTS_FORMAT, Record, ResultRecord, ResultsRecord, StageRecord,
    Status, Timestamp,
};
pub(crate) use records::{epochs, metrics_at, other_score};
pub(crate) use saved::WEIGHTS_FORMAT;
pub use saved::{SavedModel, SavedState};
#[cfg(feature = "nats")]
pub(crate) use shared::{Shared, SharedFile};
pub use storage::{Disk, Identity, OpenFile, Storage, StorageFile};
pub(crate) use store::{Begins, Opened, Repository, Weights, to_pretty};
pub use study::{FORMAT, ScoreBy, StudyRecord, Ties};
#[cfg(feature = "nats")]
pub(crate) use study::{differences, objective_differences};
pub(crate) use text::{from_text, to_text};
pub use verify::{Check, FileState};
pub(crate) use warm_start::observations;
pub use warm_start::{KnownOutcome, WarmStart};
