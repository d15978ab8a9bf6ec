//! Networks that are trained as one: whose place at which table that is, and where the state of each is
//! meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::features::Given;
use super::network::{Criterion, Network, Stack, Step};
use crate::error::BoxError;
use crate::objective::Checkpoint;

/// A stack of networks, and whose network is at each of its places.
pub(super) struct Table {
    stack: Box<dyn Stack>,
    /// Those at the places of the stack.
    seats: Vec<u64>,
    /// The states of those that have left.
    left: HashMap<u64, Checkpoint>,
    /// What it was like, as long as that may be wanted again.
    before: Option<(Box<dyn Stack>, Vec<u64>)>,
}

impl Table {
    pub(super) fn stack(&mut self) -> &mut dyn Stack {
        self.stack.as_mut()
    }

    /// Remembers what it is like.
    pub(super) fn mark(&mut self) -> Result<(), BoxError> {
        self.before = Some((self.stack.copy()?, self.seats.clone()));
        Ok(())
    }

    /// What was remembered is not wanted any more.
    pub(super) fn unmark(&mut self) {
        self.before = None;
    }

    /// Makes it what was remembered.
    pub(super) fn rewind(&mut self) {
        if let Some((stack, seats)) = self.before.take() {
            // those that had left before it was remembered still have
            (self.stack, self.seats) = (stack, seats);
        }
    }

    /// Takes out all networks but those at these places, which are in order.
    pub(super) fn keep(&mut self, places: &[usize]) -> Result<(), BoxError> {
        if places.len() == self.seats.len() {
            return Ok(());
        }
        for (place, &seat) in self.seats.iter().enumerate() {
            if places.binary_search(&place).is_err() {
                self.left.insert(seat, self.stack.state(place)?);
            }
        }
        if !places.is_empty() {
            self.stack.keep(places)?;
        }
        self.seats = places.iter().map(|&place| self.seats[place]).collect();
        Ok(())
    }

    fn state(&mut self, seat: u64) -> Result<Checkpoint, BoxError> {
        match self.seats.iter().position(|&other| other == seat) {
            Some(place) => self.stack.state(place),
            None => self.left.get(&seat).cloned().ok_or_else(|| "a network is not at its table".into()),
        }
    }
}

/// A place at a table.
struct Seat {
    table: Arc<Mutex<Table>>,
    number: u64,
}

impl Seat {
    fn state(&self) -> Result<Checkpoint, BoxError> {
        lock(&self.table)?.state(self.number)
    }
}

/// Whoever panicked has left the stack in a state that nobody knows.
pub(super) fn lock(table: &Mutex<Table>) -> Result<MutexGuard<'_, Table>, BoxError> {
    table.lock().map_err(|_| "a thread panicked while it trained a group".into())
}

/// A network, which may be one of several that are trained as one. As long as nobody else wants it, its state
/// stays there.
pub(super) struct Seated {
    own: Box<dyn Network>,
    /// Where its state is, if not in the network itself.
    seat: Option<Seat>,
}

impl Seated {
    /// A network by itself.
    pub(super) fn alone(own: Box<dyn Network>) -> Seated {
        Seated { own, seat: None }
    }

    /// Puts these networks at a table, in their order.
    pub(super) fn together(stack: Box<dyn Stack>, networks: Vec<&mut Seated>) -> Arc<Mutex<Table>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let numbers: Vec<u64> = networks.iter().map(|_| NEXT.fetch_add(1, Ordering::Relaxed)).collect();
        let table = Table { stack, seats: numbers.clone(), left: HashMap::new(), before: None };
        let table = Arc::new(Mutex::new(table));
        for (network, number) in networks.into_iter().zip(numbers) {
            network.seat = Some(Seat { table: Arc::clone(&table), number });
        }
        table
    }

    /// The table at which all of these are and the places they have there, if they are in order.
    pub(super) fn table(networks: &[&mut Seated]) -> Option<(Arc<Mutex<Table>>, Vec<usize>)> {
        let seats: Vec<&Seat> =
            networks.iter().map(|network| network.seat.as_ref()).collect::<Option<_>>()?;
        let table = &seats.first()?.table;
        if seats.iter().any(|seat| !Arc::ptr_eq(&seat.table, table)) {
            return None;
        }
        let known = lock(table).ok()?;
        let place = |seat: &Seat| known.seats.iter().position(|&number| number == seat.number);
        let places: Vec<usize> = seats.iter().map(|seat| place(seat)).collect::<Option<_>>()?;
        drop(known);
        places.is_sorted().then(|| (Arc::clone(table), places))
    }

    /// Frees what the network itself has on its device, after its state was saved to be stacked.
    pub(super) fn make_room(&mut self) -> Result<(), BoxError> {
        if self.seat.is_none() { self.own.pause() } else { Ok(()) }
    }

    /// The network with its state.
    fn at_home(&mut self) -> Result<&mut dyn Network, BoxError> {
        if let Some(seat) = &self.seat {
            self.own.load(&seat.state()?)?;
            self.seat = None;
        }
        Ok(self.own.as_mut())
    }
}

impl Network for Seated {
    fn gathers(&self) -> bool {
        self.own.gathers()
    }

    fn train(
        &mut self,
        inputs: Given<'_>,
        samples: usize,
        step: &Step,
        criterion: &mut Criterion<'_>,
    ) -> Result<(), BoxError> {
        self.at_home()?.train(inputs, samples, step, criterion)
    }

    fn outputs(&mut self, inputs: Given<'_>, samples: usize, to: &mut Vec<f32>) -> Result<(), BoxError> {
        self.at_home()?.outputs(inputs, samples, to)
    }

    fn save(&self, checkpoint: &mut Checkpoint) -> Result<(), BoxError> {
        let Some(seat) = &self.seat else { return self.own.save(checkpoint) };
        let state = seat.state()?;
        checkpoint.arrays.extend(state.arrays);
        checkpoint.metadata.extend(state.metadata);
        Ok(())
    }

    fn load(&mut self, checkpoint: &Checkpoint) -> Result<(), BoxError> {
        self.own.load(checkpoint)?;
        self.seat = None;
        Ok(())
    }

    fn pause(&mut self) -> Result<(), BoxError> {
        self.at_home()?.pause()
    }
}
