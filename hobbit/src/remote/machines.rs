//! Who takes part in a sweep: the processes that said so, their numbers, and when they were heard last.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::names::LOST;
use super::wire::{Here, Member};
use crate::repository::{self, Doing, MachineChange};

/// A worker process.
#[derive(Debug)]
struct Machine {
    number: u32,
    slots: u32,
    heard: Instant,
    is_here: bool,
    doing: Vec<Doing>,
}

/// What has become of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It has this many slots.
    Joined(u32),
    Left,
    /// Nothing was heard of it for this long.
    Lost(Duration),
}

impl From<&Change> for MachineChange {
    fn from(change: &Change) -> MachineChange {
        match change {
            Change::Joined(slots) => MachineChange::Joined { slots: *slots },
            Change::Left => MachineChange::Left,
            Change::Lost(_) => MachineChange::Lost,
        }
    }
}

/// All worker processes of a sweep.
#[derive(Debug, Default)]
pub(super) struct Machines(HashMap<Member, Machine>);

impl Machines {
    /// The number of a machine, counted from 1: 0 is the coordinator's.
    pub(super) fn number(&mut self, member: &Member) -> u32 {
        self.of(member).number
    }

    fn of(&mut self, member: &Member) -> &mut Machine {
        let number = self.0.len() as u32 + 1;
        let new = || Machine { number, slots: 0, heard: Instant::now(), is_here: false, doing: Vec::new() };
        self.0.entry(member.clone()).or_insert_with(new)
    }

    /// A machine was heard. Returns what has become of it, if anything has.
    pub(super) fn hear(&mut self, here: &Here) -> Option<Change> {
        let machine = self.of(&here.from);
        let was_here = std::mem::replace(&mut machine.is_here, !here.leaves);
        (machine.heard, machine.slots) = (Instant::now(), here.slots);
        machine.doing.clone_from(&here.doing);
        machine.doing.sort_unstable();
        match (was_here, machine.is_here) {
            (false, true) => Some(Change::Joined(here.slots)),
            (true, false) => Some(Change::Left),
            _ => None,
        }
    }

    /// The machines that were not heard for too long.
    pub(super) fn lost(&mut self) -> Vec<(Member, Change)> {
        let silent =
            self.0.iter_mut().filter(|(_, machine)| machine.is_here && machine.heard.elapsed() > LOST);
        let mut lost: Vec<_> = silent
            .map(|(member, machine)| {
                machine.is_here = false;
                (member.clone(), Change::Lost(machine.heard.elapsed()))
            })
            .collect();
        lost.sort_by(|(a, _), (b, _)| a.cmp(b));
        lost
    }

    /// What is known of a machine.
    pub(super) fn known(&mut self, member: &Member) -> repository::Machine {
        let machine = self.of(member);
        let (number, slots, doing) = (machine.number, machine.slots, machine.doing.clone());
        repository::Machine { number, host: member.host.clone(), pid: member.pid, slots, doing }
    }

    /// Those who are here, in the order of their numbers.
    pub(super) fn here(&mut self) -> Vec<repository::Machine> {
        let here: Vec<Member> =
            self.0.iter().filter(|(_, machine)| machine.is_here).map(|(member, _)| member.clone()).collect();
        let mut here: Vec<_> = here.iter().map(|member| self.known(member)).collect();
        here.sort_unstable_by_key(|machine| machine.number);
        here
    }

    /// Whether any was ever here.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many stages are trained at once by those who are here.
    pub(super) fn slots(&self) -> usize {
        self.0.values().filter(|machine| machine.is_here).map(|machine| machine.slots as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_join_and_leave_and_keep_their_numbers() {
        let member = |pid| Member { host: "a".to_owned(), pid, nonce: 1 };
        let here =
            |pid, leaves| Here { from: member(pid), slots: 4, doing: Vec::new(), leaves, refused: None };
        let mut machines = Machines::default();
        assert_eq!(machines.hear(&here(7, false)), Some(Change::Joined(4)));
        assert_eq!(machines.hear(&here(7, false)), None);
        assert_eq!(machines.hear(&here(8, false)), Some(Change::Joined(4)));
        assert_eq!((machines.slots(), machines.number(&member(7)), machines.number(&member(8))), (8, 1, 2));
        assert_eq!(machines.hear(&here(7, true)), Some(Change::Left));
        assert_eq!((machines.slots(), machines.number(&member(9)), machines.number(&member(7))), (4, 3, 1));
        assert!(machines.lost().is_empty());
        let at: Vec<_> = machines.here().iter().map(|machine| (machine.number, machine.pid)).collect();
        assert_eq!(at, [(2, 8)], "those who are here");
    }
}
