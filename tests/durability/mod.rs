//! What a sweep survives: faults of the disk, killed processes, damaged files, bad trials.

mod damage;
mod faults;
mod files;
mod hostile;
mod kill;
mod limits;
mod lost_lines;
mod memory;
mod trouble;
