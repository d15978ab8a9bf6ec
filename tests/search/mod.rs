//! Samplers: points, what they mean, and sweeps whose configurations are proposed.

mod conformance;
mod kde;
pub(crate) mod kill;
mod narrowed;
mod points;
mod sweeps;
mod toy;
mod warm_start;
