//! Samplers: points, what they mean, and sweeps whose configurations are proposed.

mod conformance;
mod kde;
mod points;
mod sweeps;
mod toy;
mod warm_start;
