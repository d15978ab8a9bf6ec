//! Reports that have come to the coordinator: which of them count, and when they are acknowledged.

use std::sync::Arc;
use std::time::Instant;

use async_nats::HeaderMap;

use super::announce::{announce, epochs};
use super::blobs;
use super::driver::{Driver, Out, Ticket};
use super::listen::{Content, Letter};
use super::names::Stage;
use super::server::Server;
use super::wire::{self, Member, ReportNote, Said};
use crate::repository::{End, Kept, SharedFile, StageRecord};
use crate::work::{Beginning, Delivery, Report, WorkerId};

impl Driver<'_> {
    /// A report has come.
    pub(super) fn report(&mut self, letter: Letter) {
        let Letter { content, headers, acker, mut file, .. } = letter;
        self.unread = self.unread.saturating_sub(1);
        let decoded = decode(content, headers.as_ref());
        let number = match decoded {
            Ok(Some((note, saved))) if note.study == self.study => self.reported(note, saved, &mut file),
            // it came before, or is of a study that was here before
            Ok(_) => None,
            Err(Unread { of, why }) => {
                // its order is published again when it is missed
                if of.is_none_or(|stage| !self.counted.contains_key(&stage)) {
                    let what =
                        of.map_or("a report".to_owned(), |(trial, _)| format!("a report of trial {trial}"));
                    self.desk.note(format!(
                        "{what} could not be read ({why}); its stage is trained again, unless it is done"
                    ));
                }
                None
            }
        };
        self.tickets.push_back(Ticket { number: number.unwrap_or(0), acker, headers, file });
    }

    /// Returns the number that has to be durable before the report is acknowledged, if one has. The file of
    /// its checkpoint is taken away where it is the desk's from now on.
    fn reported(
        &mut self,
        note: ReportNote,
        mut saved: Option<Kept>,
        file: &mut Option<SharedFile>,
    ) -> Option<u64> {
        let ReportNote { from, assignment, beginning, said, notes, .. } = note;
        let stage = (assignment.trial, assignment.stage);
        for note in notes {
            self.desk.note(format!("{from}: {note}"));
        }
        let is_outcome = matches!(said, Said::Outcome { unfinished: false, .. } | Said::GivenUp(_));
        if let (Some(Kept::File(saved)), false, true) = (&mut saved, is_outcome, file.is_some()) {
            // nobody waits until it is durable
            saved.own();
            *file = None;
        }
        let (record, unfinished, failed_now) = match said {
            Said::Outcome { record, unfinished, failed_now } => (record, unfinished, failed_now),
            Said::GivenUp(record) => (self.given_up(stage, record), false, false),
            Said::Saved => {
                // one that comes late must not take the place of the checkpoint of the whole stage
                match saved.filter(|_| self.out.contains_key(&stage)) {
                    Some(Kept::Model(model)) => self.desk.save(model),
                    Some(Kept::File(file)) => self.desk.save_file(*file),
                    None => {}
                }
                return None;
            }
            Said::Back => {
                if let Some(out) = self.out.get_mut(&stage) {
                    (out.published, out.worked_on, out.replaces) = (None, None, true);
                }
                return None;
            }
        };
        let (model, file) = match saved {
            Some(Kept::Model(model)) => (Some(model), None),
            Some(Kept::File(file)) => (None, Some(file)),
            None => (None, None),
        };
        let report = Report { record, model, unfinished, failed_now };
        self.came(&from, beginning, Delivery { report, file })
    }

    /// An outcome has come, or a part of one.
    fn came(&mut self, from: &Member, beginning: Option<Beginning>, mut delivery: Delivery) -> Option<u64> {
        let report = &mut delivery.report;
        let machine = self.machines.number(from);
        Arc::make_mut(&mut report.record).machine = machine;
        let record = report.record.clone();
        let worker = WorkerId { machine, index: record.worker };
        let stage = (record.trial, record.stage);
        if report.unfinished && !self.desk.stop().is_set() {
            if self.out.remove(&stage).is_some() {
                self.left.insert(stage);
                // what it has come to is to be written before the order is given again
                self.reserved = Some(Instant::now());
                self.desk.hand_in_delivery(worker, None, delivery);
            }
            return None;
        }
        let essence = wire::essence(&record);
        if let Some((counted, other)) = self.counted.get(&stage) {
            if *counted != essence {
                self.desk.note(format!(
                    "trial {} was trained twice, by {other} and by {from}, with different results: the objective is not deterministic, or \
                     the machines compute differently; the first result counts",
                    stage.0
                ));
            }
            return None;
        }
        self.pace.count();
        if let Some(out) = self.out.remove(&stage) {
            announce(&**self.desk, worker, beginning, &record);
            self.desk.hand_in_delivery(worker, None, delivery);
            self.clear(stage, &out);
        } else {
            // of an order that an earlier process gave, or that threads of this one have now
            if !self.desk.hand_in_delivery(worker, Some(beginning?), delivery) {
                return None;
            }
            epochs(&**self.desk, worker, &record);
        }
        self.counted.insert(stage, (essence, from.clone()));
        Some(self.desk.receipt().0)
    }

    /// The outcome of a stage that took its workers with it, with those that are known.
    fn given_up(&self, stage: Stage, mut record: Arc<StageRecord>) -> Arc<StageRecord> {
        let by = self.out.get(&stage).map_or(&[][..], |out| &out.by);
        if let (End::Failed { reason, .. }, false) = (&mut Arc::make_mut(&mut record).end, by.is_empty()) {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            reason.push_str(": ");
            reason.push_str(&by.join(", "));
        }
        record
    }

    /// Removes from the server what may be there of a stage that is reported.
    fn clear(&self, stage: Stage, out: &Out) {
        let (link, names, study) = (self.link.clone(), self.names.clone(), self.study);
        let (blob, was_doubled) = (out.blob.clone(), out.replaces);
        if blob.is_none() && !was_doubled {
            return;
        }
        self.link.spawn(async move {
            if let Some(blob) = blob {
                blobs::remove_named(&link.js, &names, &blob).await;
            }
            if was_doubled {
                let server = Server { link: &link, names: &names, study };
                server.withdraw(names.order(stage)).await;
            }
        });
    }

    /// Acknowledges the reports that are durable.
    pub(super) fn acknowledge(&mut self) {
        let (_, settled) = self.desk.receipt();
        let ready = self.tickets.iter().take_while(|ticket| ticket.number <= settled).count();
        let ready: Vec<Ticket> = self.tickets.drain(..ready).collect();
        if ready.is_empty() {
            return;
        }
        let (link, names, shared) = (self.link.clone(), self.names.clone(), self.shared.clone());
        self.link.spawn(async move {
            for Ticket { acker, headers, file, .. } in ready {
                // without it, it comes once more
                let _ = acker.ack().await;
                blobs::remove(&link.js, &names, headers.as_ref()).await;
                if let (Some(shared), Some(file)) = (shared.clone(), file) {
                    let _ = tokio::task::spawn_blocking(move || shared.remove(&file)).await;
                }
            }
        });
    }
}

/// A report that cannot be read: of which stage it is, if that is known, and what is wrong with it.
struct Unread {
    of: Option<Stage>,
    why: String,
}

/// What a report says, and the checkpoint behind it; nothing if it came before.
fn decode(
    content: Content,
    headers: Option<&HeaderMap>,
) -> Result<Option<(ReportNote, Option<Kept>)>, Unread> {
    let unread = |why: String| Unread { of: None, why };
    match content {
        Content::Whole(bytes) => {
            let (note, model) = ReportNote::read(headers, &bytes).map_err(unread)?;
            Ok(Some((note, model.map(Kept::Model))))
        }
        Content::Unpacked(unpacked) => {
            let (note, saved) = *unpacked.map_err(unread)?;
            let of = Some((note.assignment.trial, note.assignment.stage));
            saved.map(|saved| Some((note, saved))).map_err(|why| Unread { of, why })
        }
        Content::Again => Ok(None),
    }
}
