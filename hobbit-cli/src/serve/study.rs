//! One study that is shown: what is known of it, read again when its files have changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use hobbit::report::Report;
use hobbit::repository::Reader;
use tokio::sync::watch;

/// A page that takes a time to make is made again only after so many times that time: the study needs the
/// processor more.
const REST: u32 = 1;

/// A study, by its directory.
pub(super) struct Study {
    /// Its name in addresses.
    pub(super) name: String,
    pub(super) dir: PathBuf,
    known: Mutex<Option<Known>>,
    /// Held by who makes the page; those who ask at the same time wait for that one.
    making: Mutex<()>,
    /// Whether its process was alive when that was looked at.
    lives: AtomicBool,
    /// What files look like; those who follow the study wait for another version.
    version: watch::Sender<String>,
}

/// What was read.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) version: String,
    pub(super) report: Arc<Report>,
    page: Option<Bytes>,
    /// When it was made, and how long that took.
    made: Instant,
    took: Duration,
}

impl Study {
    pub(super) fn new(name: String, dir: PathBuf) -> Study {
        let version = watch::Sender::default();
        Study {
            name,
            dir,
            known: Mutex::new(None),
            making: Mutex::new(()),
            lives: AtomicBool::new(true),
            version,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known, read again if the files have changed; those who ask at the same time wait for one
    /// reading.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub(super) fn known(&self) -> Result<Known, String> {
        let mut known = self.lock();
        let began = Instant::now();
        let version = self.stamp();
        if let Some(known) = known.as_ref().filter(|known| known.version == version) {
            return Ok(known.clone());
        }
        let reader = Reader::open(&self.dir).map_err(|error| error.to_string())?;
        let report = match known.as_ref() {
            Some(before) => before.report.renewed(&reader),
            None => Report::read(&reader),
        };
        let report = Arc::new(report.map_err(|error| error.to_string())?);
        let made = Instant::now();
        let new = Known { version, report, page: None, made, took: made - began };
        *known = Some(new.clone());
        Ok(new)
    }

    /// Its page.
    pub(super) fn page(&self) -> Result<Bytes, String> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known()?;
        if let Some(page) = known.page {
            return Ok(page);
        }
        let began = Instant::now();
        let page: Bytes = known.report.served(&self.name, &known.version).into();
        if let Some(kept) = self.lock().as_mut().filter(|kept| kept.version == known.version) {
            kept.page = Some(page.clone());
            kept.made = Instant::now();
            kept.took += began.elapsed();
        }
        Ok(page)
    }

    /// What it is made of at the moment.
    pub(super) fn stamp(&self) -> String {
        version(&self.dir, self.lives.load(Ordering::Relaxed))
    }

    /// Tells of a change, if somebody waits for it and the last page was not made just now. Whether its
    /// process still lives is looked at if `thoroughly`.
    pub(super) fn look(&self, thoroughly: bool) {
        if self.version.receiver_count() == 0 {
            return;
        }
        // a reading that is under way will be told of the next time
        let rests = match self.known.try_lock() {
            Ok(known) => known.as_ref().is_some_and(|known| known.made.elapsed() < REST * known.took),
            Err(_) => true,
        };
        if !rests {
            if thoroughly {
                self.lives.store(self.is_alive(), Ordering::Relaxed);
            }
            let version = self.stamp();
            self.version.send_if_modified(|known| std::mem::replace(known, version.clone()) != version);
        }
    }

    /// Whether the process that had it last may still be at work.
    fn is_alive(&self) -> bool {
        let report = self.lock().as_ref().map(|known| Arc::clone(&known.report));
        let last = report.as_ref().and_then(|report| report.overview().processes.last());
        last.is_none_or(|process| process.is_running() != Some(false))
    }

    /// Tells of versions from now on, the present one first.
    pub(super) fn follow(&self) -> watch::Receiver<String> {
        self.version.send_replace(self.stamp());
        let mut receiver = self.version.subscribe();
        receiver.mark_changed();
        receiver
    }
}

/// What the files look like from outside: another text once something was written, or its process died.
fn version(dir: &Path, lives: bool) -> String {
    let mut hasher = DefaultHasher::new();
    lives.hash(&mut hasher);
    for name in ["study.ron", "journal.ron", "results.ron", "lock"] {
        let found = std::fs::metadata(dir.join(name)).ok();
        found.map(|found| (found.len(), found.modified().ok())).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
