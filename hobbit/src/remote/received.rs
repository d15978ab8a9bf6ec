//! Messages that have come: whoever sent them, and whatever has become of them on the way, they are read, or
//! refused with what is wrong with them.

use async_nats::HeaderMap;

use super::unpack::Note;
use super::wire::{self, OrderNote, ReportNote, Said};
use crate::repository::{SavedModel, SavedState};
use crate::trial::TrialId;
use crate::work::Order;

impl OrderNote {
    /// An order, and the bytes of its checkpoint behind it.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(super) fn read<'a>(
        headers: Option<&HeaderMap>,
        content: &'a [u8],
    ) -> Result<(OrderNote, &'a [u8]), String> {
        let (note, checkpoint) = wire::decode::<OrderNote>(headers, content)?;
        note.check(None)?;
        Ok((note, checkpoint))
    }
}

impl Note for OrderNote {
    fn trial(&self) -> TrialId {
        self.order.trial()
    }

    fn check(&self, _: Option<&SavedState>) -> Result<(), String> {
        match order_fault(&self.order) {
            None => Ok(()),
            Some(why) => Err(format!("the order of trial {} cannot be: {why}", self.order.trial())),
        }
    }
}

impl Note for ReportNote {
    fn trial(&self) -> TrialId {
        self.assignment.trial
    }

    fn check(&self, state: Option<&SavedState>) -> Result<(), String> {
        self.fault(state).map_or(Ok(()), |why| Err(why.to_owned()))
    }
}

/// What of an order no coordinator can have given.
fn order_fault(order: &Order) -> Option<&'static str> {
    let (assignment, stages) = (&order.assignment, &order.stages);
    let earlier = order.unusual.as_ref().map_or(&[][..], |unusual| &unusual.earlier);
    if assignment.from >= assignment.to {
        return Some("its stage has no epochs");
    }
    if assignment.stage as usize >= stages.len() {
        return Some("its bracket does not have that stage");
    }
    if !stages.is_sorted() || !earlier.is_sorted() || stages.last().is_some_and(|end| *end < assignment.to) {
        return Some("its stages do not follow one another");
    }
    None
}

impl ReportNote {
    /// A report, and the trial's state behind it.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(super) fn read(
        headers: Option<&HeaderMap>,
        content: &[u8],
    ) -> Result<(ReportNote, Option<Box<SavedModel>>), String> {
        let (note, behind) = wire::decode::<ReportNote>(headers, content)?;
        let model = match behind.is_empty() {
            true => None,
            false => Some(Box::new(SavedModel::from_bytes(behind)?)),
        };
        note.check(model.as_ref().map(|model| &model.state))?;
        Ok((note, model))
    }

    /// What of a report no worker can have said.
    fn fault(&self, state: Option<&SavedState>) -> Option<&'static str> {
        let trial = self.assignment.trial;
        let stage = (trial, self.assignment.stage);
        if state.is_some_and(|state| state.trial != trial) {
            return Some("the state in it is another trial's");
        }
        let begun = self.beginning.as_ref().map(|beginning| beginning.assignment);
        if begun.is_some_and(|begun| (begun.trial, begun.stage) != stage) {
            return Some("it was begun as another stage than it is of");
        }
        let (Said::Outcome { record, .. } | Said::GivenUp(record)) = &self.said else { return None };
        if (record.trial, record.stage) != stage {
            return Some("its outcome is another stage's");
        }
        if matches!(self.said, Said::GivenUp(_)) && record.end.status().is_none() {
            return Some("it was given up, and has not failed");
        }
        record.fault()
    }
}

/// Reads a message of any kind, as whoever hears it does: for tests with damaged and hostile ones.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn read_any(headers: &[(&str, &str)], payload: &[u8]) {
    let mut map = HeaderMap::new();
    headers.iter().for_each(|(name, value)| map.insert(*name, *value));
    let headers = Some(&map);
    let _ = OrderNote::read(headers, payload).map(|(note, _)| (note.order.epochs(), note.order.stage_at(0)));
    let _ = ReportNote::read(headers, payload);
    let _ = wire::decode::<wire::Here>(headers, payload);
    let _ = wire::decode::<wire::Lead>(headers, payload);
    let _ = wire::parse::<wire::Hello>(payload).map(|hello| hello.print());
    let _ = super::blobs::size(headers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Checkpoint, History};
    use crate::repository::{End, SavedState, StageRecord, Timestamp, WEIGHTS_FORMAT};
    use crate::schedule::Assignment;
    use crate::trial::TrialId;
    use crate::work::{Beginning, Configuration, Unusual};

    const TRIAL: TrialId = TrialId::new(1, 3);
    const STAGE: Assignment = Assignment { trial: TRIAL, stage: 1, from: 1, to: 4 };

    fn order() -> Order {
        Order {
            assignment: STAGE,
            ordinal: 2,
            key: crate::random::Key::new(3),
            configuration: Configuration::Drawn,
            stages: [1, 4].into(),
            score: None,
            attempt: 0,
            limit: None,
            checkpoint: None,
            unusual: None,
        }
    }

    fn refused(order: Order, why: &str) {
        let (headers, bytes) = wire::encode(&OrderNote { study: 7, order }, b"state").unwrap();
        let error = OrderNote::read(Some(&headers), &bytes).unwrap_err();
        assert!(error.contains(why) && error.contains("trial 1-3"), "{error}");
    }

    #[test]
    fn orders_that_nobody_can_have_given_are_refused() {
        let (headers, bytes) = wire::encode(&OrderNote { study: 7, order: order() }, b"state").unwrap();
        let (note, behind) = OrderNote::read(Some(&headers), &bytes).unwrap();
        assert_eq!((note.order, behind), (order(), &b"state"[..]));
        let with = |assignment: Assignment| Order { assignment, ..order() };
        refused(with(Assignment { to: 0, ..STAGE }), "no epochs");
        refused(with(Assignment { stage: 2, ..STAGE }), "not have that stage");
        refused(with(Assignment { to: u64::MAX, ..STAGE }), "do not follow");
        refused(Order { stages: [4, 1].into(), ..order() }, "do not follow");
        let unusual = Unusual { earlier: [(4, 4), (1, 1)].into(), ..Unusual::default() };
        refused(Order { unusual: Some(Box::new(unusual)), ..order() }, "do not follow");
    }

    fn record(end: End) -> StageRecord {
        StageRecord {
            time: Timestamp(1.0),
            trial: TRIAL,
            stage: 1,
            from: 1,
            to: 4,
            end,
            score: None,
            attempt: 0,
            worker: 0,
            machine: 0,
            seconds: 1.0,
            history: History::default(),
        }
    }

    fn report(said: Said) -> ReportNote {
        let from = wire::Member { host: "a".to_owned(), pid: 7, nonce: 1 };
        ReportNote { study: 7, from, assignment: STAGE, beginning: None, said, notes: Vec::new() }
    }

    fn read(note: &ReportNote, behind: &[u8]) -> Result<(ReportNote, Option<Box<SavedModel>>), String> {
        let (headers, bytes) = wire::encode(note, behind).unwrap();
        ReportNote::read(Some(&headers), &bytes)
    }

    #[test]
    fn reports_that_nobody_can_have_sent_are_refused() {
        let failed = || record(End::Failed { epoch: 2, reason: "bad luck".to_owned() });
        assert!(read(&report(Said::GivenUp(failed().into())), &[]).is_ok());
        let beyond = || record(End::Failed { epoch: 9, reason: String::new() });
        let outcome = |record: StageRecord| Said::Outcome {
            record: record.into(),
            unfinished: false,
            failed_now: false,
        };
        for (said, why) in [
            (Said::GivenUp(beyond().into()), "does not have"),
            (outcome(beyond()), "does not have"),
            (Said::GivenUp(record(End::Trained).into()), "has not failed"),
            (outcome(StageRecord { stage: 0, ..failed() }), "another stage's"),
        ] {
            let error = read(&report(said), &[]).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let assignment = Assignment { stage: 0, ..STAGE };
        let beginning = Beginning { assignment, hparams: Vec::new(), model: Default::default(), point: None };
        let note = ReportNote { beginning: Some(beginning), ..report(Said::Back) };
        assert!(read(&note, &[]).unwrap_err().contains("another stage"));
        assert!(read(&report(Said::Saved), b"no state").is_err());
    }

    #[test]
    fn a_state_of_another_trial_is_refused() {
        let state = |trial| SavedState {
            format: WEIGHTS_FORMAT,
            trial,
            attempt: 0,
            epoch: 2,
            score: None,
            from: 1,
            history: History::default(),
            stopped: false,
        };
        let bytes = |trial| {
            let model = SavedModel { state: state(trial), best: Checkpoint::new(), last: None };
            model.to_bytes().unwrap()
        };
        assert!(read(&report(Said::Saved), &bytes(TRIAL)).is_ok());
        let error = read(&report(Said::Saved), &bytes(TrialId::new(1, 4))).unwrap_err();
        assert!(error.contains("another trial's"), "{error}");
    }
}
