//! Writing beside the sweep: a thread of its own, so that slow disks and locks of others hold nobody up.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::error::{BoxError, Error, Result};
use crate::observe::{Event, StudyInfo};

/// Something that writes what it is told.
pub(super) trait Writer: Send + 'static {
    /// Opens files for this study, and reads what they hold already.
    fn open(&mut self, study: &Arc<StudyInfo>) -> Result<()>;
    /// Takes an event, in memory.
    fn take(&mut self, event: &Event);
    /// Writes what was taken and is not in the files yet.
    fn write(&mut self) -> Result<()>;
}

/// What an observer does with an event: the first one starts the writer, which is given all that follow.
pub(super) fn observe<W: Writer>(
    live: &mut Option<Live>,
    event: &Event,
    writer: impl FnOnce() -> W,
) -> Result<(), BoxError> {
    match (event, &mut *live) {
        (Event::Started(study), live) => {
            *live = Some(Live::start(writer(), study)?);
            Ok(())
        }
        (event, Some(live)) => live.tell(event),
        (_, None) => Ok(()),
    }
}

/// A writer in its thread.
pub(super) struct Live {
    events: Option<Sender<Event>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Live {
    /// Opens the writer's files, and starts its thread.
    fn start(mut writer: impl Writer, study: &Arc<StudyInfo>) -> Result<Live> {
        writer.open(study)?;
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("hobbit-writer".to_owned())
            .spawn(move || work(writer, &receiver))
            .map_err(|error| Error::study(format!("could not start a thread: {error}")).with_source(error))?;
        Ok(Live { events: Some(sender), thread: Some(thread) })
    }

    /// Hands an event on. The last one waits until everything is written.
    fn tell(&mut self, event: &Event) -> Result<(), BoxError> {
        let sent = self.events.as_ref().is_some_and(|events| events.send(event.clone()).is_ok());
        if sent && !matches!(event, Event::Ended { .. }) { Ok(()) } else { self.finish() }
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.events = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(written)) => Ok(written?),
            Some(Err(_)) => Err("its thread panicked".into()),
            None => Ok(()),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // whoever drops it early asks for no result
        let _ = self.finish();
    }
}

/// Takes what has come, and writes it together.
fn work(mut writer: impl Writer, events: &Receiver<Event>) -> Result<()> {
    while let Ok(event) = events.recv() {
        writer.take(&event);
        while let Ok(event) = events.try_recv() {
            writer.take(&event);
        }
        writer.write()?;
    }
    Ok(())
}

/// Writes a whole study at once.
pub(super) fn export(mut writer: impl Writer, events: &[Event]) -> Result<()> {
    for event in events {
        match event {
            Event::Started(study) => writer.open(study)?,
            event => writer.take(event),
        }
    }
    writer.write()
}
