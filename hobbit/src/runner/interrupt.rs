//! Signals that end the program: the first ends its sweeps after the epochs under way, the second leaves at
//! once.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::repository::StopReason;

/// Ends a sweep for this reason; returns whether it is the first time that it is told to.
type Stop = Box<dyn Fn(StopReason) -> bool + Send>;

/// The sweeps that are running and end on signals.
static RUNNING: Mutex<Vec<(u64, Stop)>> = Mutex::new(Vec::new());

/// Set by the signals themselves, until the thread that waits for them has told the sweeps.
static HERE: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How long it may take until the sweeps hear of a signal that has come, on a machine with much else to do.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// While this lives, signals end the sweep.
pub(crate) struct Guard(u64);

/// Watches for signals from now on: without a [`Guard`], one leaves at once.
///
/// # Errors
/// The program has a handler for Ctrl-C of its own.
pub(crate) fn watch() -> Result<()> {
    watch_for_all().map_err(|error| {
        let text = format!(
            "could not watch for Ctrl-C, as `stop_on_ctrl_c` asks for: {error}. Leave it out where the program has a handler of its \
             own, and end the sweep with `stop_when`"
        );
        Error::study(text).with_source(error)
    })
}

impl Guard {
    pub(crate) fn new(stop: Stop) -> Guard {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_empty() {
            // nobody is left to hear of earlier ones
            HERE.store(false, Ordering::Relaxed);
        }
        running.push((number, stop));
        Guard(number)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.0);
    }
}

/// What fails is tried again for the next sweep.
fn watch_for_all() -> io::Result<()> {
    /// Whether Ctrl-C is watched for, and whether the other signals are.
    static WATCHED: Mutex<(bool, bool)> = Mutex::new((false, false));
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let (ctrl_c, others) = &mut *watched;
    if !*ctrl_c {
        #[cfg(target_os = "linux")]
        if disposition("SigCgt", signal_hook::consts::SIGINT) {
            return Err(io::Error::other("the program has a handler for it already"));
        }
        ctrlc::set_handler(|| arrived(StopReason::Interrupted)).map_err(|error| match error {
            ctrlc::Error::MultipleHandlers => io::Error::other("the program has a handler for it already"),
            error => io::Error::other(error),
        })?;
        *ctrl_c = true;
        // behind the handler that is there, which it calls
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGINT, HERE.clone())?;
    }
    #[cfg(unix)]
    if !*others {
        watch_others()?;
    }
    *others = true;
    Ok(())
}

/// Watches for the signals by which schedulers end programs, and for the end of the terminal, unless that is
/// ignored: by `nohup`.
#[cfg(unix)]
fn watch_others() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGTERM};
    #[cfg(target_os = "linux")]
    let outlives_terminal = disposition("SigIgn", SIGHUP);
    // `nohup` takes the terminal from standard input
    #[cfg(not(target_os = "linux"))]
    let outlives_terminal = !io::IsTerminal::is_terminal(&io::stdin());
    let watched: &[_] = if outlives_terminal { &[SIGTERM] } else { &[SIGTERM, SIGHUP] };
    for signal in watched {
        signal_hook::flag::register(*signal, HERE.clone())?;
    }
    let mut signals = signal_hook::iterator::Signals::new(watched)?;
    std::thread::Builder::new().name("hobbit-signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            arrived(if signal == SIGHUP { StopReason::HungUp } else { StopReason::Terminated });
        }
    })?;
    Ok(())
}

/// Whether a signal is in this set of the process's: `SigIgn` has those that are ignored, `SigCgt` those with
/// a handler, `ShdPnd` those that no thread has taken yet.
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "it is not a file of a study")]
fn disposition(set: &str, signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(":"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Waits until the sweeps have heard of a signal that was sent to this process, if one was. The thread that
/// tells them may not get its turn for a while.
pub(crate) fn let_arrive(is_stopping: impl Fn() -> bool) {
    let start = Instant::now();
    while is_on_its_way() && !is_stopping() && start.elapsed() < HEARD_WITHIN {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a signal was sent to this process of which the sweeps have not heard.
fn is_on_its_way() -> bool {
    #[cfg(target_os = "linux")]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        if [SIGINT, SIGTERM, SIGHUP].into_iter().any(|signal| disposition("ShdPnd", signal)) {
            return true;
        }
    }
    HERE.load(Ordering::Acquire)
}

/// A signal has arrived.
fn arrived(reason: StopReason) {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut first = false;
    for (_, stop) in &*running {
        first |= stop(reason.clone());
    }
    HERE.store(false, Ordering::Release);
    if !first {
        std::process::exit(reason.exit_code().map_or(1, i32::from));
    }
}
