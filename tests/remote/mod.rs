//! Sweeps over many machines, as several processes and a NATS server on this one.

mod laws;
mod server;
mod sweeps;
mod trouble;

pub(crate) use sweeps::{broken, bulky, curve, kind, many, poison};
