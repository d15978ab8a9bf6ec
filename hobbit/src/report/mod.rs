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
//! # What its numbers mean
//!
//! - **Scores** in the pictures and in the table are each trial's own: trials that were dropped early were
//!   trained less. Colours tell for how many epochs.
//! - **Importance** is fANOVA's (Hutter, Hoos and Leyton-Brown, *An Efficient Approach for Assessing
//!   Hyperparameter Importance*, ICML 2014): the share of the variance that a hyperparameter explains alone,
//!   on a random forest. Because scores of different budgets are not comparable, what is explained is a
//!   trial's rank after the first stage of its bracket among that bracket's trials. The most that a shuffled
//!   copy of a hyperparameter gets is shown beside it: what is not above it tells nothing.
//! - **Rank correlation** is Spearman's, between the scores that a promotion was decided by and the next
//!   stage's own scores, of the trials that were promoted.

mod chart;
mod columns;
mod correlation;
mod failures;
mod importance;
mod page;
mod pictures;
mod timeline;
mod verdict;

use std::collections::HashSet;
use std::path::PathBuf;

use chart::Picture;
use columns::Column;
use correlation::Correlation;
use importance::Importance;
use timeline::Session;

use crate::error::Result;
use crate::repository::{Overview, Reader};

/// Of more hyperparameters than this, only the first have pictures, the most important ones if that is known.
const DRAWN: usize = 256;

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
}

impl Report {
    /// Reads a repository and works out everything the report says.
    ///
    /// # Errors
    /// A file of the repository is damaged: its name and line.
    pub fn read(reader: &Reader) -> Result<Report> {
        let overview = reader.overview()?;
        let has_weights = overview.best().is_some_and(|best| reader.has_model(best.id));
        let columns = Column::all(&overview);
        Ok(Report {
            importance: Importance::new(&overview, &columns),
            correlations: Correlation::all(&overview),
            sessions: Session::all(&overview),
            dir: reader.dir().to_owned(),
            has_weights,
            columns,
            overview,
        })
    }

    /// The page: one file with everything in it.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// The pictures of the page as files of their own: names and SVG.
    pub fn pictures(&self) -> Vec<(String, String)> {
        let all = self.curves().into_iter().chain(self.parameters());
        let rest = [self.parallel(), self.importance(), self.timeline()];
        all.chain(rest.into_iter().flatten()).map(|picture| (picture.file.clone(), picture.alone())).collect()
    }

    fn curves(&self) -> Vec<Picture> {
        let brackets = 1..=self.overview.outline.brackets().len() as u32;
        brackets.filter_map(|bracket| pictures::curves(&self.overview, bracket)).collect()
    }

    fn parameters(&self) -> Vec<Picture> {
        let ordered = self.ordered().into_iter().take(DRAWN).enumerate();
        ordered.filter_map(|(i, column)| pictures::parameter(&self.overview, i + 1, column)).collect()
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
