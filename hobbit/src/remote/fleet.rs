//! A sweep's workplace on many machines: this process's threads, if it trains, and the workers elsewhere.

use std::path::Path;
use std::sync::Arc;

use super::driver::Driver;
use super::hall::{Hall, Threads};
use super::link::Link;
use super::names::Names;
use super::settings::{Checkpoints, Nats};
use super::wire::Hello;
use crate::error::{Error, Result};
use crate::repository::{Shared, StudyRecord};
use crate::work::{Desk, Workplace};

/// Workers on other machines, and this process's threads.
pub(crate) struct Fleet {
    link: Arc<Link>,
    names: Names,
    repository: Option<std::path::PathBuf>,
    study: StudyRecord,
    numerics: String,
    local: Option<Box<dyn Workplace>>,
    is_shared: bool,
}

impl Fleet {
    /// Those of a study; `local` are this process's threads, if it trains.
    pub(crate) fn new(
        nats: &Nats,
        link: Arc<Link>,
        repository: Option<&Path>,
        (study, numerics): (StudyRecord, String),
        local: Option<Box<dyn Workplace>>,
    ) -> Fleet {
        let repository = repository.map(Path::to_owned);
        let is_shared = nats.checkpoints == Checkpoints::Shared;
        Fleet { link, names: Names::new(&nats.study), repository, study, numerics, local, is_shared }
    }
}

impl Workplace for Fleet {
    fn width(&self) -> usize {
        self.local.as_ref().map_or(1, |local| local.width())
    }

    fn run(&mut self, desk: Arc<dyn Desk>) -> Result<()> {
        let mut hello = Hello::new(
            &self.link.me,
            self.repository.as_deref(),
            (&self.study, &self.numerics),
            desk.terms(),
        );
        let shared = self.repository.as_deref().map(Shared::of);
        if shared.is_some() && self.is_shared {
            hello.beacon = format!("{} {}", self.link.me, self.link.me.nonce);
        }
        let threads = Arc::new(Threads::default());
        let driver =
            Driver::new(self.link.clone(), self.names.clone(), (hello, shared), &desk, threads.clone());
        let local = &mut self.local;
        let worked = std::thread::scope(|scope| {
            let driven = std::thread::Builder::new()
                .name("hobbit-driver".to_owned())
                .spawn_scoped(scope, || {
                    let driven = driver.run();
                    if let Err(error) = driven {
                        desk.fail(error);
                    }
                })
                .map_err(|error| {
                    Error::study(format!("could not start the thread that drives workers: {error}"))
                        .with_source(error)
                })?;
            let hall = Arc::new(Hall { desk: desk.clone(), threads: threads.clone() });
            let worked = local.as_mut().map_or(Ok(()), |local| local.run(hall));
            threads.end();
            if driven.join().is_err() {
                desk.fail(Error::study("what drives the workers on other machines panicked"));
            }
            worked
        });
        self.link.close();
        worked
    }
}
