//! Panics of user code, caught and turned into reasons.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `code`; a panic in it is not printed but returned, with its message and place.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let other = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                PLACE.set(info.location().map(|at| format!("{}:{}", at.file(), at.line())));
            } else {
                other(info);
            }
        }));
    });
    let outer = CATCHING.replace(true);
    // what the panic leaves behind is dropped with the trial
    let result = catch_unwind(AssertUnwindSafe(code));
    CATCHING.set(outer);
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
