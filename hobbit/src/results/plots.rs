//! Pictures of what a sweep found, for programs and notebooks.

use std::path::Path;

use super::Results;
use crate::error::Result;
use crate::objective::Objective;
use crate::report::{Figure, Plot, Report};
use crate::repository::{Overview, Reader, Record, Status, Timestamp};
use crate::space::SearchSpace;

/// Pictures (feature `report`). Each is written as an SVG file and returned, so that a notebook of evcxr
/// shows it where the call ends a cell.
///
/// ```
/// use hobbit::testing::Fake;
/// use hobbit::{BoxError, EpochContext, Hyperband, Metrics, TrialContext, search_space};
///
/// #[search_space]
/// struct Rate {
///     #[log_uniform(1e-5..=1.0)]
///     rate: f64,
/// }
///
/// let build = |hparams: &Rate, _: &TrialContext| Ok((hparams.rate.log10() + 2.0).abs());
/// let epoch = |loss: &mut f64, _: &EpochContext<'_>, metrics: &mut Metrics| -> Result<(), BoxError> {
///     *loss *= 0.9;
///     metrics.report("val_loss", *loss);
///     Ok(())
/// };
/// let results = Hyperband::of(Fake::new(build, epoch)).quiet().seed(1).run(27, 3)?;
/// # let dir = tempfile::tempdir().expect("there is room for a directory");
/// # let dir = dir.path();
/// results.plot_curves(dir.join("curves.svg"))?;
/// results.plot_history(dir.join("history.svg"))?;
/// results.plot_importance(dir.join("importance.svg"))?;
/// let parallel = results.plot_parallel(dir.join("parallel.svg"))?;
/// assert!(parallel.svg().contains("rate (log)"));
/// # Ok::<(), hobbit::Error>(())
/// ```
impl<O: Objective> Results<O> {
    /// Everything that is said about the study: its page, and its pictures. With a repository it is what
    /// `hobbit report` makes of it; without one, what this process knows.
    ///
    /// # Errors
    /// A file of the repository is damaged: its name and line.
    pub fn report(&self) -> Result<Report> {
        match &self.repository {
            Some((dir, _)) => Report::read(&Reader::open(dir)?),
            None => Ok(Report::known(Overview::new(self.study.clone(), self.records())?)),
        }
    }

    /// One of the study's pictures, without a file.
    ///
    /// # Errors
    /// There is nothing to draw, or a file of the repository is damaged.
    pub fn plot(&self, plot: Plot) -> Result<Figure> {
        self.report()?.figure(plot)
    }

    /// The learning curves of all trials, a part for each bracket.
    ///
    /// # Errors
    /// The file cannot be written, or as [`plot`](Results::plot).
    pub fn plot_curves(&self, file: impl AsRef<Path>) -> Result<Figure> {
        self.plotted(Plot::Curves, file.as_ref())
    }

    /// The best score so far, over epochs and over time.
    ///
    /// # Errors
    /// As [`plot_curves`](Results::plot_curves).
    pub fn plot_history(&self, file: impl AsRef<Path>) -> Result<Figure> {
        self.plotted(Plot::History, file.as_ref())
    }

    /// How much each hyperparameter matters. The [module `report`](crate::report#what-its-numbers-mean) says
    /// how that is found out; it takes at least 30 trials.
    ///
    /// # Errors
    /// As [`plot_curves`](Results::plot_curves).
    pub fn plot_importance(&self, file: impl AsRef<Path>) -> Result<Figure> {
        self.plotted(Plot::Importance, file.as_ref())
    }

    /// Each trial that has a score as a line through all hyperparameters, the most important ones first.
    ///
    /// # Errors
    /// As [`plot_curves`](Results::plot_curves).
    pub fn plot_parallel(&self, file: impl AsRef<Path>) -> Result<Figure> {
        self.plotted(Plot::Parallel, file.as_ref())
    }

    fn plotted(&self, plot: Plot, file: &Path) -> Result<Figure> {
        let figure = self.plot(plot)?;
        figure.write(file)?;
        Ok(figure)
    }

    /// What a journal would say of the trials.
    fn records(&self) -> Vec<Record> {
        let begins =
            self.trials.iter().flat_map(|trial| &trial.stages).map(|stage| stage.time.0 - stage.seconds);
        let ends = self.trials.iter().flat_map(|trial| &trial.stages).map(|stage| stage.time.0);
        let opened = Timestamp(begins.fold(f64::INFINITY, f64::min));
        let closed = Timestamp(ends.fold(f64::NEG_INFINITY, f64::max));
        let mut records = vec![Record::Opened {
            time: opened,
            hobbit: self.study.hobbit.clone(),
            host: String::new(),
            pid: std::process::id(),
            workers: 0,
            descriptions: None,
        }];
        for trial in &self.trials {
            records.push(Record::Started {
                time: opened,
                trial: trial.id,
                stage: 0,
                worker: 0,
                machine: 0,
                hparams: trial.hparams.values(),
                model: Default::default(),
                point: None,
                origin: Some(self.origin(trial.id)),
            });
            records.extend(trial.stages.iter().map(|stage| Record::Stage((**stage).clone())));
            if let Status::Finished | Status::Dropped(_) = trial.status {
                records.push(Record::Ended { trial: trial.id, status: trial.status.clone() });
            }
        }
        records.push(Record::Closed { time: closed, reason: self.stopped.clone() });
        records
    }
}
