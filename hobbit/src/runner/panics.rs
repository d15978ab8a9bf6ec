//! Panics of user code, caught and turned into reasons.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The panics since `catch` began, which nobody has seen yet; no more than the last few.
    static UNSEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What the standard library says when a panic in the middle of another one, or in a function that must not
/// panic, ends the process.
const LAST_WORDS: [&str; 2] =
    ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

/// Runs `code`; a panic in it is not printed but returned, with its message and place.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = message(info.payload());
            // a panic that ends the process is never caught, and this is the last chance to show it
            let is_last = cfg!(panic = "abort") || LAST_WORDS.contains(&text);
            if CATCHING.get() && !is_last {
                let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
                UNSEEN.with_borrow_mut(|unseen| {
                    unseen.truncate(3);
                    unseen.push(format!(
                        "panicked at {}: {text}",
                        place.as_deref().unwrap_or("an unknown place")
                    ));
                });
                PLACE.set(place);
            } else {
                for unseen in UNSEEN.take() {
                    // nobody may be listening any more
                    let _ = writeln!(std::io::stderr(), "{unseen}");
                }
                other(info);
            }
        }));
    });
    let outer = CATCHING.replace(true);
    // what the panic leaves behind is dropped with the trial
    let result = catch_unwind(AssertUnwindSafe(code));
    CATCHING.set(outer);
    UNSEEN.with_borrow_mut(Vec::clear);
    result.map_err(|payload| {
        let place = PLACE.take().map(|place| format!(" at {place}")).unwrap_or_default();
        format!("panicked{place}: {}", message(&*payload))
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(no message)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_place() {
        let reason = catch(|| panic!("no {}", 7)).unwrap_err();
        assert!(reason.starts_with("panicked at ") && reason.ends_with(": no 7"), "{reason}");
        assert!(reason.contains("panics.rs:"), "{reason}");
        assert_eq!(catch(|| 3), Ok(3));
        assert!(catch(|| std::panic::panic_any(3)).unwrap_err().ends_with("(no message)"));
    }
}
