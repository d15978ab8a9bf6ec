//! What objectives promise whose metrics are known only when they are reported: the monitor.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

/// The monitor, once the study has said which it is.
#[derive(Debug)]
pub(crate) struct Promise(RwLock<String>);

impl Promise {
    pub(crate) fn new() -> Promise {
        Promise(RwLock::new("val_loss".to_owned()))
    }

    /// What is optimized.
    pub(crate) fn set(&self, monitor: &str) {
        monitor.clone_into(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The metrics that every epoch has to have.
    pub(crate) fn metrics(&self) -> Vec<Cow<'static, str>> {
        vec![self.0.read().unwrap_or_else(PoisonError::into_inner).clone().into()]
    }
}
