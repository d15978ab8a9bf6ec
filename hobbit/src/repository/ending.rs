//! How the process ended that worked on a repository before, if it left a trace.
//!
//! A process that aborts (or panics or overflows its stack, which aborts it too) or exits leaves a byte in
//! the lock's file on its way out; and the system counts the processes that it ends for want of memory. One
//! that is killed from outside leaves nothing.

use std::fs::File;

#[cfg(unix)]
use signal_hook::{SigId, consts::SIGABRT, flag, low_level};

use super::reason::StopReason;

/// What a process leaves that exits. One that aborts leaves what signal-hook writes.
pub(crate) const EXIT: &[u8] = b"E";
const ABORT: u8 = b'X';

/// Whether this can stand in a lock's file behind its owner.
pub(super) fn is_trace(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'\n' || EXIT.contains(&byte) || byte == ABORT)
}

/// What a process writes behind its name when it begins.
pub(super) fn begin() -> String {
    out_of_memory().map_or(String::new(), |count| format!("{count}\n"))
}

/// How a process ended that left this behind its name.
pub(super) fn read(trace: &str) -> Option<StopReason> {
    let (before, traces) = trace.split_once('\n').unwrap_or(("", trace));
    let ended_one = || Some(out_of_memory()? > before.parse().ok()?);
    // whoever aborts while it exits has aborted
    if traces.as_bytes().contains(&ABORT) {
        Some(StopReason::Aborted)
    } else if traces.as_bytes().starts_with(EXIT) {
        Some(StopReason::Exited)
    } else {
        ended_one().filter(|&ended| ended).map(|_| StopReason::OutOfMemory)
    }
}

/// How many processes the system has ended for want of memory since it began.
fn out_of_memory() -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "this is where files are touched")]
    let counts = std::fs::read_to_string("/proc/vmstat").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}

/// While this lives, an abort leaves its trace.
#[derive(Debug)]
pub(super) struct Watch {
    #[cfg(unix)]
    id: Option<SigId>,
}

impl Watch {
    #[cfg(unix)]
    pub(super) fn new(file: &File) -> Watch {
        // where that is not possible, the process has ended without a trace
        let file = file.try_clone().ok();
        let id = file.and_then(|file| low_level::pipe::register(SIGABRT, file).ok());
        abort_as_ever();
        Watch { id }
    }

    #[cfg(not(unix))]
    pub(super) fn new(_: &File) -> Watch {
        Watch {}
    }
}

/// Lets the signal of an abort end the process as if nobody watched for it, after what was registered so far.
#[cfg(unix)]
fn abort_as_ever() {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex, PoisonError};
    static LAST: Mutex<Option<SigId>> = Mutex::new(None);
    let registered = flag::register_conditional_default(SIGABRT, Arc::new(AtomicBool::new(true))).ok();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(earlier) = std::mem::replace(&mut *last, registered) {
        low_level::unregister(earlier);
    }
}

#[cfg(unix)]
impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            low_level::unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_trace() {
        let begun = begin();
        assert!(is_trace(&begun) && is_trace(&format!("{begun}X")) && !is_trace("mine"));
        assert_eq!(read(&begun), None);
        assert_eq!(read(&format!("{begun}X")), Some(StopReason::Aborted));
        assert_eq!(read(&format!("{begun}E")), Some(StopReason::Exited));
        assert_eq!(read(&format!("{begun}EX")), Some(StopReason::Aborted));
        // nothing is known of those that began before the system counted
        assert_eq!((read(""), read("X")), (None, Some(StopReason::Aborted)));
        if out_of_memory().is_some_and(|count| count > 0) {
            assert_eq!(read("0\n"), Some(StopReason::OutOfMemory));
        }
    }
}
