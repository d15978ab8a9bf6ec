//! The page: what the template `page.html` shows, as text.

use askama::Template;

use super::answer::{Best, best, runners_up};
use super::chart::Picture;
use super::failures::{failed, failures};
use super::stamp::stamped;
use super::timeline::Session;
use super::trials::{Heading, rest, shown, table};
use super::{Drawn, Report, lists, pictures, verdict};
use crate::observe::text::{self, percent};
use crate::printable::printable_page;
use crate::repository::Overview;
use crate::trial::Direction;

/// So many hyperparameters have their pictures shown at once.
const SHOWN: usize = 6;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    /// The study's name in addresses, if a server shows it.
    served: Option<&'a str>,
    /// What it was made of, for those who ask whether there is something new.
    version: &'a str,
    colours: &'static str,
    style: &'static str,
    script: &'static str,
    style_hash: &'static str,
    script_hash: &'static str,
    title: String,
    /// What the study is, and how far it came.
    facts: Vec<(&'static str, String)>,
    /// How much of its epochs is done, in percent.
    done: String,
    best: Option<Best>,
    runners_up: Vec<String>,
    monitor: &'a str,
    /// The trials that are being trained: trial, stage, where, since when.
    running: Vec<[String; 4]>,
    history: Texts,
    history_note: String,
    /// Which trials are in the pictures, if there are too many.
    crowd: String,
    shares: Vec<Share<'a>>,
    importance_note: String,
    parameters: Texts,
    others: Vec<String>,
    pairs: Vec<String>,
    sampled: Vec<String>,
    parallel: Option<String>,
    curves: Texts,
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
    /// The rows that are not among them.
    rest: String,
    total: usize,
    settings: Vec<(String, String)>,
    space: Vec<[String; 4]>,
    processes: Vec<[String; 6]>,
    machines: Vec<[String; 5]>,
}

/// Pictures with axes that fit what matters, and the same with all values; these are left out if nothing is
/// beyond the axes of the former.
#[derive(Default)]
struct Texts {
    fit: Vec<String>,
    all: Vec<String>,
}

/// How much of the differences a hyperparameter explains.
struct Share<'a> {
    /// Its name, in the parts between which a line may break.
    name: Vec<&'a str>,
    percent: String,
    /// Its bar, and what chance gives, in percent of the room.
    width: String,
    limit: String,
    is_chance: bool,
}

pub(super) fn html(report: &Report, served: Option<(&str, &str)>) -> String {
    let overview = &report.overview;
    let svg = |picture: Picture| picture.in_page();
    let (columns, mut rows) = table(report);
    let total = rows.len();
    let beyond = rows.split_off(shown(total));
    let mut parameters = texts(report.parameters());
    let others = parameters.fit.split_off(parameters.fit.len().min(SHOWN));
    parameters.all.truncate(SHOWN);
    let page = Page {
        served: served.map(|(name, _)| name),
        version: served.map_or("", |(_, version)| version),
        colours: super::chart::COLOURS,
        style: STYLE,
        script: SCRIPT,
        style_hash: STYLE_HASH,
        script_hash: SCRIPT_HASH,
        title: title(report),
        facts: facts(overview, &report.sessions, served.is_some()),
        done: done(overview),
        best: best(report),
        runners_up: runners_up(overview),
        monitor: &overview.study.monitor,
        running: lists::running(overview),
        history: texts(report.history()),
        history_note: history_note(overview),
        crowd: pictures::crowd(overview).unwrap_or_default(),
        shares: shares(report),
        importance_note: importance_note(report),
        parameters,
        others,
        pairs: report.pairs().into_iter().map(svg).collect(),
        sampled: report.sampled().into_iter().map(svg).collect(),
        parallel: report.parallel().map(svg),
        curves: texts(report.curves()),
        correlations: report.correlations.iter().map(verdict::row).collect(),
        verdict: verdict::sentence(&report.correlations, &overview.outline),
        timeline: report.timeline().map(svg),
        time_note: time_note(&report.sessions),
        planned: if overview.outline.is_exact() { "Planned" } else { "Expected" },
        stages: lists::stages(overview),
        failed: failed(overview),
        failures: failures(overview),
        columns,
        rows,
        rest: rest(&beyond),
        total,
        settings: lists::settings(overview),
        space: lists::space(overview),
        processes: lists::processes(overview),
        machines: lists::machines(overview),
    };
    // writing to a text does not fail
    let page = printable_page(&page.render().unwrap_or_default()).into_owned();
    if served.is_some() { stamped(&page) } else { page }
}

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("script.js");

/// The page's own style and script, and nothing else, may be used by a browser that opens the report: their
/// SHA-256 as they stand in the page. A test says what they have to be.
const STYLE_HASH: &str = "sha256-c8Y0cYHZ/+YHu3q+APCvwfJ6YR+6MwVWHjEifT2hpY4=";
const SCRIPT_HASH: &str = "sha256-aS9DJJQgQ2R/iyMzj85tEwsNG9TiIDSBhTzJw+UcMfM=";

fn texts(drawn: Drawn) -> Texts {
    let texts = |pictures: Vec<Picture>| pictures.iter().map(Picture::in_page).collect();
    Texts { fit: texts(drawn.fit), all: texts(drawn.all) }
}

pub(super) fn title(report: &Report) -> String {
    if report.dir.as_os_str().is_empty() {
        return "Study".to_owned();
    }
    let dir = report
        .dir
        .file_name()
        .map_or_else(|| report.dir.display().to_string(), |name| name.to_string_lossy().into_owned());
    format!("Study {dir}")
}

fn facts(overview: &Overview, sessions: &[Session], is_served: bool) -> Vec<(&'static str, String)> {
    let state = match overview.processes.last().map(|process| &process.closed) {
        None => "not begun".to_owned(),
        Some(None) if is_served => state(overview).to_owned(),
        // the same repository gives the same page, whether its process lives or not
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
        ("Epochs", epochs(overview)),
        ("Time", text::seconds(seconds)),
    ]
}

/// The epochs trained, of those that it takes: fewer than planned where trials fail or are stopped early.
fn epochs(overview: &Overview) -> String {
    let (trained, planned) = (overview.trained_epochs(), overview.planned_epochs());
    let all = trained.saturating_add(overview.epochs_left());
    if is_expected(overview) {
        format!("{trained} of {planned} expected")
    } else if all == planned {
        format!("{trained} of {planned}")
    } else if all == trained {
        format!("{trained} (planned: {planned})")
    } else {
        format!("{trained} of {all} (planned: {planned})")
    }
}

/// What the study is doing, in a word or two.
pub(super) fn state(overview: &Overview) -> &'static str {
    let Some(last) = overview.processes.last() else { return "not begun" };
    match (&last.closed, last.is_running()) {
        (Some((_, None)), _) => "finished",
        (Some(_), _) => "stopped",
        (None, Some(true)) => "running",
        (None, Some(false)) => "killed",
        (None, None) => "running elsewhere, or killed",
    }
}

/// How much of the epochs is done, in percent.
pub(super) fn done(overview: &Overview) -> String {
    let trained = overview.trained_epochs();
    let all = trained.saturating_add(overview.epochs_left()).max(1);
    format!("{:.1}", trained as f64 * 100.0 / all as f64)
}

/// Whether the numbers of what is planned are expectations.
fn is_expected(overview: &Overview) -> bool {
    !overview.outline.is_exact() && !overview.is_finished()
}

fn history_note(overview: &Overview) -> String {
    let monitor = &overview.study.monitor;
    let way = match overview.study.direction {
        Direction::Minimize => "smaller is better",
        Direction::Maximize => "larger is better",
    };
    format!(
        "Each dot is {monitor} of a trial when one of its stages ended ({way}); the line is the best so far, over the epochs that \
         were trained in all, and over the time that processes worked."
    )
}

fn shares(report: &Report) -> Vec<Share<'_>> {
    let Ok(importance) = &report.importance else { return Vec::new() };
    let most = importance.shares.iter().map(|(_, share)| *share).fold(importance.chance, f64::max).max(1e-9);
    let width = |share: f64| format!("{:.1}", (share / most).clamp(0.0, 1.0) * 99.0);
    let share = |(column, share): &(usize, f64)| Share {
        name: report.columns[*column].name.split_inclusive(['.', '_']).collect(),
        percent: percent(*share),
        width: width(*share),
        limit: width(importance.chance),
        is_chance: *share <= importance.chance,
    };
    importance.shares.iter().map(share).collect()
}

fn importance_note(report: &Report) -> String {
    match &report.importance {
        Ok(importance) if importance.trials < importance.needed => format!(
            "It rests on {} trials, which are few for so many hyperparameters: {} would be enough for more than a hint.",
            importance.trials, importance.needed
        ),
        Ok(importance) => format!("It rests on {} trials.", importance.trials),
        Err(why) => why.clone(),
    }
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
