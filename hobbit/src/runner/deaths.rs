//! Processes that ended without a word: which trials they were training, and which of these may have ended
//! them.
//!
//! A trial whose code aborts, exits, overflows its stack or takes all the memory ends the process, and would
//! do so in every process that continues the study. Most of these ends leave a trace, and one that is killed
//! from outside leaves none. A trial counts as the culprit only if it was under way at the end of several
//! processes, of many where nothing shows that they ended themselves, and alone at the end of the last of
//! them. Those that were not alone are trained alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::repository::{Record, Timestamp};
use crate::trial::TrialId;

/// This many trials are suspects already after one death. More of them are only after as many deaths as make
/// a culprit: training a lot of trials alone takes long.
const FEW: usize = 2;

/// So many deaths without a trace count as much as one with a trace: most of them come from outside, and may
/// come often.
const UNTRACED: u32 = 5;

/// A stage of a trial.
type Stage = (TrialId, u32);

/// What earlier processes' deaths say of the stages that are to be trained.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Deaths {
    /// Those that have failed, with how often in a row the process ended while they were trained.
    pub(crate) culprits: HashMap<Stage, u32>,
    /// Those that are trained alone.
    pub(crate) suspects: HashSet<Stage>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// How often the process ended while a stage was trained, and in what company it was the last time.
struct Count {
    deaths: u32,
    /// Of these, those of processes that ended themselves, and whether the last of them did.
    traced: u32,
    is_traced: bool,
    company: usize,
}

impl Count {
    fn is_enough(&self, max_deaths: u32) -> bool {
        self.traced >= max_deaths || self.deaths >= max_deaths.saturating_mul(UNTRACED)
    }
}

/// The processes so far.
#[derive(Default)]
struct Processes {
    /// The one under way: its number and machine, and when it began.
    open: Option<(u32, String, Timestamp)>,
    /// What each of its workers began last, unless that has ended.
    under_way: BTreeMap<u32, Stage>,
    counts: HashMap<Stage, Count>,
}

impl Deaths {
    /// Whether no stage that is still to be trained was under way at the end of an earlier process.
    pub(crate) fn is_empty(&self) -> bool {
        self.culprits.is_empty() && self.suspects.is_empty()
    }

    /// Reads a journal up to where this process opened it.
    ///
    /// A stage fails when the process ended itself `max_deaths` times in a row while it was trained, or ended
    /// [`UNTRACED`] times as often without a trace. Processes that left none and began before `boot`, the
    /// machine's name and when it was started, ended with it, and say nothing.
    pub(crate) fn new(records: &[Record], max_deaths: u32, boot: Option<(&str, Timestamp)>) -> Deaths {
        let mut processes = Processes::default();
        // the last process's end, if it did not close its work
        let mut last = None;
        for record in records {
            match record {
                Record::Opened { time, host, pid, .. } => {
                    processes.died(None, boot);
                    last = None;
                    processes.open = Some((*pid, host.clone(), *time));
                }
                Record::Started { trial, stage, worker, machine, .. } => {
                    processes.began((*trial, *stage), (*machine == 0).then_some(*worker));
                }
                Record::Stage(record) => {
                    let ended = (record.trial, record.stage);
                    processes.under_way.retain(|_, stage| *stage != ended);
                    processes.counts.remove(&ended);
                }
                Record::Closed { reason: Some(reason), .. } if reason.is_death() => {
                    last = processes.died(Some(&reason.to_string()), boot);
                }
                Record::Closed { .. } => {
                    // whoever is trained in a process that ends in order does not end it
                    for stage in std::mem::take(&mut processes.under_way).into_values() {
                        processes.counts.remove(&stage);
                    }
                    processes.open = None;
                }
                _ => {}
            }
        }
        last = processes.died(None, boot).or(last);
        let mut deaths = Deaths::default();
        for (&stage, count) in &processes.counts {
            let enough = count.is_enough(max_deaths);
            if enough && count.company == 1 {
                deaths.culprits.insert(stage, count.deaths);
            } else if count.company > 1 && (enough || count.is_traced && count.company <= FEW) {
                deaths.suspects.insert(stage);
            }
        }
        if let Some(end) = last.filter(|end| !end.stages.is_empty()) {
            deaths.notes.push(deaths.note(&end, max_deaths));
        }
        deaths
    }

    /// What the end of the last process means.
    fn note(&self, end: &Death, max_deaths: u32) -> String {
        let Death { pid, host, how, stages } = end;
        let names: Vec<String> = stages.iter().take(5).map(|(trial, _)| trial.to_string()).collect();
        let more = if stages.len() > names.len() { ", ..." } else { "" };
        let (trials, were) = if stages.len() == 1 { ("trial", "was") } else { ("trials", "were") };
        let names = names.join(", ");
        let follows = if stages.iter().any(|stage| self.culprits.contains_key(stage)) {
            "it has reached the limit (`max_deaths`): it counts as failed".to_owned()
        } else if stages.iter().any(|stage| self.suspects.contains(stage)) {
            "they are trained one by one now, to find out whether one of them is the cause".to_owned()
        } else if how.is_none() || max_deaths == u32::MAX {
            let what = if stages.len() == 1 { "it is" } else { "they are" };
            format!("{what} trained again")
        } else {
            format!(
                "a trial that ends the process {max_deaths} times in a row (`max_deaths`) counts as failed"
            )
        };
        let how = how.as_deref().unwrap_or("it was killed, or the machine stopped");
        format!(
            "process {pid} on {host} did not exit cleanly ({how}) while {trials} {names}{more} {were} being trained; {follows}"
        )
    }
}

/// The end of a process that did not close its work.
struct Death {
    pid: u32,
    host: String,
    how: Option<String>,
    stages: Vec<Stage>,
}

impl Processes {
    /// A stage was begun: by a worker of this process, or on another machine, where it does not end this
    /// process. Whoever had begun it before has given it back.
    fn began(&mut self, begun: Stage, worker: Option<u32>) {
        self.under_way.retain(|_, stage| *stage != begun);
        if let Some(worker) = worker {
            self.under_way.insert(worker, begun);
        }
    }

    /// The process under way, if there is one, has ended without closing its work; `how` if it ended itself.
    fn died(&mut self, how: Option<&str>, boot: Option<(&str, Timestamp)>) -> Option<Death> {
        let mut stages: Vec<Stage> = std::mem::take(&mut self.under_way).into_values().collect();
        stages.sort_unstable();
        let (pid, host, began) = self.open.take()?;
        if how.is_none() && boot.is_some_and(|(here, boot)| here == host && began < boot) {
            return None;
        }
        for &stage in &stages {
            let none = Count { deaths: 0, traced: 0, is_traced: false, company: 0 };
            let count = self.counts.entry(stage).or_insert(none);
            count.deaths = count.deaths.saturating_add(1);
            count.traced = count.traced.saturating_add(how.is_some().into());
            (count.is_traced, count.company) = (how.is_some(), stages.len());
        }
        Some(Death { pid, host, how: how.map(str::to_owned), stages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::History;
    use crate::repository::{End, StageRecord, StopReason};

    const A: TrialId = TrialId::new(1, 1);
    const B: TrialId = TrialId::new(1, 2);
    const C: TrialId = TrialId::new(1, 3);

    fn opened(time: f64) -> Record {
        let (hobbit, host) = (String::new(), "here".to_owned());
        Record::Opened { time: Timestamp(time), hobbit, host, pid: 7, workers: 2, descriptions: None }
    }

    fn started(worker: u32, trial: TrialId) -> Record {
        let time = Timestamp(0.0);
        let (hparams, model, point) = (Vec::new(), BTreeMap::new(), None);
        Record::Started { time, trial, stage: 0, worker, machine: 0, hparams, model, point, origin: None }
    }

    fn ended(trial: TrialId) -> Record {
        Record::Stage(StageRecord {
            time: Timestamp(0.0),
            trial,
            stage: 0,
            from: 0,
            to: 1,
            end: End::Trained,
            score: Some((0.5, 1)),
            attempt: 0,
            worker: 0,
            machine: 0,
            seconds: 0.0,
            history: History::default(),
        })
    }

    fn closed() -> Record {
        Record::Closed { time: Timestamp(0.0), reason: Some(StopReason::TimeBudget) }
    }

    fn aborted() -> Record {
        Record::Closed { time: Timestamp(0.0), reason: Some(StopReason::Aborted) }
    }

    /// Culprits and suspects, in order.
    fn judged(parts: &[&[Record]], max_deaths: u32) -> (Vec<TrialId>, Vec<TrialId>) {
        let deaths = Deaths::new(&parts.concat(), max_deaths, Some(("here", Timestamp(100.0))));
        let sorted = |mut trials: Vec<TrialId>| {
            trials.sort_unstable();
            trials
        };
        (
            sorted(deaths.culprits.keys().map(|stage| stage.0).collect()),
            sorted(deaths.suspects.iter().map(|stage| stage.0).collect()),
        )
    }

    #[test]
    fn who_is_alone_at_the_end_of_enough_processes_has_ended_them() {
        let death: &[Record] = &[opened(200.0), started(0, A), aborted()];
        assert_eq!(judged(&[death], 2), (vec![], vec![]));
        assert_eq!(judged(&[death, death], 2), (vec![A], vec![]));
        assert_eq!(judged(&[death], 1), (vec![A], vec![]));
        assert_eq!(judged(&[death, death], 3), (vec![], vec![]));
        // whoever got through it, or through an orderly end, is none
        let through: &[Record] = &[opened(200.0), started(0, A), ended(A)];
        assert_eq!(judged(&[death, death, through], 2), (vec![], vec![]));
        let in_order: &[Record] = &[opened(200.0), started(0, A), closed()];
        assert_eq!(judged(&[death, death, in_order], 2), (vec![], vec![]));
        assert_eq!(judged(&[death, in_order, death], 2), (vec![], vec![]));
        // a process that was not training it is no death of it, and does not help it either
        assert_eq!(judged(&[death, &[opened(200.0), aborted()], death], 2), (vec![A], vec![]));
    }

    #[test]
    fn who_is_killed_from_outside_has_to_be_killed_often() {
        let death: &[Record] = &[opened(200.0), started(0, A)];
        assert_eq!(judged(&[death; 9], 2), (vec![], vec![]));
        assert_eq!(judged(&[death; 10], 2), (vec![A], vec![]));
        assert_eq!(judged(&[death; 100], u32::MAX), (vec![], vec![]));
        // the machine was started anew: everything on it ended
        let before: &[Record] = &[opened(50.0), started(0, A)];
        assert_eq!(judged(&[before; 10], 2), (vec![], vec![]));
        let aborted_before: &[Record] = &[opened(50.0), started(0, A), aborted()];
        assert_eq!(judged(&[aborted_before; 2], 2), (vec![A], vec![]));
        // no one is trained alone for a kill
        let both: &[Record] = &[opened(200.0), started(0, A), started(1, B)];
        assert_eq!(judged(&[both; 9], 2), (vec![], vec![]));
        assert_eq!(judged(&[both; 10], 2), (vec![], vec![A, B]));
    }

    #[test]
    fn who_was_in_company_is_trained_alone_before_it_is_judged() {
        let both: &[Record] = &[opened(200.0), started(0, A), started(1, B), aborted()];
        assert_eq!(judged(&[both], 2), (vec![], vec![A, B]));
        // worker 1 has gone on, so that B has ended, though nothing of it is written
        let later: &[Record] = &[opened(200.0), started(0, A), started(1, B), started(1, C), aborted()];
        assert_eq!(judged(&[later], 2), (vec![], vec![A, C]));
        assert_eq!(judged(&[both, both], 2), (vec![], vec![A, B]));
        let alone = |trial| [opened(200.0), started(0, trial), aborted()];
        assert_eq!(judged(&[both, &alone(A)], 2), (vec![A], vec![B]));
        let next = [opened(200.0), started(0, A), ended(A), started(0, B), aborted()];
        assert_eq!(judged(&[both, &next], 2), (vec![B], vec![]));
        // of many, none is suspected before it happens again
        let many: &[Record] = &[opened(200.0), started(0, A), started(1, B), started(2, C), aborted()];
        assert_eq!(judged(&[many], 2), (vec![], vec![]));
        assert_eq!(judged(&[many, many], 2), (vec![], vec![A, B, C]));
        assert_eq!(judged(&[many, many, &alone(C)], 2), (vec![C], vec![A, B]));
        assert_eq!(judged(&[many], 1), (vec![], vec![A, B, C]));
    }

    #[test]
    fn a_stage_that_was_given_back_is_with_whoever_began_it_last() {
        let twice: &[Record] = &[opened(200.0), started(0, A), started(1, A), aborted()];
        assert_eq!(judged(&[twice], 2), (vec![], vec![]));
        assert_eq!(judged(&[twice, twice], 2), (vec![A], vec![]));
        let mut elsewhere = started(0, A);
        if let Record::Started { machine, .. } = &mut elsewhere {
            *machine = 1;
        }
        let gone: &[Record] = &[opened(200.0), started(0, A), elsewhere, aborted()];
        assert_eq!(judged(&[gone], 1), (vec![], vec![]));
    }

    #[test]
    fn the_user_is_told_what_happened_and_what_follows() {
        let death: &[Record] = &[opened(200.0), started(0, A), aborted()];
        let note = |parts: &[&[Record]]| Deaths::new(&parts.concat(), 2, None).notes;
        assert!(note(&[]).is_empty() && note(&[death, &[opened(300.0), closed()]]).is_empty());
        let told = note(&[death]);
        assert!(told[0].contains("process 7") && told[0].contains("trial 1-1 was being trained"), "{told:?}");
        assert!(told[0].contains("aborted") && told[0].contains("2 times in a row"), "{told:?}");
        assert!(note(&[death, death])[0].ends_with("it counts as failed"));
        let both: &[Record] = &[opened(200.0), started(0, A), started(1, B), aborted()];
        assert!(note(&[both])[0].contains("trials 1-1, 1-2 were being trained; they are trained one by one"));
        assert!(note(&[&both[..3]])[0].contains("(it was killed, or the machine stopped)"));
    }
}
