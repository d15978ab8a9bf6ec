//! Format 1 of a repository, which hobbit 0.1 wrote: how it is read, and how it becomes one of the format of
//! today when its study is resumed.
//!
//! A line of its journal is `("<crc32 of the record's text>", <record>)`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use super::chain::Chain;
use super::lines::{Contents, Lines, NO_LINE, begins_as, unreadable};
use super::names;
use super::outcomes::{Outcomes, Reached, Rules, follow};
use super::reason::StopReason;
use super::records::{Record, StageRecord, Status, Timestamp};
use super::scan::Scanner;
use super::storage::Storage;
use super::store::{to_pretty, write};
use super::study::{FORMAT, ScoreBy, StudyRecord, Ties};
use crate::error::Result;
use crate::schedule::{Algorithm, Ended, EpochCount};
use crate::space::{Space, Value};
use crate::trial::{Direction, TrialId};

/// The number of this format.
const THIS: u32 = 1;

/// Whether the journal of a study of this format has the lines of format 1.
///
/// A process that ended between the two steps of [`upgrade`] leaves a journal of today's beside a `study.ron`
/// of format 1; the other way round is never left.
pub(super) fn is_journal(bytes: &[u8], format: u32) -> bool {
    format <= THIS && !bytes.starts_with(b"(1")
}

/// What is wrong with a line, as said of "the line", if it is one of format 1.
pub(super) fn explain(line: &str) -> Option<&'static str> {
    parts(line)?;
    Some(
        "is damaged (it is a line of an older format than study.ron: if one of the two files was put back from a copy, put back \
         the other one of that time as well)",
    )
}

/// The checksum and the record of a line.
fn parts(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("(\"")?.strip_suffix(')')?.split_once("\", ")
}

/// The lines of a journal.
pub(super) struct Plain;

impl Lines for Plain {
    fn behind(_: Option<&[u8]>) -> Plain {
        Plain
    }

    fn next(&mut self, line: &str, scanner: &mut Scanner) -> Result<Record, String> {
        let (sum, text) = parts(line).ok_or(NO_LINE)?;
        if sum != format!("{:08x}", crc32fast::hash(text.as_bytes())) {
            return Err("is damaged (its checksum does not match)".to_owned());
        }
        scanner.record(text).map_or_else(|| record(text), Ok)
    }

    fn is_beginning(&self, rest: &[u8]) -> bool {
        begins_as(rest, b"(\"########\", ")
    }

    fn chain(&self) -> Chain {
        Chain::default()
    }
}

/// `study.ron`, of a Hyperband that draws its configurations at random.
#[derive(Deserialize)]
struct Study {
    format: u32,
    hobbit: String,
    max_epochs: u32,
    eta: u32,
    epoch_count: EpochCount,
    iterations: u32,
    seed: u64,
    monitor: String,
    direction: Direction,
    score: ScoreBy,
    #[serde(default)]
    ties: Ties,
    retries: u32,
    objective: BTreeMap<String, String>,
    enqueued: Vec<Vec<(String, Value)>>,
    space: Space,
}

/// Whether a `study.ron` of this format is one of format 1.
pub(super) fn is_study(format: u32) -> bool {
    format <= THIS
}

/// A study from the text of its `study.ron`.
///
/// # Errors
/// It does not read.
pub(super) fn study(text: &str) -> Result<StudyRecord, ron::error::SpannedError> {
    let study: Study = ron::from_str(text)?;
    let Study { max_epochs, eta, epoch_count, iterations, .. } = study;
    Ok(StudyRecord {
        format: study.format,
        hobbit: study.hobbit,
        algorithm: Algorithm::Hyperband { max_epochs, eta, epoch_count, iterations },
        lookahead: None,
        sampler: None,
        warm_start: Vec::new(),
        promotion: None,
        seed: study.seed,
        monitor: study.monitor,
        direction: study.direction,
        score: study.score,
        ties: study.ties,
        retries: study.retries,
        objective: study.objective,
        enqueued: study.enqueued,
        space: study.space,
    })
}

/// The records that are written in another way today.
#[derive(Deserialize)]
enum Older {
    /// It was made larger, and nothing else about it has changed.
    Extended {
        time: Timestamp,
        max_epochs: u32,
        iterations: u32,
    },
    Closed {
        time: Timestamp,
        reason: Option<String>,
    },
}

fn record(text: &str) -> Result<Record, String> {
    if !text.starts_with("Closed(") && !text.starts_with("Extended(") {
        return ron::from_str(text).map_err(unreadable);
    }
    Ok(match ron::from_str(text).map_err(unreadable)? {
        Older::Extended { time, max_epochs, iterations } => {
            // what it does not say is filled in by `fill_in`
            let (eta, epoch_count) = (2, EpochCount::default());
            let algorithm = Algorithm::Hyperband { max_epochs, eta, epoch_count, iterations };
            Record::Extended { time, algorithm }
        }
        Older::Closed { time, reason } => Record::Closed { time, reason: reason.map(StopReason::from_text) },
    })
}

/// Fills in what lines of a journal of this study do not say.
pub(super) fn fill_in(study: &StudyRecord, records: &mut [Record]) {
    for record in records {
        if let Record::Extended { algorithm: Algorithm::Hyperband { eta, epoch_count, .. }, .. } = record {
            (*eta, *epoch_count) = (study.eta().unwrap_or(*eta), study.epoch_count());
        }
    }
}

/// The records of a journal, with the ends of trials, which are not in one of format 1: they follow from the
/// plan.
pub(super) struct Completed {
    pub(super) records: Vec<Record>,
    /// How many outcomes do not count because something before them is missing: the journal has lost lines.
    pub(super) lost: u64,
}

/// Completes the records of a journal, so that they say what follows from them. Outcomes of stages that the
/// plan does not ask for, as far as it can be followed, are left out unless `keep` is set.
///
/// # Errors
/// The study's plan is not possible.
pub(super) fn complete(study: &StudyRecord, mut records: Vec<Record>, keep: bool) -> Result<Completed> {
    // an upgrade has completed them already
    if records.iter().any(|record| matches!(record, Record::Ended { .. })) {
        return Ok(Completed { records, lost: 0 });
    }
    let mut study = study.clone();
    records.iter().for_each(|record| study.take_over(record));
    let known = records.iter().filter_map(|record| match record {
        Record::Stage(record) => Some(((record.trial, record.stage), record.clone())),
        _ => None,
    });
    let is_extended = records.iter().any(|record| matches!(record, Record::Extended { .. }));
    let Followed { turns, ended, lost } = Followed::new(&study, known.collect(), is_extended)?;
    if !keep {
        records.retain(|record| match record {
            Record::Stage(record) => turns.contains(&(record.trial, record.stage)),
            _ => true,
        });
    }
    // they follow from the outcomes, of the study as large as it became
    let decides = |record: &Record| matches!(record, Record::Stage(_) | Record::Extended { .. });
    let place = records.iter().rposition(decides).map_or(0, |place| place + 1);
    records.splice(place..place, ended);
    Ok(Completed { records, lost })
}

/// What follows from outcomes.
#[derive(Default)]
struct Followed {
    /// The stages that had their turn.
    turns: HashSet<(TrialId, u32)>,
    /// The ends of trials, as records.
    ended: Vec<Record>,
    lost: u64,
}

impl Followed {
    /// Follows the plan of a study, which has grown if it `is_extended`, as far as outcomes are known.
    fn new(
        study: &StudyRecord,
        known: HashMap<(TrialId, u32), StageRecord>,
        is_extended: bool,
    ) -> Result<Followed> {
        let mut rules = Rules::new(study)?;
        let outcomes = Outcomes::new(known, &rules.outline);
        let lost = outcomes.lost.map_or(0, |(count, ..)| count);
        let mut found = Followed { lost, ..Followed::default() };
        for (&(iteration, bracket), known) in &outcomes.brackets {
            let turn = |index, stage| {
                found.turns.insert((TrialId { iteration, bracket, index }, stage));
            };
            let mut ends = Vec::new();
            let end = |ended: &[(TrialId, Ended)]| ends.extend_from_slice(ended);
            let reached = follow(&mut rules, (iteration, bracket), known, turn, end)?;
            // lines are missing, unless the study has grown since
            if let (Reached::Stage(reached), false) = (reached, is_extended) {
                let beyond = known.values().map(|records| records.len().saturating_sub(reached as usize + 1));
                found.lost += beyond.sum::<usize>() as u64;
            }
            found.ended.extend(ends.into_iter().map(|(trial, ended)| {
                let mut stages = known.get(&trial.index).into_iter().flatten();
                let failed = stages.find_map(|record| record.end.status());
                Record::Ended { trial, status: failed.unwrap_or_else(|| Status::from(ended)) }
            }));
        }
        Ok(found)
    }
}

/// Makes the repository in `dir` one of today's format: first the journal, then `study.ron`. Each of them is
/// replaced as a whole, and whatever is left in between opens as well.
///
/// # Errors
/// A file cannot be written.
pub(super) fn upgrade(
    storage: &dyn Storage,
    dir: &Path,
    study: &StudyRecord,
    contents: &mut Contents,
) -> Result<()> {
    // if it is of today's format already, it has a chain
    if contents.chain == Chain::default() && !contents.records.is_empty() {
        contents.records = complete(study, std::mem::take(&mut contents.records), true)?.records;
        let (mut journal, mut chain) = (String::new(), Chain::default());
        contents.records.iter().try_for_each(|record| chain.write(&mut journal, record))?;
        write(storage, dir, names::JOURNAL, &journal)?;
        let records = std::mem::take(&mut contents.records);
        *contents = Contents { records, whole: journal.len() as u64, torn: false, chain };
    }
    write(storage, dir, names::STUDY, &to_pretty(&StudyRecord { format: FORMAT, ..study.clone() })?)
}
