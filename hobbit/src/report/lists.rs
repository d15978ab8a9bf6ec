//! The lists of the page: stages, settings, the search space, processes, machines.

use std::collections::BTreeMap;

use crate::observe::text::{self, percent};
use crate::repository::{MachineOverview, Overview, ScoreBy, StageOverview, Timestamp, TrialOverview};
use crate::schedule::Setting;

pub(super) fn stages(overview: &Overview) -> Vec<[String; 7]> {
    let total: f64 = overview.trials.iter().flat_map(|trial| &trial.stages).map(|stage| stage.seconds).sum();
    let mut each: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for record in overview.trials.iter().flat_map(|trial| &trial.stages) {
        *each.entry((record.trial.bracket, record.stage)).or_default() += record.seconds;
    }
    let row = |stage: &StageOverview| {
        let seconds = each.get(&(stage.bracket, stage.stage)).copied();
        let none = || "–".to_owned();
        let running = match stage.running {
            0 => String::new(),
            running => format!(" ({running} running)"),
        };
        [
            format!("{}, stage {}", stage.bracket, stage.stage + 1),
            stage.to.to_string(),
            stage.planned.to_string(),
            format!("{}{running}", stage.trained),
            stage.failed.to_string(),
            seconds.map_or_else(none, text::seconds),
            seconds.filter(|_| total > 0.0).map_or_else(none, |seconds| percent(seconds / total)),
        ]
    };
    overview.stage_totals().iter().map(row).collect()
}

/// The trials that are being trained, by machine and worker: trial, stage, where, and since when.
pub(super) fn running(overview: &Overview) -> Vec<[String; 4]> {
    let mut running: Vec<(&TrialOverview, (u32, u32, Timestamp))> =
        overview.trials.iter().filter_map(|trial| Some((trial, trial.running?))).collect();
    let opened = overview.processes.last().map_or(f64::NAN, |process| process.opened.0);
    running.sort_by_key(|(trial, (_, worker, _))| (trial.machine, *worker, trial.id));
    let row = |(trial, (stage, worker, since)): (&TrialOverview, (u32, u32, Timestamp))| {
        let stage = (u64::from(stage) + 1).to_string();
        [trial.id.to_string(), stage, running_at(overview, trial, worker), at(since.0, opened)]
    };
    running.into_iter().map(row).collect()
}

/// The worker that trains a trial now, with its machine's name where that is another one.
pub(super) fn running_at(overview: &Overview, trial: &TrialOverview, worker: u32) -> String {
    let is_it = |machine: &&MachineOverview| machine.number == trial.machine && machine.gone.is_none();
    let place = place(trial.machine, worker);
    match overview.machines.iter().find(is_it) {
        Some(machine) => format!("{place}, {}", machine.host),
        None => place,
    }
}

/// A worker, and its machine where that is not the study's own.
pub(super) fn place(machine: u32, worker: u32) -> String {
    let worker = u64::from(worker) + 1;
    match machine {
        0 => worker.to_string(),
        machine => format!("{worker} of machine {machine}"),
    }
}

pub(super) fn settings(overview: &Overview) -> Vec<(String, String)> {
    let study = &overview.study;
    let score = match study.score {
        ScoreBy::Best => "the best value so far",
        ScoreBy::Last => "the last value",
    };
    let value = |setting: &Setting| match setting.meaning {
        Some(meaning) => format!("{}: {meaning}", setting.value),
        None => setting.value.clone(),
    };
    let of_algorithm = study.algorithm.settings();
    let of_algorithm = of_algorithm.iter().map(|setting| (setting.label.to_owned(), value(setting)));
    let of_study = [
        ("Seed", study.seed.to_string()),
        ("A trial's score is", format!("{score} of {}", study.monitor)),
        ("A failed trial is tried again", format!("{} times", study.retries)),
        ("Configurations given in advance", study.enqueued.len().to_string()),
        ("Made with", format!("hobbit {}", study.hobbit)),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let name = ("Algorithm".to_owned(), study.algorithm.name().to_owned());
    let mut settings: Vec<(String, String)> = std::iter::once(name).chain(of_algorithm).collect();
    let lookahead = study.lookahead.map(|stages| stages.to_string());
    let sampler = study.sampler.as_ref().map(ToString::to_string);
    let promotion = study.promotion.map(|promotion| promotion.to_string());
    let of_proposals = [
        ("Lookahead", lookahead),
        ("Promoted are", promotion),
        ("Sampler", sampler),
        ("The sampler began with", study.started_from()),
    ];
    settings.extend(of_proposals.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    settings.extend(of_study);
    settings.extend(study.objective.iter().map(|(name, value)| (name.clone(), value.clone())));
    settings
}

pub(super) fn space(overview: &Overview) -> Vec<[String; 4]> {
    let row = |parameter: &crate::space::Parameter| {
        let conditions: Vec<String> = parameter.conditions().iter().map(ToString::to_string).collect();
        [
            parameter.name().to_owned(),
            parameter.domain().to_string(),
            conditions.join(" and "),
            parameter.description().to_owned(),
        ]
    };
    overview.study.space.parameters().iter().map(row).collect()
}

pub(super) fn processes(overview: &Overview) -> Vec<[String; 6]> {
    let row = |(number, process): (usize, &crate::repository::Process)| {
        let end = match &process.closed {
            None => "its end is not known".to_owned(),
            Some((_, None)) => "reached the end of the plan".to_owned(),
            Some((_, Some(reason))) => reason.clone(),
        };
        let accepted = process.accepted.iter().map(|change| format!("; accepted: {change}"));
        [
            (number + 1).to_string(),
            utc(process.opened.0),
            format!("{}, process {}", process.host, process.pid),
            process.workers.to_string(),
            process.hobbit.clone(),
            std::iter::once(end).chain(accepted).collect(),
        ]
    };
    overview.processes.iter().enumerate().map(row).collect()
}

/// The machines: who they are, what they can and did, and what they are at or when they went.
pub(super) fn machines(overview: &Overview) -> Vec<[String; 5]> {
    let row = |machine: &MachineOverview| {
        let at = match machine.gone {
            None => text::doing(&machine.doing),
            Some((time, true)) => format!("lost at {}", utc(time.0)),
            Some((time, false)) => format!("left at {}", utc(time.0)),
        };
        [
            format!("{}, process {}", machine.host, machine.pid),
            machine.slots.to_string(),
            utc(machine.joined.0),
            machine.stages.to_string(),
            at,
        ]
    };
    overview.machines.iter().map(row).collect()
}

/// A moment, without its day if that is also the other's.
fn at(seconds: f64, other: f64) -> String {
    const DAY: f64 = 86400.0;
    if (seconds / DAY).floor() == (other / DAY).floor() {
        return kuva::DateTimeAxis::minutes("%H:%M:%S UTC").format_tick(seconds);
    }
    utc(seconds)
}

/// A moment as people write it, in UTC.
pub(super) fn utc(seconds: f64) -> String {
    kuva::DateTimeAxis::minutes("%Y-%m-%d %H:%M:%S UTC").format_tick(seconds)
}
