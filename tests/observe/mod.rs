//! What is shown while a sweep runs.

#[cfg(unix)]
mod terminal;
