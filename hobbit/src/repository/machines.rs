//! The machines of a study: who joined, left and was lost, as the journal tells it, and what they are at.

use std::collections::HashMap;
use std::io::ErrorKind;

use super::live::{Doing, Live};
use super::names;
use super::reader::Reader;
use super::records::{MachineChange, Timestamp};
use crate::error::{Error, Result};

/// A process on another machine that trained for a study.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MachineOverview {
    /// Its number, counted from 1 by the last process that ran the sweep while it was there.
    pub number: u32,
    /// The machine's name.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// The most stages that it trains at once.
    pub slots: u32,
    /// When it joined first.
    pub joined: Timestamp,
    /// When it went, and whether it was lost instead of leaving in order; `None` while it is there.
    pub gone: Option<(Timestamp, bool)>,
    /// The number of stages that it trained.
    pub stages: u64,
    /// What it trained a moment ago, if the study is running.
    pub doing: Vec<Doing>,
}

/// The machines, as the journal is read line by line.
#[derive(Default)]
pub(super) struct Fleet {
    all: Vec<MachineOverview>,
    /// Their places, by name and process.
    places: HashMap<(String, u32), usize>,
    /// Their places, by the numbers that the process gave them that runs the sweep.
    numbers: HashMap<u32, usize>,
    /// The stages of machines that have not joined yet.
    early: HashMap<u32, u64>,
}

impl Fleet {
    /// A process begins to run the sweep: whoever is there joins again.
    pub(super) fn opened(&mut self, time: Timestamp) {
        self.end(time, true);
        self.numbers.clear();
        self.early.clear();
    }

    /// The sweep has ended, for all.
    pub(super) fn closed(&mut self, time: Timestamp) {
        self.end(time, false);
    }

    fn end(&mut self, time: Timestamp, is_lost: bool) {
        for place in self.numbers.values() {
            self.all[*place].gone.get_or_insert((time, is_lost));
        }
    }

    /// A machine joined, left or was lost.
    pub(super) fn changed(
        &mut self,
        time: Timestamp,
        number: u32,
        (host, pid): (String, u32),
        change: MachineChange,
    ) {
        let place = *self.places.entry((host.clone(), pid)).or_insert_with(|| {
            let (gone, stages, doing) = (None, 0, Vec::new());
            self.all.push(MachineOverview { number, host, pid, slots: 0, joined: time, gone, stages, doing });
            self.all.len() - 1
        });
        self.numbers.insert(number, place);
        let machine = &mut self.all[place];
        machine.number = number;
        machine.stages += self.early.remove(&number).unwrap_or(0);
        match change {
            MachineChange::Joined { slots } => (machine.slots, machine.gone) = (slots, None),
            MachineChange::Left => machine.gone = Some((time, false)),
            MachineChange::Lost => machine.gone = Some((time, true)),
        }
    }

    /// A machine has trained a stage.
    pub(super) fn trained(&mut self, number: u32) {
        match self.numbers.get(&number) {
            _ if number == 0 => {}
            Some(place) => self.all[*place].stages += 1,
            None => *self.early.entry(number).or_insert(0) += 1,
        }
    }

    pub(super) fn into_machines(self) -> Vec<MachineOverview> {
        self.all
    }
}

impl Reader {
    /// What `live.ron` says, if it is there.
    ///
    /// # Errors
    /// It does not read.
    pub(super) fn live(&self) -> Result<Option<Live>> {
        let path = self.dir().join(names::LIVE);
        let bytes = match self.storage().read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| Error::io("read", &path, error))?,
        };
        let live = ron::from_str(&String::from_utf8_lossy(&bytes));
        live.map(Some).map_err(|error| Error::repository(format!("{}: {error}", path.display())))
    }

    /// Adds what the machines that are there were at a moment ago, if that is known.
    pub(super) fn look_at_machines(&self, machines: &mut [MachineOverview]) {
        if machines.iter().all(|machine| machine.gone.is_some()) {
            return;
        }
        // one that does not read is told of by `verify`: nothing depends on it
        let Ok(Some(live)) = self.live() else { return };
        let mut doing: HashMap<_, _> =
            live.machines.into_iter().map(|machine| ((machine.host, machine.pid), machine.doing)).collect();
        for machine in machines.iter_mut().filter(|machine| machine.gone.is_none()) {
            machine.doing = doing.remove(&(machine.host.clone(), machine.pid)).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_keep_what_they_did_under_another_number() {
        let name = |pid| ("b".to_owned(), pid);
        let time = Timestamp;
        let joined = MachineChange::Joined { slots: 4 };
        let mut fleet = Fleet::default();
        fleet.opened(time(0.0));
        // its report may be there before it
        fleet.trained(1);
        fleet.trained(0);
        fleet.changed(time(1.0), 1, name(7), joined);
        fleet.changed(time(2.0), 2, name(8), joined);
        fleet.trained(1);
        fleet.changed(time(3.0), 2, name(8), MachineChange::Lost);
        // the process that ran the sweep was killed, and numbers begin again
        fleet.opened(time(4.0));
        fleet.changed(time(5.0), 1, name(8), joined);
        fleet.trained(1);
        let machines = fleet.into_machines();
        let told: Vec<_> = machines.iter().map(|m| (m.pid, m.number, m.stages, m.gone)).collect();
        assert_eq!(told, [(7, 1, 2, Some((time(4.0), true))), (8, 1, 1, None)]);
        assert!(machines.iter().all(|machine| machine.slots == 4));
    }

    #[test]
    fn all_have_left_when_the_sweep_has_ended() {
        let mut fleet = Fleet::default();
        let host = ("b".to_owned(), 7);
        fleet.changed(Timestamp(1.0), 1, host, MachineChange::Joined { slots: 1 });
        fleet.closed(Timestamp(2.0));
        assert_eq!(fleet.into_machines()[0].gone, Some((Timestamp(2.0), false)));
    }
}
