//! Where time was spent: what each worker of each process did, and when.

use std::collections::BTreeSet;

use crate::repository::Overview;

/// A process, with what its workers did. Times are seconds since its beginning.
pub(super) struct Session {
    /// How long it was at work, as far as is known.
    pub(super) seconds: f64,
    pub(super) workers: u32,
    /// When it began, in seconds since 1970.
    pub(super) opened: f64,
    pub(super) spans: Vec<Span>,
}

/// A worker training one stage of a trial.
pub(super) struct Span {
    /// The trial's place in [`Overview::trials`].
    pub(super) row: usize,
    pub(super) stage: u32,
    /// The machine, and its worker.
    pub(super) worker: (u32, u32),
    pub(super) from: f64,
    pub(super) to: f64,
}

/// The unit in which a number of seconds is drawn, in seconds, and its name.
pub(super) fn unit(seconds: f64) -> (f64, &'static str) {
    match seconds {
        seconds if seconds > 2.0 * 86400.0 => (86400.0, "days"),
        seconds if seconds > 2.0 * 3600.0 => (3600.0, "hours"),
        seconds if seconds > 120.0 => (60.0, "minutes"),
        _ => (1.0, "seconds"),
    }
}

impl Session {
    /// The processes that did something, in order.
    pub(super) fn all(overview: &Overview) -> Vec<Session> {
        let opened: Vec<f64> = overview.processes.iter().map(|process| process.opened.0).collect();
        let mut sessions: Vec<Session> = overview
            .processes
            .iter()
            .map(|process| Session {
                seconds: 0.0,
                workers: process.workers,
                opened: process.opened.0,
                spans: Vec::new(),
            })
            .collect();
        for (row, trial) in overview.trials.iter().enumerate() {
            for stage in &trial.stages {
                // clocks may be set back: what ended before any process began belongs to the first
                let ended = opened.iter().rposition(|opened| *opened <= stage.time.0).unwrap_or(0);
                let Some(session) = sessions.get_mut(ended) else { continue };
                let to = (stage.time.0 - opened[ended]).max(0.0);
                let from = (to - stage.seconds.max(0.0)).max(0.0);
                let worker = (stage.machine, stage.worker);
                session.spans.push(Span { row, stage: stage.stage, worker, from, to });
                if stage.machine == 0 {
                    session.workers = session.workers.max(stage.worker.saturating_add(1));
                }
            }
        }
        for (session, process) in sessions.iter_mut().zip(&overview.processes) {
            let closed = process.closed.as_ref().map_or(0.0, |(time, _)| time.0 - process.opened.0);
            session.seconds = session.spans.iter().map(|span| span.to).fold(closed, f64::max);
            session
                .spans
                .sort_by(|a, b| (a.worker, a.row).cmp(&(b.worker, b.row)).then(a.from.total_cmp(&b.from)));
        }
        sessions.retain(|session| !session.spans.is_empty());
        sessions
    }

    /// The seconds that its workers trained, all together.
    pub(super) fn busy(&self) -> f64 {
        self.spans.iter().map(|span| span.to - span.from).sum()
    }

    /// The seconds that its workers had, all together. Workers of other machines count if they did something.
    pub(super) fn available(&self) -> f64 {
        let far = self.spans.iter().map(|span| span.worker).filter(|(machine, _)| *machine != 0);
        let far: BTreeSet<(u32, u32)> = far.collect();
        self.seconds * (f64::from(self.workers) + far.len() as f64)
    }
}
