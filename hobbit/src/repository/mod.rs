//! The directory of a study: its RON files, its weights, its lock. The only room that touches files.

mod checkpoint;
mod compare;
mod counts;
mod deciding;
mod ending;
mod journal;
#[expect(clippy::disallowed_methods, reason = "this is where files are touched")]
mod lock;
pub(crate) mod names;
mod outcomes;
mod overview;
mod overwrite;
mod reader;
mod records;
mod scan;
#[expect(clippy::disallowed_methods, reason = "this is where files are touched")]
mod storage;
mod store;
mod verify;

pub use checkpoint::{SavedModel, SavedState};
pub(crate) use compare::{Examined, Opening};
pub(crate) use deciding::{Losses, deciding};
pub(crate) use ending::{EXIT, is_death};
pub(crate) use outcomes::{Outcomes, Rules};
pub use overview::{Overview, Process, StageOverview, TrialOverview};
pub use reader::{Reader, salvage};
pub use records::{
    Descriptions, End, FORMAT, Record, ResultRecord, ResultsRecord, ScoreBy, StageRecord, Status,
    StudyRecord, Ties, Timestamp,
};
pub(crate) use records::{epochs, metrics_at, other_score};
pub use storage::{Disk, Identity, Storage, StorageFile};
pub(crate) use store::{Begins, Opened, Repository, Weights, to_pretty};
pub use verify::{Check, FileState};
