//! Other tools: studies for optuna-dashboard and TensorBoard, and imported Optuna studies.
//!
//! [`OptunaJournal`] and [`TensorBoard`] follow a sweep while it runs
//! ([`Hyperband::observe`](crate::Hyperband::observe)), or export what a repository holds. Either way they
//! write the same, and they continue existing files: nothing is written twice.
//!
//! ```no_run
//! use hobbit::interop::{OptunaJournal, TensorBoard};
//! use hobbit::repository::Reader;
//!
//! let overview = Reader::open("./digits_repo")?.overview()?;
//! OptunaJournal::new("digits.journal").export(&overview)?; // optuna-dashboard digits.journal
//! TensorBoard::new("./logs").export(&overview)?; // tensorboard --logdir ./logs
//! # Ok::<(), hobbit::Error>(())
//! ```
//!
//! [`import`] reads configurations and results from Optuna's files and from CSV. [`replay`] gives the events
//! of a kept study, for observers of your own.

mod distribution;
#[expect(clippy::disallowed_methods, reason = "this is where event files are touched")]
mod event_file;
mod held;
pub mod import;
#[expect(clippy::disallowed_methods, reason = "this is where Optuna's journal is touched")]
mod journal_file;
mod live;
mod optuna;
mod replay;
mod tensorboard;
mod told;

pub use optuna::OptunaJournal;
pub use replay::replay;
pub use tensorboard::TensorBoard;
