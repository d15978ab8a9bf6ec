//! Ways to end the process from within a trial.

/// What a trial says last, and how it ends the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Farewell {
    Exit,
    Abort,
    /// The stack overflows.
    Overflow,
    /// Aborts in the middle of a line.
    Unfinished,
    /// Panics, and while that is cleaned up again.
    PanicTwice,
}

impl Farewell {
    /// Ends the process.
    pub(crate) fn say(self) {
        println!("said on standard output");
        match self {
            Farewell::Exit => {
                eprintln!("FATAL: no licence");
                std::process::exit(3);
            }
            Farewell::Abort => {
                eprintln!("FATAL: no licence");
                std::process::abort();
            }
            Farewell::Overflow => drop(std::hint::black_box(overflow(u64::MAX))),
            Farewell::Unfinished => {
                eprint!("FATAL: no licence");
                std::process::abort();
            }
            Farewell::PanicTwice => {
                let _careless = Careless;
                panic!("the batch has no samples");
            }
        }
    }
}

/// Needs more stack than there is.
fn overflow(n: u64) -> u64 {
    let room = std::hint::black_box([n; 64]);
    if n == 0 { 0 } else { overflow(n - 1) + room[9] }
}

/// Panics when it is dropped.
struct Careless;

impl Drop for Careless {
    fn drop(&mut self) {
        panic!("the file could not be closed");
    }
}
