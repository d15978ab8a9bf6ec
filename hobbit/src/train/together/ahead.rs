//! Steps that are queued on a device which works by itself. The host looks at the outputs of steps that are
//! over while the device works on others.

use std::collections::VecDeque;

use super::{Deck, Lane};
use crate::error::BoxError;
use crate::objective::{Member, Objective};
use crate::train::data::Batch;
use crate::train::features::Given;
use crate::train::loss::Loss;
use crate::train::model::Model;
use crate::train::network::{Aims, Step};
use crate::train::seat;

/// The most steps that are queued before their outputs are fetched.
const STEPS: usize = 32;

/// The most numbers that outputs on the device may be.
const NUMBERS: usize = 1 << 23;

/// What was queued, and what has come of it.
pub(super) struct Ahead {
    /// The most steps that are queued before their outputs are fetched.
    most: usize,
    /// The batches of steps that are queued.
    queued: Vec<Vec<Batch>>,
    /// Steps that nobody has looked at.
    over: VecDeque<Over>,
    /// Which models have had none but losses to go on with.
    goes_on: Vec<bool>,
    scratch: Vec<f32>,
}

/// A step that is over.
struct Over {
    /// Whose batches they are.
    places: Vec<usize>,
    batches: Vec<Batch>,
    outputs: Vec<f32>,
}

impl Ahead {
    /// Looks at the outputs of the oldest step that is over; returns whether there is one.
    fn look<O: Objective<Model = Model>>(
        &mut self,
        members: &mut [Member<'_, O>],
        lanes: &mut [Lane<'_>],
    ) -> bool {
        let Ahead { over, goes_on, scratch, .. } = self;
        let Some(Over { places, batches, outputs }) = over.pop_front() else { return false };
        let outputs = outputs.chunks_exact(outputs.len() / places.len());
        for ((who, batch), outputs) in places.into_iter().zip(batches).zip(outputs) {
            if std::mem::take(&mut goes_on[who]) {
                members[who].attempt(|member| {
                    let description = &member.model.description;
                    goes_on[who] = lanes[who].tally.take(description, outputs, &batch, scratch)?;
                    Ok(())
                });
            }
        }
        true
    }
}

impl Deck {
    /// How steps are queued; none if each is waited for.
    pub(super) fn ahead<O: Objective<Model = Model>>(
        &self,
        members: &[Member<'_, O>],
    ) -> Result<Option<Ahead>, BoxError> {
        let mut models = self.places.iter().map(|&who| &*members[who].model);
        let Some(Model { description, plan, .. }) = models.next() else { return Ok(None) };
        let same = models.all(|other| other.description.loss == description.loss);
        if !same || matches!(description.loss, Loss::Custom(_)) || !seat::lock(&self.table)?.stack().queues()
        {
            return Ok(None);
        }
        let numbers = self.places.len() * description.batch_size.unwrap_or(32) * plan.widths().1;
        Ok(Some(Ahead {
            most: (NUMBERS / numbers).clamp(1, STEPS),
            queued: Vec::new(),
            over: VecDeque::new(),
            goes_on: vec![true; members.len()],
            scratch: Vec::new(),
        }))
    }

    /// Queues a step, and looks at an earlier one meanwhile.
    pub(super) fn queue<O: Objective<Model = Model>>(
        &mut self,
        ahead: &mut Ahead,
        members: &mut [Member<'_, O>],
        lanes: &mut [Lane<'_>],
        (batches, samples, steps): (Vec<Batch>, usize, &[Step]),
    ) -> Result<(), BoxError> {
        let aims = self.aims(members, &batches);
        let given: Vec<Given<'_>> = batches.iter().map(Batch::given).collect();
        seat::lock(&self.table)?.stack().queue(&given, samples, steps, aims)?;
        ahead.queued.push(batches);
        ahead.look(members, lanes);
        if ahead.queued.len() >= ahead.most { self.fetch(ahead) } else { Ok(()) }
    }

    /// Waits for everything that was queued, and looks at all of it.
    pub(super) fn settle<O: Objective<Model = Model>>(
        &mut self,
        ahead: &mut Ahead,
        members: &mut [Member<'_, O>],
        lanes: &mut [Lane<'_>],
    ) -> Result<(), BoxError> {
        self.fetch(ahead)?;
        while ahead.look(members, lanes) {}
        self.keep(|who| ahead.goes_on[who])
    }

    /// Fetches the outputs of what was queued. Models whose loss was none to go on with leave; what the
    /// device has made of them since is of no use to anybody.
    fn fetch(&mut self, ahead: &mut Ahead) -> Result<(), BoxError> {
        let outputs = seat::lock(&self.table)?.stack().queued()?;
        for (batches, outputs) in ahead.queued.drain(..).zip(outputs) {
            ahead.over.push_back(Over { places: self.places.clone(), batches, outputs });
        }
        self.keep(|who| ahead.goes_on[who])
    }

    /// What the outputs of these batches are trained towards.
    fn aims<O: Objective<Model = Model>>(&self, members: &[Member<'_, O>], batches: &[Batch]) -> Aims {
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        let mut loss = Loss::CrossEntropy;
        for (&who, batch) in self.places.iter().zip(batches) {
            let Model { description, plan, .. } = &*members[who].model;
            let smoothing = description.label_smoothing as f32;
            loss = description.loss;
            loss.aim(batch, plan.widths().1, smoothing, &mut targets, &mut weights);
        }
        Aims { loss, targets, weights }
    }
}
