//! The `#[search_space]` attribute of hobbit; documented where hobbit re-exports it.
