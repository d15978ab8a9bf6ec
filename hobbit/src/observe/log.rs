//! What happens in a sweep, as `tracing` events.

use tracing::{debug, info, trace, warn};

use super::{Event, Observer};
use crate::error::BoxError;
use crate::repository::{End, Machine, Status};

/// Writes events: the sweep and its notes as `INFO`, stages as `DEBUG`, epochs as `TRACE`, failures as
/// `WARN`.
#[derive(Default)]
pub(crate) struct Log(());

impl Observer for Log {
    fn event(&mut self, event: &Event) -> Result<(), BoxError> {
        match event {
            Event::Started(study) => info!(
                max_epochs = study.plan.max_epochs(),
                eta = study.plan.eta(),
                epochs = study.outline.total_epochs(),
                monitor = study.monitor,
                seed = study.seed,
                workers = study.workers,
                "sweep started"
            ),
            Event::StageStarted { trial, stage, from, to, worker, .. } => {
                debug!(%trial, stage, from, to, worker, "stage started");
            }
            Event::Epoch { trial, stage, epoch, metrics } => {
                trace!(%trial, stage, epoch, metrics = ?metrics.iter().collect::<Vec<_>>(), "epoch");
            }
            Event::StageEnded { record, replayed, .. } => {
                let (trial, stage, worker) = (record.trial, record.stage, record.worker);
                let score = record.score.map(|(score, _)| score);
                match &record.end {
                    End::Trained => {
                        debug!(%trial, stage, worker, score, seconds = record.seconds, replayed, "stage ended");
                    }
                    End::Diverged { epoch, reason } => {
                        warn!(%trial, stage, worker, epoch, reason, replayed, "trial diverged");
                    }
                    End::Failed { epoch, reason } => {
                        warn!(%trial, stage, worker, epoch, reason, replayed, "trial failed");
                    }
                }
            }
            Event::StageLeft { record, .. } => {
                let (trial, stage) = (record.trial, record.stage);
                debug!(%trial, stage, "stage left before its end");
            }
            Event::TrialEnded { trial, status } => {
                let finished = *status == Status::Finished;
                debug!(%trial, finished, %status, "trial ended");
            }
            Event::Note(text) => info!("{text}"),
            Event::Machines(machines) => {
                for Machine { number, host, pid, slots, doing } in machines.iter() {
                    trace!(machine = number, host, pid, slots, stages = doing.len(), "machine");
                }
            }
            Event::Ended { stopped } => info!(stopped, "sweep ended"),
        }
        Ok(())
    }
}
