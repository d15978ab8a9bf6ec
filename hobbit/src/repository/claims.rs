//! Files that several messages may name, and that one alone has to do with.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The names of the files that somebody in this process has to do with, or had until they got another name.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(Arc<Mutex<HashSet<String>>>);

impl Claims {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        // nothing panics under this lock
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing if somebody has claimed it before.
    pub(super) fn claim(&self, name: &str) -> Option<Claim> {
        let is_new = self.lock().insert(name.to_owned());
        is_new.then(|| Claim { claims: self.clone(), name: Some(name.to_owned()) })
    }
}

/// A file that one alone has to do with, until this is dropped.
pub(super) struct Claim {
    claims: Claims,
    name: Option<String>,
}

impl Claim {
    /// For ever.
    pub(super) fn stays(mut self) {
        self.name = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.claims.lock().remove(name);
        }
    }
}
