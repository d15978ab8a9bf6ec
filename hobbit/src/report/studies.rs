//! The list of a server's studies: where they stand, and how they compare.

use std::collections::BTreeSet;

use askama::Template;

use super::page::{done, state};
use super::stamp::stamped;
use super::{Report, pictures};
use crate::observe::text::number;
use crate::observe::{Wording, names};
use crate::printable::printable_page;

/// So many studies are compared, the first ones.
const COMPARED: usize = 6;

/// A study in the list of a server.
#[derive(Debug)]
pub enum Shelved<'a> {
    /// One that can be read: its name in addresses, its directory in words, and what is known.
    Study(&'a str, String, &'a Report),
    /// One that cannot: its directory in words, and why.
    Damaged(String, String),
}

#[derive(Template)]
#[template(path = "studies.html")]
struct StudiesPage<'a> {
    version: &'a str,
    count: String,
    rows: Vec<Line>,
    /// The best scores so far of studies that have the same monitor, a picture for each monitor.
    pictures: Vec<String>,
    /// The directories of studies that are compared, and a row for each hyperparameter with its best values.
    compared: Vec<String>,
    values: Vec<(String, Vec<String>)>,
    damaged: Vec<(String, String)>,
}

struct Line {
    name: String,
    dir: String,
    state: &'static str,
    monitor: String,
    best: String,
    trial: String,
    trials: String,
    epochs: String,
    done: String,
    algorithm: String,
}

/// The page of a server at `/`: the studies that it shows, with links to `/study/NAME`, and a comparison of
/// the first ones. `version` is that of [`Report::served`]; it follows `/events`.
pub fn studies(version: &str, shelved: &[Shelved<'_>]) -> String {
    let count = match shelved.len() {
        1 => "1 study".to_owned(),
        many => format!("{many} studies"),
    };
    let known: Vec<(&str, &str, &Report)> = shelved
        .iter()
        .filter_map(|study| match study {
            Shelved::Study(name, dir, report) => Some((*name, dir.as_str(), *report)),
            Shelved::Damaged(..) => None,
        })
        .collect();
    let damaged = shelved.iter().filter_map(|study| match study {
        Shelved::Damaged(dir, why) => Some((dir.clone(), why.clone())),
        Shelved::Study(..) => None,
    });
    let first = &known[..known.len().min(COMPARED)];
    let (compared, values) = if first.len() > 1 { values(first) } else { Default::default() };
    let page = StudiesPage {
        version,
        count,
        rows: known.iter().map(|(name, dir, report)| line(name, dir, report)).collect(),
        pictures: if first.len() > 1 { pictures_of(first) } else { Vec::new() },
        compared,
        values,
        damaged: damaged.collect(),
    };
    // writing to a text does not fail
    stamped(&printable_page(&page.render().unwrap_or_default()))
}

fn line(name: &str, dir: &str, report: &Report) -> Line {
    let overview = &report.overview;
    let best = overview.best();
    let trained = overview.trained_epochs();
    let (kind, sizes) = (overview.study.algorithm.name(), overview.study.sizes());
    Line {
        name: name.to_owned(),
        dir: dir.to_owned(),
        state: state(overview),
        monitor: format!("{} {}", overview.study.direction, overview.study.monitor),
        best: best.and_then(|best| best.score).map_or_else(|| "–".to_owned(), |(score, _)| number(score)),
        trial: best.map_or_else(String::new, |best| best.id.to_string()),
        trials: overview.trials.len().to_string(),
        epochs: format!("{trained} of {}", trained.saturating_add(overview.epochs_left())),
        done: done(overview),
        algorithm: if sizes.starts_with(kind) { sizes } else { format!("{kind} {sizes}") },
    }
}

/// A picture for each monitor that several of these studies have.
fn pictures_of(studies: &[(&str, &str, &Report)]) -> Vec<String> {
    let monitor = |report: &Report| {
        (report.overview.study.monitor.clone(), report.overview.study.direction.to_string())
    };
    let monitors: BTreeSet<_> = studies.iter().map(|(.., report)| monitor(report)).collect();
    let picture = |of: &(String, String)| {
        let same = studies.iter().enumerate().filter(|(_, (.., report))| monitor(report) == *of);
        let same: Vec<_> = same
            .map(|(place, (_, dir, report))| (place, *dir, &report.overview, &report.steps[..]))
            .collect();
        pictures::compared(&same).map(|picture| picture.in_page())
    };
    monitors.iter().filter_map(picture).collect()
}

/// The directories, and the values of each hyperparameter in the studies' best trials.
fn values(studies: &[(&str, &str, &Report)]) -> (Vec<String>, Vec<(String, Vec<String>)>) {
    let fields = |report: &Report| {
        let best = report.overview.best();
        best.map_or_else(Vec::new, |best| Wording::new(&report.overview.study.space).fields(&best.hparams))
    };
    let written: Vec<Vec<(String, String)>> = studies.iter().map(|(.., report)| fields(report)).collect();
    let value = |fields: &Vec<(String, String)>, name: &str| {
        let field = fields.iter().find(|(known, _)| known == name);
        field.map_or_else(String::new, |(_, text)| text.clone())
    };
    let row = |name: &str| (name.to_owned(), written.iter().map(|fields| value(fields, name)).collect());
    let rows = names(written.iter().map(Vec::as_slice)).into_iter().map(row).collect();
    (studies.iter().map(|(_, dir, _)| (*dir).to_owned()).collect(), rows)
}
