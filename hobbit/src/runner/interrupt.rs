//! Ctrl-C: once ends the sweep after the epochs under way, twice leaves at once.

use std::sync::{Mutex, Once, PoisonError};

use crate::error::{Error, Result};

/// Ends the sweep that is running; returns whether there is one that was not ending already.
type Stop = Box<dyn Fn() -> bool + Send>;

static RUNNING: Mutex<Option<Stop>> = Mutex::new(None);

/// While this lives, Ctrl-C ends the sweep.
pub(crate) struct Guard(());

impl Guard {
    pub(crate) fn new(stop: Stop) -> Result<Guard> {
        static HANDLER: Once = Once::new();
        let mut result = Ok(());
        HANDLER.call_once(|| result = ctrlc::set_handler(on_ctrl_c));
        result.map_err(|error| {
            Error::study(format!("could not watch for Ctrl-C: {error}")).with_source(error)
        })?;
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        Ok(Guard(()))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn on_ctrl_c() {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if !running.as_ref().is_some_and(|stop| stop()) {
        // the exit status of a program ended by SIGINT
        std::process::exit(130);
    }
}
