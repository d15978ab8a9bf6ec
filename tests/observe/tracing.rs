//! What those who log are told.

use std::cell::RefCell;

use hobbit::Hyperband;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::Curve;

thread_local! {
    /// The level and the message of each event in this thread, if it listens.
    static HEARD: RefCell<Option<Vec<(Level, String)>>> = const { RefCell::new(None) };
}

/// Told of the events of all threads: a subscriber of one thread alone may miss an event that another thread came to first, because
/// tracing remembers that nobody wanted it there.
struct Listener;

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                let mut message = Message(String::new());
                event.record(&mut message);
                heard.push((*event.metadata().level(), message.0));
            }
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_sweep_is_logged() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    HEARD.set(Some(Vec::new()));
    let curve = Curve { trouble: Some(std::time::Duration::ZERO), ..Curve::default() };
    // observers are called from the thread of `run`
    let results = Hyperband::of(curve).quiet().seed(1).workers(2).run(9, 3).unwrap();
    let log = HEARD.take().unwrap();
    let count =
        |level, message: &str| log.iter().filter(|(l, m)| (*l, m.as_str()) == (level, message)).count();
    let failed = results.trials().iter().filter(|trial| trial.score.is_none()).count();
    assert!(failed > 0);
    assert_eq!((count(Level::INFO, "sweep started"), count(Level::INFO, "sweep ended")), (1, 1));
    assert_eq!(count(Level::WARN, "trial failed") + count(Level::WARN, "trial diverged"), failed);
    assert_eq!(count(Level::DEBUG, "trial ended"), 17);
    let stages: usize = results.trials().iter().map(|trial| trial.stages.len()).sum();
    assert_eq!(count(Level::DEBUG, "stage started"), stages);
    assert_eq!(count(Level::DEBUG, "stage ended"), stages - failed);
}
