//! All integration tests, a module per subject.

mod schedule;
mod support;
mod sweep;
