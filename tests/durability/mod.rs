//! What a sweep survives: faults of the disk, killed processes, damaged files, bad trials.

mod chain;
mod damage;
pub(crate) mod deaths;
mod elsewhere;
mod ends;
mod faults;
mod files;
mod hostile;
pub(crate) mod kill;
mod limits;
mod lost_lines;
mod memory;
mod numerics;
mod overwrite;
#[cfg(unix)]
pub(crate) mod signals;
mod trouble;
mod trust;
mod upgrade;
