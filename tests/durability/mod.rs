//! What a sweep survives: faults of the disk, killed processes, damaged files, bad trials.

mod damage;
mod faults;
mod files;
mod kill;
mod limits;
mod memory;
mod trouble;
