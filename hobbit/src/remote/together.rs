//! All machines of a sweep in one process, for tests: each a thread with a connection of its own.

use std::fmt;
use std::sync::Arc;

use super::fleet::Fleet;
use super::link::Link;
use super::serve::Station;
use super::settings::Nats;
use crate::error::Result;
use crate::repository::{FORMAT, ScoreBy, StudyRecord, Ties};
use crate::schedule::Algorithm;
use crate::space::Space;
use crate::trial::Direction;
use crate::work::{Desk, Workplace};

/// Machines of one process, which work together by way of a server.
pub struct Together {
    nats: Nats,
    pools: Vec<Box<dyn Workplace>>,
}

impl Together {
    /// Machines with these threads. The server must serve no other study of the same name.
    pub fn new(nats: Nats, pools: Vec<Box<dyn Workplace>>) -> Together {
        Together { nats, pools }
    }
}

impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Together").field("nats", &self.nats).finish_non_exhaustive()
    }
}

/// Some study, the same for all.
fn study() -> StudyRecord {
    StudyRecord {
        format: FORMAT,
        hobbit: String::new(),
        algorithm: Algorithm::Random { trials: 1, epochs: 1 },
        lookahead: None,
        sampler: None,
        warm_start: Vec::new(),
        promotion: None,
        seed: 0,
        monitor: String::new(),
        direction: Direction::Minimize,
        score: ScoreBy::Best,
        ties: Ties::ByLoss,
        retries: 0,
        objective: Default::default(),
        enqueued: Vec::new(),
        space: Space::new("any", Vec::new()),
    }
}

impl Workplace for Together {
    fn width(&self) -> usize {
        self.pools.iter().map(|pool| pool.width()).sum()
    }

    fn run(&mut self, desk: Arc<dyn Desk>) -> Result<()> {
        let (nats, study) = (&self.nats, study());
        let connect = || Link::connect(nats, &|_| ()).map(Arc::new);
        let mut fleet = Fleet::new(nats, connect()?, None, (study.clone(), String::new()), None);
        std::thread::scope(|scope| {
            for pool in self.pools.drain(..) {
                let (study, desk) = (&study, desk.clone());
                scope.spawn(move || {
                    let served = connect().and_then(|link| {
                        let station =
                            Station { nats, study, numerics: "", slots: pool.width(), tell: &|_| () };
                        let served = station.serve(&link, pool, |_| ());
                        link.close();
                        served
                    });
                    if let Err(error) = served {
                        desk.fail(error);
                    }
                });
            }
            fleet.run(desk)
        })
    }
}
