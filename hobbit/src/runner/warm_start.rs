//! What a sampler knows before the first trial: the outcomes of other studies, read from their directories or
//! from the copy in the study's own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::before::Before;
use super::configurations::{decode, point};
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::repository::{
    KnownOutcome, Losses, Overview, Reader, Record, Storage, StudyRecord, TrialOverview, WarmStart, to_text,
};
use crate::search::Point;
use crate::space::{Root, SearchSpace, Space};
use crate::trial::TrialId;

/// The studies that are named in the settings, of which nothing is read yet.
pub(super) fn named<O: Objective>(settings: &Settings<O>) -> Vec<WarmStart> {
    settings.warm_start.iter().map(|before| WarmStart::named(before.to_string())).collect()
}

/// What the sampler of `study` begins with, and what the user should know of it. A study that is continued
/// has a copy, which counts even where the other study has gone on or is not there any more.
///
/// # Errors
/// A directory holds no study, or one that cannot be compared with this one.
pub(super) fn known<O: Objective>(
    settings: &Settings<O>,
    study: &StudyRecord,
    root: &Root,
) -> Result<(Vec<WarmStart>, Vec<String>)> {
    let storage = &settings.storage;
    let own = settings.repo_dir.as_ref().filter(|_| !settings.overwrite && !settings.warm_start.is_empty());
    let own = own.and_then(|dir| Reader::open_in(storage.clone(), dir).ok());
    let (mut all, mut notes) = (Vec::<WarmStart>::new(), Vec::new());
    for (place, before) in settings.warm_start.iter().enumerate() {
        if settings.warm_start[..place].iter().any(|other| other.to_string() == before.to_string()) {
            return Err(Error::setting(format!(
                "the study is to start from {before} twice: its outcomes would count twice"
            )));
        }
        let copy = own.as_ref().and_then(|own| own.made().warm_start.get(place));
        match copy.filter(|copy| is_of(copy, before, storage)) {
            Some(copy) => all.push(copy.clone()),
            None => {
                let (read, note) = match before {
                    Before::Study(dir) => read::<O::Hparams>(dir, storage, study, root)?,
                    #[cfg(feature = "interop")]
                    Before::Foreign(foreign) => take_over::<O::Hparams>(foreign, study, root)?,
                };
                all.push(read);
                notes.push(note);
            }
        }
    }
    Ok((all, notes))
}

/// Whether a copy is of this study. One of another tool is known by its file, which may have grown since.
fn is_of(copy: &WarmStart, before: &Before, storage: &Arc<dyn Storage>) -> bool {
    let reader = match before {
        Before::Study(dir) => Reader::open_in(storage.clone(), dir).ok(),
        #[cfg(feature = "interop")]
        Before::Foreign(_) => None,
    };
    match reader {
        Some(reader) => print(reader.made()).is_ok_and(|print| copy.study.as_ref() == Some(&print)),
        None => copy.dir == before.to_string(),
    }
}

/// A checksum of what a study is, which stays the same while it goes on.
fn print(study: &StudyRecord) -> Result<String> {
    let study = StudyRecord { format: crate::repository::FORMAT, ..study.clone() };
    let text = to_text(&study).map_err(|error| Error::repository(error.to_string()))?;
    Ok(format!("{:08x}", crc32fast::hash(text.as_bytes())))
}

/// The outcomes of the study in a directory that count for `study`, and how many do.
fn read<H: SearchSpace>(
    dir: &Path,
    storage: &Arc<dyn Storage>,
    study: &StudyRecord,
    root: &Root,
) -> Result<(WarmStart, String)> {
    let shown = dir.display().to_string();
    let unusable = |why: String| Error::setting(format!("the study cannot start from {shown}: {why}"));
    let reader = Reader::open_in(storage.clone(), dir)
        .map_err(|error| unusable(error.to_string()).with_source(error))?;
    let theirs = reader.made();
    // one that was narrowed otherwise, or not at all, has the same parameters
    let their_root = Root::recorded::<H>(&theirs.space)?;
    let declared = their_root.is_some().then(|| StudyRecord { space: theirs.space.clone(), ..study.clone() });
    let differences = differences(declared.as_ref().unwrap_or(study), theirs);
    if !differences.is_empty() {
        return Err(unusable(format!(
            "its outcomes say nothing of this study, which is another one:\n  - {}",
            differences
                .join("\n  - ")
                .replace("the repository's", "its")
                .replace(" in the repository", " there")
        )));
    }
    let epochs = epochs(study)?;
    let records = reader.journal()?;
    let roots = (their_root.unwrap_or_else(|| root.clone()), root);
    let points = points(&records, &study.space, &theirs.space);
    let mut trials = Overview::new(theirs.clone(), records)?.trials;
    trials.sort_unstable_by_key(|trial| trial.id);
    let begun = trials.len();
    let known = |trial: &TrialOverview| {
        outcome::<H>(trial, points.get(&trial.id)?, (&roots.0, roots.1), study, epochs)
    };
    let outcomes: Vec<KnownOutcome> = trials.iter().filter_map(known).collect();
    let (first, last) = epochs;
    if points.is_empty() && begun > 0 {
        return Err(unusable(
            "it was made by an older hobbit, whose journal has no points of trials".to_owned(),
        ));
    }
    if outcomes.is_empty() {
        return Err(unusable(format!(
            "none of its {begun} trials has an outcome that counts, after {first} to {last} epochs as the stages of this study"
        )));
    }
    let left = begun - outcomes.len();
    let read = WarmStart { study: Some(print(theirs)?), outcomes, ..WarmStart::named(shown) };
    let mut note = beginning(&read, epochs);
    if left > 0 {
        note += &format!(
            "; {left} more do not count, because they have no outcome after as many epochs, break a constraint of this study, or are outside of \
             what it is narrowed to"
        );
    }
    Ok((read, note))
}

/// What another tool has found, as far as it counts for `study`.
#[cfg(feature = "interop")]
fn take_over<H: SearchSpace>(
    foreign: &super::foreign::Foreign,
    study: &StudyRecord,
    root: &Root,
) -> Result<(WarmStart, String)> {
    let unusable = |why: String| Error::setting(format!("the study cannot start from {foreign}: {why}"));
    if foreign.direction != study.direction {
        let (ours, theirs) = (study.direction, foreign.direction);
        return Err(unusable(format!("the direction is {ours}, but {theirs} there")));
    }
    let epochs = epochs(study)?;
    let (mut outcomes, mut refused) = (Vec::new(), Vec::new());
    for (number, trial) in (1..).zip(&foreign.trials) {
        let hparams = crate::space::from_values::<H>(&trial.values).map_err(|error| error.to_string());
        let known = hparams.and_then(|hparams| {
            root.check(&hparams).map_err(|error| error.to_string())?;
            let point = point(root, &hparams).ok_or("it has no point in the search space")?;
            trial.outcome(number, point, study, epochs)
        });
        match known {
            Ok(known) => outcomes.push(known),
            Err(why) => refused.push(format!("{}: {why}", trial.source)),
        }
    }
    let reasons = |refused: &[String]| {
        let (shown, more) = (&refused[..refused.len().min(3)], refused.len().saturating_sub(3));
        let more = if more == 0 { String::new() } else { format!("\n  - and {more} more") };
        format!("\n  - {}{more}", shown.join("\n  - "))
    };
    if outcomes.is_empty() {
        let why = if refused.is_empty() { String::new() } else { format!(":{}", reasons(&refused)) };
        return Err(unusable(format!("none of its {} trials counts{why}", foreign.trials.len())));
    }
    let read = WarmStart { outcomes, ..WarmStart::named(foreign.to_string()) };
    let mut note = beginning(&read, epochs);
    if !refused.is_empty() {
        note += &format!("; {} more do not count:{}", refused.len(), reasons(&refused));
    }
    Ok((read, note))
}

/// What the user is told first.
fn beginning(read: &WarmStart, (first, last): (u64, u64)) -> String {
    format!("the sampler begins with what is known of {read}, after {first} to {last} epochs")
}

/// Why outcomes of another study cannot be compared with those of this one, in words.
fn differences(ours: &StudyRecord, theirs: &StudyRecord) -> Vec<String> {
    let mut found = ours.space.differences(&theirs.space);
    let mut compare = |name: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{name} is {ours}, but {theirs} there"));
        }
    };
    compare("the monitor", format!("`{}`", ours.monitor), format!("`{}`", theirs.monitor));
    compare("the direction", ours.direction.to_string(), theirs.direction.to_string());
    compare("the score", format!("{:?}", ours.score), format!("{:?}", theirs.score));
    found
}

/// The fewest epochs after which this study has an outcome, and the most.
fn epochs(study: &StudyRecord) -> Result<(u64, u64)> {
    let outline = study.algorithm.outline()?;
    let stages = || outline.brackets().iter().flat_map(|bracket| &bracket.stages);
    let first = stages().map(|stage| stage.trained).min().unwrap_or(0);
    Ok((first, stages().map(|stage| stage.trained).max().unwrap_or(0)))
}

/// The points of trials, with the coordinates in the order of `ours`: fields may be declared in another one.
fn points(records: &[Record], ours: &Space, theirs: &Space) -> HashMap<TrialId, Point> {
    let places = ours.parameters().iter().map(|parameter| theirs.position(parameter.name()));
    let places: Vec<Option<usize>> = places.collect();
    let sorted = |point: &Point| {
        let coordinate = |place: &Option<usize>| point.get((*place)?).copied().flatten();
        Point::new(places.iter().map(coordinate))
    };
    let begun = records.iter().filter_map(|record| match record {
        Record::Started { trial, stage: 0, point: Some(point), .. } => Some((*trial, sorted(point))),
        _ => None,
    });
    begun.collect()
}

/// The latest outcome of a trial after as many epochs as a stage of this study has, if its configuration is
/// one of this study's.
fn outcome<H: SearchSpace>(
    trial: &TrialOverview,
    at: &Point,
    (theirs, ours): (&Root, &Root),
    study: &StudyRecord,
    (first, last): (u64, u64),
) -> Option<KnownOutcome> {
    let hparams = decode::<H>(theirs, at, trial.id).ok().filter(|hparams| ours.check(&**hparams).is_ok())?;
    let at = point(ours, &*hparams)?;
    let mut losses = Losses::new(study.ties, &study.monitor);
    let (mut before, mut latest) = (f64::NAN, None);
    for record in &trial.stages {
        let score = losses.score(record, before);
        before = score.map_or(before, |score| score.loss);
        if (first..=last).contains(&record.to) {
            latest = Some((record, score.filter(|score| score.value.is_finite())));
        }
    }
    let (record, score) = latest?;
    Some(KnownOutcome::new((trial.id, record.stage), record.to, score, at))
}
