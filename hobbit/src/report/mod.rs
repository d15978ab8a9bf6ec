//! A study as a page to read and as pictures: one HTML file that needs no network, and SVG files.
//!
//! ```no_run
//! use hobbit::report::Report;
//! use hobbit::repository::Reader;
//!
//! let report = Report::read(&Reader::open("digits_repo")?)?;
//! std::fs::write("report.html", report.html()).expect("the report is written");
//! # Ok::<(), hobbit::Error>(())
//! ```
//!
//! It reads the repository alone, needs none of the study's types, and works while the study runs. The same
//! repository gives the same bytes.
//!
//! A program gets single pictures of what it found from [`Results::plot_curves`](crate::Results::plot_curves)
//! and its siblings, or of any study by [`Report::figure`].
//!
//! A server shows the same page while the study runs ([`Report::served`], as `hobbit serve` does), a page for
//! each trial ([`Report::trial`]) and one for several studies ([`studies()`]). They ask for nothing but the
//! server's own [`style()`] and [`script()`], so that it can forbid everything else.
//!
//! # What its numbers mean
//!
//! - **Scores** in the pictures and in the table are each trial's own: trials that were dropped early were
//!   trained less. Colours tell for how many epochs.
//! - **Where configurations are from** ([`Origin`](crate::repository::Origin)) is shown where not all were
//!   drawn at random: what the sampler proposed, what it left to chance, and what was given to the study.
//! - **Importance** is fANOVA's (Hutter, Hoos and Leyton-Brown, *An Efficient Approach for Assessing
//!   Hyperparameter Importance*, ICML 2014): the share of the variance that a hyperparameter explains alone,
//!   on a random forest. Because scores of different budgets are not comparable, what is explained is a
//!   trial's rank after the first stage of its bracket among that bracket's trials. The most that a shuffled
//!   copy of a hyperparameter gets is shown beside it: a hyperparameter that is not above it tells nothing.
//! - **Rank correlation** is Spearman's, between the scores that a promotion was decided by and the next
//!   stage's own scores, of the trials that were promoted.

mod answer;
mod axis;
mod chart;
mod columns;
mod correlation;
mod failures;
mod figure;
mod history;
mod importance;
mod lists;
mod page;
mod pictures;
mod served;
mod stamp;
mod studies;
mod timeline;
mod trials;
mod verdict;

pub use figure::{Figure, Plot};
pub use served::{script, style};
pub use studies::{Shelved, studies};

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use chart::Picture;
use columns::Column;
use correlation::Correlation;
use history::Step;
use importance::{Importance, first_ranks};
use pictures::{By, Reach};
use timeline::Session;

use crate::error::Result;
use crate::repository::{Overview, Reader};

/// Of more hyperparameters than this, only the first have pictures, the most important ones if that is known.
const DRAWN: usize = 256;

/// So many hyperparameters are drawn over the numbers of trials.
const SAMPLED: usize = 6;

/// Everything that is said about a study.
pub struct Report {
    overview: Overview,
    dir: PathBuf,
    /// Whether the best trial's weights are in the repository.
    has_weights: bool,
    columns: Vec<Column>,
    importance: Result<Importance, String>,
    correlations: Vec<Correlation>,
    sessions: Vec<Session>,
    steps: Vec<Step>,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Pictures with axes that fit what matters, and the same ones with axes for all values if there is a
/// difference.
struct Drawn {
    fit: Vec<Picture>,
    all: Vec<Picture>,
}

impl Drawn {
    /// Of more trials than this, there is one picture each: a page has to stay small.
    const MOST: usize = 2000;

    fn new(overview: &Overview, draw: impl Fn(Reach) -> Vec<Picture>) -> Drawn {
        let fit = draw(Reach::Fit);
        let mut all = if overview.trials.len() <= Drawn::MOST { draw(Reach::All) } else { Vec::new() };
        if all.iter().zip(&fit).all(|(all, fit)| all.is_like(fit)) {
            all.clear();
        }
        Drawn { fit, all }
    }
}

impl Report {
    /// Reads a repository and works out everything the report says.
    ///
    /// # Errors
    /// A file of the repository is damaged: its name and line.
    pub fn read(reader: &Reader) -> Result<Report> {
        Ok(Report::of(reader, reader.overview()?, None))
    }

    /// Of a study that is in no directory.
    pub(crate) fn known(overview: Overview) -> Report {
        Report::new(PathBuf::new(), false, overview, None)
    }

    fn of(reader: &Reader, overview: Overview, known: Option<Importance>) -> Report {
        let has_weights = overview.best().is_some_and(|best| reader.has_model(best.id));
        Report::new(reader.dir().to_owned(), has_weights, overview, known)
    }

    /// Works out everything but the importance, if that is known.
    fn new(dir: PathBuf, has_weights: bool, overview: Overview, known: Option<Importance>) -> Report {
        let columns = Column::all(&overview);
        let sessions = Session::all(&overview);
        Report {
            importance: known.map_or_else(|| Importance::new(&overview, &columns), Ok),
            correlations: Correlation::all(&overview),
            steps: history::steps(&overview, &sessions),
            sessions,
            dir,
            has_weights,
            columns,
            overview,
        }
    }

    /// The page: one file with everything in it.
    pub fn html(&self) -> String {
        page::html(self, None)
    }

    /// The pictures of the page as files of their own: names and SVG.
    pub fn pictures(&self) -> Vec<(String, String)> {
        let all = self.curves().fit.into_iter().chain(self.parameters().fit);
        let rest = [self.parallel(), self.importance(), self.timeline()];
        let all = all.chain(rest.into_iter().flatten()).chain(self.pairs()).chain(self.sampled());
        let all = all.chain(self.history().fit);
        all.map(|picture| (picture.file.clone(), picture.alone())).collect()
    }

    fn history(&self) -> Drawn {
        Drawn::new(&self.overview, |reach| {
            let draw = |by| pictures::history(&self.overview, &self.steps, by, reach);
            [By::Epochs, By::Time].into_iter().filter_map(draw).collect()
        })
    }

    fn curves(&self) -> Drawn {
        Drawn::new(&self.overview, |reach| {
            let Some(axis) = pictures::curves_axis(&self.overview, reach) else { return Vec::new() };
            let brackets = 1..=self.overview.outline.brackets().len() as u32;
            brackets.filter_map(|bracket| pictures::curves(&self.overview, bracket, &axis)).collect()
        })
    }

    fn parameters(&self) -> Drawn {
        let ordered: Vec<&Column> = self.ordered().into_iter().take(DRAWN).collect();
        Drawn::new(&self.overview, |reach| {
            let numbered = ordered.iter().enumerate();
            let draw =
                |(i, column): (usize, &&Column)| pictures::parameter(&self.overview, i + 1, column, reach);
            numbered.filter_map(draw).collect()
        })
    }

    /// Where the sampler looked, of the most important hyperparameters; none if there is no sampler.
    fn sampled(&self) -> Vec<Picture> {
        if self.overview.study.sampler.is_none() {
            return Vec::new();
        }
        let varied = self.ordered().into_iter().filter(|column| !column.is_constant()).take(SAMPLED);
        let numbered = (1..).zip(varied);
        numbered.filter_map(|(number, column)| pictures::sampled(&self.overview, number, column)).collect()
    }

    /// The most important hyperparameter, or the first, with the next two that were varied.
    fn pairs(&self) -> Vec<Picture> {
        let ordered = self.ordered();
        let varied: Vec<&Column> = ordered.into_iter().filter(|column| !column.is_constant()).collect();
        let ranks = first_ranks(&self.overview);
        let pair = |number: usize| {
            let pair = (*varied.first()?, *varied.get(number)?);
            pictures::pair(&self.overview, number, pair, &ranks)
        };
        [1, 2].into_iter().filter_map(pair).collect()
    }

    fn parallel(&self) -> Option<Picture> {
        let varied: Vec<&Column> =
            self.ordered().into_iter().filter(|column| !column.is_constant()).take(DRAWN).collect();
        pictures::parallel(&self.overview, &varied)
    }

    fn importance(&self) -> Option<Picture> {
        let importance = self.importance.as_ref().ok()?;
        Some(pictures::importance(&self.columns, importance))
    }

    fn timeline(&self) -> Option<Picture> {
        pictures::timeline(&self.overview, &self.sessions)
    }

    /// The hyperparameters, the most important first, if that is known; else in the order of the space.
    fn ordered(&self) -> Vec<&Column> {
        let shares = self.importance.as_ref().map_or(&[][..], |importance| &importance.shares);
        let mut order: Vec<usize> = shares.iter().map(|(column, _)| *column).collect();
        let known: HashSet<usize> = order.iter().copied().collect();
        order.extend((0..self.columns.len()).filter(|column| !known.contains(column)));
        order.into_iter().map(|column| &self.columns[column]).collect()
    }
}
