//! The studies that are shown: found in the directories that were given, and looked for again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::study::Study;
use crate::failure::Failure;
use crate::found::{is_study, studies_in, unread};
use crate::output;

/// How often the files of studies are looked at that somebody follows; and how often new studies are looked
/// for, and whether processes still live.
const LOOK: Duration = Duration::from_millis(200);
const SEARCH: Duration = Duration::from_secs(2);

/// All studies.
pub(super) struct Shelf {
    dirs: Vec<PathBuf>,
    studies: Mutex<BTreeMap<String, Arc<Study>>>,
    /// Those who look at the list of studies wait for another version.
    version: watch::Sender<String>,
}

impl Shelf {
    /// # Errors
    /// A directory that is not there, or cannot be read.
    pub(super) fn new(dirs: &[PathBuf]) -> Result<Shelf, Failure> {
        for dir in dirs {
            studies_in(dir).map_err(|error| unread(dir, &error))?;
        }
        let shelf =
            Shelf { dirs: dirs.to_owned(), studies: Mutex::default(), version: watch::Sender::default() };
        shelf.search();
        Ok(shelf)
    }

    /// What is served, in words.
    pub(super) fn words(&self) -> String {
        match self.all().as_slice() {
            [study] => output::shown_path(&study.dir),
            [] => "no study yet".to_owned(),
            [_, _, ..] => format!("{} studies", self.all().len()),
        }
    }

    /// All studies in the order of their names.
    pub(super) fn all(&self) -> Vec<Arc<Study>> {
        let studies = self.studies.lock().unwrap_or_else(PoisonError::into_inner);
        studies.values().cloned().collect()
    }

    /// The study of a name in addresses.
    pub(super) fn study(&self, name: &str) -> Option<Arc<Study>> {
        let studies = self.studies.lock().unwrap_or_else(PoisonError::into_inner);
        studies.get(name).cloned()
    }

    /// Whether there is a single study, and can be no other: its page is the first one then.
    pub(super) fn only(&self) -> Option<Arc<Study>> {
        match self.dirs.as_slice() {
            [dir] if is_study(dir) => self.all().into_iter().next(),
            _ => None,
        }
    }

    /// Looks for studies, and forgets those that are gone.
    pub(super) fn search(&self) {
        let found: BTreeMap<String, PathBuf> =
            named(self.dirs.iter().flat_map(|dir| studies_in(dir).unwrap_or_default()));
        let mut studies = self.studies.lock().unwrap_or_else(PoisonError::into_inner);
        studies.retain(|name, study| found.get(name) == Some(&study.dir));
        for (name, dir) in found {
            let study = || Arc::new(Study::new(name.clone(), dir));
            studies.entry(name.clone()).or_insert_with(study);
        }
    }

    /// What the list of studies is made of.
    pub(super) fn version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        for study in self.all() {
            (&study.name, study.stamp()).hash(&mut hasher);
        }
        format!("{:016x}", hasher.finish())
    }

    /// Tells of versions of the list from now on, the present one first.
    pub(super) fn follow(&self) -> watch::Receiver<String> {
        self.version.send_replace(self.version());
        let mut receiver = self.version.subscribe();
        receiver.mark_changed();
        receiver
    }
}

/// Looks at what somebody follows, for ever.
pub(super) async fn follow(shelf: Arc<Shelf>) {
    let mut searched = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        let search = searched.elapsed() >= SEARCH;
        let shelf = Arc::clone(&shelf);
        // a slow disk must not keep anybody waiting for an answer
        let looked = tokio::task::spawn_blocking(move || {
            if search {
                shelf.search();
            }
            shelf.all().iter().for_each(|study| study.look(search));
            if search && shelf.version.receiver_count() > 0 {
                let version = shelf.version();
                shelf.version.send_if_modified(|known| std::mem::replace(known, version.clone()) != version);
            }
        });
        let _ = looked.await;
        if search {
            searched = Instant::now();
        }
    }
}

/// Names for addresses: of plain characters, and none twice.
fn named(dirs: impl Iterator<Item = PathBuf>) -> BTreeMap<String, PathBuf> {
    let mut named = BTreeMap::new();
    for dir in dirs {
        let whole = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        let name = whole.file_name().map_or_else(|| "study".into(), |name| name.to_string_lossy());
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
        let name: String = name.chars().take(60).map(plain).collect();
        let mut free = name.clone();
        let mut number = 2;
        while named.contains_key(&free) {
            free = format!("{name}-{number}");
            number += 1;
        }
        named.insert(free, dir);
    }
    named
}
