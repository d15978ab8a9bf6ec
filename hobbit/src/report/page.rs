//! The page: what the template `page.html` shows, as text.

use std::collections::{BTreeMap, HashMap};

use askama::Template;

use super::Report;
use super::chart::Picture;
use super::columns::Column;
use super::failures::{failed, failures};
use super::timeline::Session;
use super::verdict;
use crate::observe::text::{self, cell, percent, plain_number};
use crate::printable::printable_page;
use crate::repository::{Overview, ScoreBy, StageOverview, TrialOverview};
use crate::schedule::Setting;
use crate::space::Value;
use crate::trial::Direction;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    colours: &'static str,
    style: &'static str,
    script: &'static str,
    title: String,
    /// What the study is, and how far it came.
    facts: Vec<(&'static str, String)>,
    best: Option<Best>,
    runners_up: Vec<String>,
    monitor: &'a str,
    curves: Vec<String>,
    parameters: Vec<String>,
    parallel: Option<String>,
    importance: Option<String>,
    importance_note: String,
    correlations: Vec<[String; 5]>,
    verdict: String,
    timeline: Option<String>,
    time_note: String,
    /// The heading of the numbers of trials that stages should have.
    planned: &'a str,
    stages: Vec<[String; 7]>,
    failed: String,
    failures: Vec<[String; 4]>,
    columns: Vec<Heading<'a>>,
    rows: Vec<Vec<String>>,
    settings: Vec<(String, String)>,
    space: Vec<[String; 4]>,
    processes: Vec<[String; 6]>,
}

struct Best {
    trial: String,
    score: String,
    epoch: u64,
    epochs: u64,
    status: String,
    hparams: Vec<(String, String)>,
    metrics: String,
    rust: String,
    python: Option<String>,
}

struct Heading<'a> {
    name: &'a str,
    is_number: bool,
}

pub(super) fn html(report: &Report) -> String {
    let overview = &report.overview;
    let svg = |picture: Picture| picture.in_page();
    let (columns, rows) = table(report);
    let page = Page {
        colours: super::chart::COLOURS,
        style: include_str!("style.css"),
        script: include_str!("script.js"),
        title: title(report),
        facts: facts(overview, &report.sessions),
        best: best(report),
        runners_up: runners_up(overview),
        monitor: &overview.study.monitor,
        curves: report.curves().into_iter().map(svg).collect(),
        parameters: report.parameters().into_iter().map(svg).collect(),
        parallel: report.parallel().map(svg),
        importance: report.importance().map(svg),
        importance_note: match &report.importance {
            Ok(importance) => format!("It rests on {} trials.", importance.trials),
            Err(why) => why.clone(),
        },
        correlations: report.correlations.iter().map(verdict::row).collect(),
        verdict: verdict::sentence(&report.correlations, &overview.outline),
        timeline: report.timeline().map(svg),
        time_note: time_note(&report.sessions),
        planned: if overview.outline.is_exact() { "Planned" } else { "Expected" },
        stages: stages(overview),
        failed: failed(overview),
        failures: failures(overview),
        columns,
        rows,
        settings: settings(overview),
        space: space(overview),
        processes: processes(overview),
    };
    // writing to a text does not fail
    printable_page(&page.render().unwrap_or_default()).into_owned()
}

fn title(report: &Report) -> String {
    let dir = report
        .dir
        .file_name()
        .map_or_else(|| report.dir.display().to_string(), |name| name.to_string_lossy().into_owned());
    format!("Study {dir}")
}

fn facts(overview: &Overview, sessions: &[Session]) -> Vec<(&'static str, String)> {
    let trained = overview.trained_epochs();
    let planned = overview.planned_epochs();
    let state = match overview.processes.last().map(|process| &process.closed) {
        None => "not begun".to_owned(),
        Some(None) => "running, or its process was killed".to_owned(),
        Some(Some((_, None))) => "finished".to_owned(),
        Some(Some((_, Some(reason)))) => format!("stopped before its end: {reason}"),
    };
    let way = match overview.study.direction {
        Direction::Minimize => "smaller is better",
        Direction::Maximize => "larger is better",
    };
    let total = overview.outline.total_trials();
    let seconds: f64 = sessions.iter().map(|session| session.seconds).sum();
    vec![
        ("State", state),
        ("Score", format!("{}, {way}", overview.study.monitor)),
        ("Trials", format!("{} of {total}", overview.trials.len())),
        ("Epochs", format!("{trained} of {planned}{}", if is_expected(overview) { " expected" } else { "" })),
        ("Time", text::seconds(seconds)),
    ]
}

/// Whether the numbers of what is planned are expectations.
fn is_expected(overview: &Overview) -> bool {
    !overview.outline.is_exact() && !overview.is_finished()
}

fn best(report: &Report) -> Option<Best> {
    let trial = report.overview.best()?;
    let (score, epoch) = trial.score?;
    let id = trial.id;
    let dir = report.dir.display().to_string();
    let weights = report.dir.join("weights").join(format!("{id}.safetensors"));
    let metrics = trial.score_metrics().map(|(name, value)| format!("{name} {}", plain_number(value)));
    Some(Best {
        trial: id.to_string(),
        score: plain_number(score),
        epoch,
        epochs: trial.epochs(),
        status: trial.status.to_string(),
        hparams: trial.hparams.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        metrics: metrics.collect::<Vec<_>>().join(", "),
        rust: format!(
            "// in the program of the study, with the same settings: returns at once, once the study is finished\n\
             let results = study.repo_dir({dir:?}).{run}?;\n\
             let hparams = &results.best().hparams;\n\
             let model = results.best_model()?;\n\n\
             // in any other program: its arrays, by name\n\
             let reader = hobbit::repository::Reader::open({dir:?})?;\n\
             let id = TrialId {{ iteration: {iteration}, bracket: {bracket}, index: {index} }};\n\
             let arrays = reader.model(id)?.best.arrays;",
            run = report.overview.study.algorithm.call(),
            iteration = id.iteration,
            bracket = id.bracket,
            index = id.index,
        ),
        python: report
            .has_weights
            .then(|| format!("safetensors.numpy.load_file({:?})", weights.display().to_string())),
    })
}

/// How far the next ones are behind.
fn runners_up(overview: &Overview) -> Vec<String> {
    let next = overview.trials.iter().skip(1).take(3);
    next.filter_map(|trial| Some(format!("{} with {}", trial.id, plain_number(trial.score?.0)))).collect()
}

fn time_note(sessions: &[Session]) -> String {
    let available: f64 = sessions.iter().map(Session::available).sum();
    let busy: f64 = sessions.iter().map(Session::busy).sum();
    if available <= 0.0 {
        return "No stage of a trial has ended yet.".to_owned();
    }
    let idle = (1.0 - busy / available).clamp(0.0, 1.0);
    let processes = match sessions.len() {
        1 => "One process".to_owned(),
        count => format!("{count} processes, one after the other,"),
    };
    let seconds: f64 = sessions.iter().map(|session| session.seconds).sum();
    format!(
        "{processes} worked for {}; its workers were idle {} of that time.",
        text::seconds(seconds),
        percent(idle)
    )
}

fn stages(overview: &Overview) -> Vec<[String; 7]> {
    let total: f64 = overview.trials.iter().flat_map(|trial| &trial.stages).map(|stage| stage.seconds).sum();
    let mut each: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for record in overview.trials.iter().flat_map(|trial| &trial.stages) {
        *each.entry((record.trial.bracket, record.stage)).or_default() += record.seconds;
    }
    let row = |stage: &StageOverview| {
        let seconds = each.get(&(stage.bracket, stage.stage)).copied().unwrap_or_default();
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
            text::seconds(seconds),
            if total > 0.0 { percent(seconds / total) } else { "–".to_owned() },
        ]
    };
    overview.stage_totals().iter().map(row).collect()
}

/// The table of all trials: its columns, and the cells of each row.
fn table(report: &Report) -> (Vec<Heading<'_>>, Vec<Vec<String>>) {
    let overview = &report.overview;
    let mut metrics: Vec<&str> =
        crate::observe::metric_names(overview.trials.iter().flat_map(|trial| &trial.stages));
    metrics.retain(|name| *name != overview.study.monitor);
    let heading = |name, is_number| Heading { name, is_number };
    let mut headings =
        vec![heading("rank", true), heading("trial", false), heading(&overview.study.monitor, true)];
    headings.extend([heading("epochs", true), heading("status", false)]);
    headings.extend(
        report
            .columns
            .iter()
            .map(|column| heading(&column.name, !matches!(column.scale, super::columns::Scale::Options(_)))),
    );
    headings.extend(metrics.iter().map(|name| heading(name, true)));
    let row = |(place, trial): (usize, &TrialOverview)| {
        let status = if trial.running.is_some() { "running".to_owned() } else { trial.status.to_string() };
        let score = trial.score.map_or_else(|| "–".to_owned(), |(score, _)| plain_number(score));
        let mut cells =
            vec![(place + 1).to_string(), trial.id.to_string(), score, trial.epochs().to_string(), status];
        let hparams: HashMap<&str, &Value> =
            trial.hparams.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let hparam =
            |column: &Column| hparams.get(column.name.as_str()).map_or_else(String::new, |value| cell(value));
        cells.extend(report.columns.iter().map(hparam));
        let values: HashMap<&str, f64> = trial.score_metrics().collect();
        cells.extend(
            metrics.iter().map(|name| values.get(name).copied().map(plain_number).unwrap_or_default()),
        );
        cells
    };
    (headings, overview.trials.iter().enumerate().map(row).collect())
}

fn settings(overview: &Overview) -> Vec<(String, String)> {
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
        ("Configurations given instead of drawn", study.enqueued.len().to_string()),
        ("Made with", format!("hobbit {}", study.hobbit)),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let name = ("Algorithm".to_owned(), study.algorithm.name().to_owned());
    let mut settings: Vec<(String, String)> = std::iter::once(name).chain(of_algorithm).collect();
    let lookahead = study.lookahead.map(|stages| stages.to_string());
    let sampler = study.sampler.as_ref().map(ToString::to_string);
    let of_proposals = [("Lookahead", lookahead), ("Sampler", sampler)];
    settings.extend(of_proposals.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    settings.extend(of_study);
    settings.extend(study.objective.iter().map(|(name, value)| (name.clone(), value.clone())));
    settings
}

fn space(overview: &Overview) -> Vec<[String; 4]> {
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

fn processes(overview: &Overview) -> Vec<[String; 6]> {
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

/// A moment as people write it, in UTC.
fn utc(seconds: f64) -> String {
    kuva::DateTimeAxis::minutes("%Y-%m-%d %H:%M:%S UTC").format_tick(seconds)
}
