//! What a sweep survives: faults of the disk, killed processes, damaged files, bad trials.

mod chain;
mod damage;
mod deaths;
mod elsewhere;
mod ends;
mod faults;
mod files;
mod hostile;
mod kill;
mod limits;
mod lost_lines;
mod memory;
mod overwrite;
#[cfg(unix)]
mod signals;
mod trouble;
mod trust;
mod upgrade;
