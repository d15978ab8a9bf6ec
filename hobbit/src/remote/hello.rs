//! Whether two processes have the same study before them: what the coordinator says of it, and what of that
//! is another here.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::settings::Nats;
use super::wire::{Hello, Member, PROTOCOL, Standing, print, text};
use crate::error::{Error, ExitWith, Result};
use crate::repository::{Shared, StudyRecord, differences, objective_differences};
use crate::work::Terms;

/// What of a program decides on results besides the study: its names and values.
pub(crate) type Build = BTreeMap<String, String>;

const NUMERICS: &str = "what is computed with";

/// This program, which computes with these.
pub(crate) fn build(numerics: &str) -> Build {
    let values = [
        ("the version of hobbit", env!("CARGO_PKG_VERSION").to_owned()),
        ("the executable", executable().unwrap_or_else(|| "unknown".to_owned())),
        (NUMERICS, numerics.to_owned()),
    ];
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The length and the checksum of this program's file. It is to tell builds apart, not to trust one.
#[expect(clippy::disallowed_methods, reason = "it is not a file of a study")]
fn executable() -> Option<String> {
    let mut file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
    // it may be large: not all of it at once
    let (mut buffer, mut bytes, mut checksum) = (vec![0; 256 << 10], 0, crc32fast::Hasher::new());
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                bytes += read;
                checksum.update(buffer.get(..read)?);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(format!("{bytes} bytes, checksum {:08x}", checksum.finalize()))
}

impl Hello {
    pub(crate) fn new(
        from: &Member,
        repository: Option<&Path>,
        (study, numerics): (&StudyRecord, &str),
        terms: &Terms,
    ) -> Hello {
        let repository = repository.map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()));
        Hello {
            protocol: PROTOCOL,
            from: from.clone(),
            repository: repository.map(|dir| dir.display().to_string()).unwrap_or_default(),
            standing: Standing::Open,
            study: study.clone(),
            terms: terms.clone(),
            build: build(numerics),
            beacon: String::new(),
        }
    }

    /// The directory through which checkpoints go, if they do, as this machine sees it.
    ///
    /// # Errors
    /// It does not see it.
    pub(super) fn shared(&self) -> Result<Option<Shared>> {
        if self.beacon.is_empty() {
            return Ok(None);
        }
        let Some(shared) = Shared::find(Path::new(&self.repository), &self.beacon) else {
            let text = format!(
                "checkpoints go through the study's directory, and this machine does not see that of {}: mount it at {} here too, or \
                 have them go through the server (HOBBIT_CHECKPOINTS=server at the coordinator)",
                self.from, self.repository
            );
            return Err(Error::study(text).with_source(ExitWith::new(3)));
        };
        Ok(Some(shared))
    }

    /// A number that is the same for equal studies.
    pub(super) fn print(&self) -> u32 {
        print(&text(&self.study).unwrap_or_default())
    }
}

/// What of this process's study is not that of a coordinator, as an error; nothing if they are the same.
pub(super) fn compare(theirs: &Hello, study: &StudyRecord, build: &Build, nats: &Nats) -> Option<Error> {
    let from = &theirs.from;
    if theirs.protocol != PROTOCOL {
        let text = format!(
            "{from}, which runs the sweep, sends messages of version {}, and this program knows version {PROTOCOL}: run the same \
             program on all machines",
            theirs.protocol
        );
        return Some(Error::study(text).with_source(ExitWith::new(3)));
    }
    let mut found = differences(study, &theirs.study);
    found.extend(objective_differences(study, &theirs.study));
    if !found.is_empty() {
        let text = format!(
            "this worker has a different study from {from}, which runs the sweep: {}. Run the same program with the same settings on all \
             machines; where one server serves several studies, give each a name of its own with HOBBIT_STUDY",
            found.join("; ").replace(" in the repository", " there")
        );
        return Some(Error::study(text).with_source(ExitWith::new(3)));
    }
    let is_allowed = |name: &str| if name == NUMERICS { nats.mixed_hardware } else { nats.other_builds };
    for (name, ours) in build {
        let theirs = theirs.build.get(name).map_or("unknown", String::as_str);
        if ours != theirs && !is_allowed(name) {
            let allowed = if name == NUMERICS { "allow_mixed_hardware" } else { "allow_other_builds" };
            let text = format!(
                "{name} is {ours} here, and {theirs} at {from}, which runs the sweep, so results could differ. Run the same program on \
                 machines of one kind, or allow it with `.{allowed}()`"
            );
            return Some(Error::study(text).with_source(ExitWith::new(3)));
        }
    }
    None
}
