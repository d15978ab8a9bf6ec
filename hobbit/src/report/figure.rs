//! Pictures for code that asks for one of them by name: which there are, and what is made of them.

use std::fmt;
use std::path::Path;

use super::Report;
use super::chart::Picture;
use crate::error::{Error, Result};

/// Which picture of a study: see [`Report::figure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Plot {
    /// The best score so far over the epochs of the whole study, and beside it over the time at work.
    History,
    /// How much each hyperparameter matters, by fANOVA.
    Importance,
    /// The learning curves of all trials: a part for each bracket, all on the same axes.
    Curves,
    /// Parallel coordinates: each trial that has a score as a line through all hyperparameters.
    Parallel,
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plot::History => "the best score so far",
            Plot::Importance => "the importance of the hyperparameters",
            Plot::Curves => "the learning curves",
            Plot::Parallel => "parallel coordinates",
        })
    }
}

/// A picture of a study as SVG, light or dark as its reader prefers. In an evcxr notebook (feature `evcxr`)
/// it is shown where it ends a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure(String);

impl Figure {
    /// The picture as the text of an SVG file.
    pub fn svg(&self) -> &str {
        &self.0
    }

    /// Writes the picture to a file, replacing an existing one.
    ///
    /// # Errors
    /// The file cannot be written: its name, and why.
    #[expect(clippy::disallowed_methods, reason = "a picture is not a file of a study")]
    pub fn write(&self, file: impl AsRef<Path>) -> Result<()> {
        let file = file.as_ref();
        std::fs::write(file, &self.0).map_err(|error| Error::io("write the picture", file, error))
    }
}

#[cfg(feature = "evcxr")]
impl Figure {
    /// Shows it in a notebook of evcxr, which calls this for a value that ends a cell.
    pub fn evcxr_display(&self) {
        crate::observe::print(&self.notebook());
    }

    /// Between the lines by which a notebook of evcxr knows it. As an image of its own, so that its colours
    /// are not those of the notebook's page.
    fn notebook(&self) -> String {
        use std::fmt::Write;
        let mut address = String::with_capacity(self.0.len() * 5 / 4);
        for byte in self.0.bytes() {
            match byte {
                b' ' | b'!' | b'$' | b'(' | b')'..=b';' | b'=' | b'?'..=b'~' => {
                    address.push(char::from(byte));
                }
                _ => _ = write!(address, "%{byte:02X}"),
            }
        }
        format!(
            "EVCXR_BEGIN_CONTENT text/html\n<img alt=\"Picture of a study\" src=\"data:image/svg+xml,{address}\">\nEVCXR_END_CONTENT\n"
        )
    }
}

impl Report {
    /// A picture of the study.
    ///
    /// ```no_run
    /// use hobbit::report::{Plot, Report};
    /// use hobbit::repository::Reader;
    ///
    /// let report = Report::read(&Reader::open("digits_repo")?)?;
    /// report.figure(Plot::Curves)?.write("curves.svg")?;
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// There is nothing to draw yet: which picture, and why.
    pub fn figure(&self, plot: Plot) -> Result<Figure> {
        let (pictures, why) = match plot {
            Plot::History => (self.history().fit, "no stage of a trial has a score yet".to_owned()),
            Plot::Curves => (self.curves().fit, "no epoch has been trained yet".to_owned()),
            Plot::Importance => {
                let why = self.importance.as_ref().err().cloned().unwrap_or_default();
                (self.importance().into_iter().collect(), why)
            }
            Plot::Parallel => {
                let why = "it takes two trials that have a score, and a hyperparameter that was varied";
                (self.parallel().into_iter().collect(), why.to_owned())
            }
        };
        if pictures.is_empty() {
            return Err(Error::study(format!("there is no picture of {plot}: {why}")));
        }
        Ok(Figure(Picture::together(&pictures)))
    }
}

#[cfg(all(test, feature = "evcxr"))]
mod tests {
    use super::*;

    #[test]
    fn a_notebook_gets_an_image_without_markup() {
        let figure = Figure("<svg a=\"b\" c='d'>é 100 % of #1 & more</svg>\n".to_owned());
        let shown = figure.notebook();
        let expected = "EVCXR_BEGIN_CONTENT text/html\n<img alt=\"Picture of a study\" src=\"data:image/svg+xml,\
            %3Csvg a=%22b%22 c=%27d%27%3E%C3%A9 100 %25 of %231 %26 more%3C/svg%3E%0A\">\nEVCXR_END_CONTENT\n";
        assert_eq!(shown, expected);
    }
}
