//! What each algorithm's builder is called, the settings that only it has, and its `run`.

use crate::error::Result;
use crate::objective::Objective;
use crate::results::Results;
use crate::schedule::{Algorithm, EpochCount, Promotion};
use crate::study::Study;

/// The algorithms, as types: what a [`Study`] is run with.
pub mod by {
    /// See [`Hyperband`](crate::Hyperband).
    #[derive(Debug)]
    pub enum Hyperband {}
    /// See [`SuccessiveHalving`](crate::SuccessiveHalving).
    #[derive(Debug)]
    pub enum SuccessiveHalving {}
    /// See [`RandomSearch`](crate::RandomSearch).
    #[derive(Debug)]
    pub enum RandomSearch {}
    /// See [`Asha`](crate::Asha).
    #[derive(Debug)]
    pub enum Asha {}
    /// See [`Pasha`](crate::Pasha).
    #[derive(Debug)]
    pub enum Pasha {}
}

/// A Hyperband sweep (Li et al., JMLR 18(185), 2018), to be set up and run: several brackets of successive
/// halving, which weigh many configurations with few epochs against few with many.
///
/// Setters check nothing; [`run`](Hyperband::run) checks everything before it trains anything.
///
/// Three constructors say what is tuned: `new` takes a function that describes networks,
/// [`function`](Study::function) a training loop, and [`of`](Study::of) any [`Objective`].
///
/// ```
/// use hobbit::{Hyperband, search_space};
///
/// #[search_space]
/// struct Hparams {
///     #[uniform(-1.0..=1.0)]
///     x: f64,
/// }
///
/// let results = Hyperband::function(|hp: &Hparams, trial| {
///     for epoch in trial.epochs() {
///         trial.report("val_loss", hp.x * hp.x + 1.0 / epoch as f64)?;
///     }
///     Ok(())
/// })
/// .seed(3)
/// .quiet()
/// .run(9, 3)?; // at most 9 epochs a stage; each stage keeps one trial in 3
/// assert_eq!(results.trials().len(), 9 + 5 + 3);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub type Hyperband<O> = Study<O, by::Hyperband>;

/// A sweep of successive halving (Jamieson and Talwalkar, AISTATS 2016), to be set up and run: many trials
/// begin, and the best of each stage are trained on. One bracket of Hyperband, whose size you choose.
///
/// ```no_run
/// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
/// use hobbit::SuccessiveHalving;
///
/// // 81 trials for 1 epoch, 27 to 3, 9 to 9, 3 to 27
/// SuccessiveHalving::of(objective).seed(1).run(81, 1, 27, 3)
/// # }
/// ```
pub type SuccessiveHalving<O> = Study<O, by::SuccessiveHalving>;

/// A random search (Bergstra and Bengio, JMLR 13, 2012), to be set up and run: every trial is trained for the
/// same number of epochs, and none is cut short. The baseline for other algorithms.
///
/// ```no_run
/// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
/// use hobbit::RandomSearch;
///
/// // 20 trials of 27 epochs
/// RandomSearch::of(objective).seed(1).run(20, 27)
/// # }
/// ```
pub type RandomSearch<O> = Study<O, by::RandomSearch>;

/// A sweep of asynchronous successive halving, ASHA (Li et al., MLSys 2020), to be set up and run: a trial
/// that is among the best of its stage so far is trained on at once, so that no worker waits for the rest of
/// a stage.
///
/// Its decisions depend on the order of results, so they follow a clock of their own: results are the same
/// with any number of workers, of which at most [`lookahead`](Study::lookahead) are busy.
///
/// ```no_run
/// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
/// use hobbit::Asha;
///
/// // 200 trials of 1 to 81 epochs; each stage promotes one in 3
/// Asha::of(objective).lookahead(8).run(200, 81, 3)
/// # }
/// ```
pub type Asha<O> = Study<O, by::Asha>;

/// A sweep of progressive ASHA, PASHA (Bohdal et al., ICLR 2023), to be set up and run: for those who do not
/// know how many epochs are worthwhile.
///
/// As [`Asha`], but longer training is only begun while it changes which trials are better. Set `max_epochs`
/// to the most that you would ever train; trials that get so far are rare where shorter training says the
/// same.
///
/// ```no_run
/// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
/// use hobbit::Pasha;
///
/// // 200 trials of 1 or 3 epochs, and of 9, 27, 81 and 243 if need be; each stage promotes one in 3
/// Pasha::of(objective).lookahead(8).run(200, 243, 3)
/// # }
/// ```
pub type Pasha<O> = Study<O, by::Pasha>;

impl<O: Objective> Study<O, by::Hyperband> {
    /// How the epochs of a stage are counted. Default: additional.
    pub fn epoch_count(self, count: EpochCount) -> Self {
        self.set(|s| s.epoch_count = count)
    }

    /// The number of times all brackets are run, each time with other configurations. Default: 1.
    pub fn iterations(self, iterations: u32) -> Self {
        self.set(|s| s.iterations = iterations)
    }

    /// Runs only the first `brackets` brackets, those that begin with the most trials. Default: all.
    ///
    /// The later brackets begin with fewer trials and give each more epochs: a hedge against learning curves
    /// whose first epochs say little. Where the first epochs do say something, repeating the first bracket
    /// (successive halving, again and again) gets further with the same epochs:
    ///
    /// ```no_run
    /// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
    /// use hobbit::Hyperband;
    ///
    /// // 10 times: 27 trials for 1 epoch, 9 for 3 more, 3 for 9 more, 1 for 27 more
    /// Hyperband::of(objective).brackets(1).iterations(10).run(27, 3)
    /// # }
    /// ```
    ///
    /// Part of the study: a repository is only continued with the same value.
    pub fn brackets(self, brackets: u32) -> Self {
        self.set(|s| s.brackets = Some(brackets))
    }

    /// How the trials of a stage are promoted. Default: the best.
    ///
    /// ```no_run
    /// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
    /// use hobbit::{Hyperband, Promotion};
    ///
    /// // of two trials whose scores differ by 0.1, the better one is 2.7 times as likely to go on
    /// Hyperband::of(objective).promote(Promotion::Temperature(0.1)).run(27, 3)
    /// # }
    /// ```
    ///
    /// Part of the study: a repository is only continued with the same value.
    pub fn promote(self, promotion: Promotion) -> Self {
        self.set(|s| s.promotion = promotion)
    }

    /// Runs Hyperband with at most `max_epochs` (`R`) epochs a stage and the cut factor `eta`.
    ///
    /// # Errors
    /// `max_epochs` is less than `eta`: they are the wrong way round. Or a setting is not allowed, data and
    /// models do not fit together, the repository cannot be used, or no trial is healthy. A trial that fails
    /// is not an error: it is in the table, with its reason.
    pub fn run(self, max_epochs: u32, eta: u32) -> Result<Results<O>> {
        let algorithm = self.hyperband(max_epochs, eta);
        self.run_by(algorithm)
    }
}

impl<O: Objective> Study<O, by::SuccessiveHalving> {
    /// How the trials of a stage are promoted. Default: the best. Part of the study: a repository is only
    /// continued with the same value.
    ///
    /// ```no_run
    /// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
    /// use hobbit::{Promotion, SuccessiveHalving};
    ///
    /// SuccessiveHalving::of(objective).promote(Promotion::Temperature(0.1)).run(81, 1, 27, 3)
    /// # }
    /// ```
    pub fn promote(self, promotion: Promotion) -> Self {
        self.set(|s| s.promotion = promotion)
    }

    /// Runs successive halving: it begins with `trials` trials of `min_epochs` epochs; of each stage the best
    /// `1 / eta`, rounded down, are trained on to `eta` times as many epochs, all stages together, up to
    /// `max_epochs`. See [`HalvingScheduler`](crate::schedule::HalvingScheduler) for the exact numbers.
    ///
    /// # Errors
    /// Numbers that are the wrong way round: `max_epochs` is less than `min_epochs` or `eta`, or `trials`
    /// less than `eta`. Otherwise as [`Hyperband::run`](crate::Hyperband).
    pub fn run(self, trials: u32, min_epochs: u32, max_epochs: u32, eta: u32) -> Result<Results<O>> {
        self.run_by(Algorithm::SuccessiveHalving { trials, min_epochs, max_epochs, eta })
    }
}

impl<O: Objective> Study<O, by::RandomSearch> {
    /// Trains `trials` trials, each for `epochs` epochs.
    ///
    /// # Errors
    /// As [`Hyperband::run`](crate::Hyperband).
    pub fn run(self, trials: u32, epochs: u32) -> Result<Results<O>> {
        self.run_by(Algorithm::Random { trials, epochs })
    }
}

impl<O: Objective> Study<O, by::Asha> {
    /// Begins `trials` trials, of which the best are trained up to `max_epochs` (R) epochs: stages end at 1,
    /// eta, eta^2, ... and R epochs, and each promotes one in `eta`. See
    /// [`AshaScheduler`](crate::schedule::AshaScheduler).
    ///
    /// # Errors
    /// Numbers that are the wrong way round: `trials` or `max_epochs` is less than `eta`. Otherwise as
    /// [`Hyperband::run`](crate::Hyperband).
    pub fn run(self, trials: u32, max_epochs: u32, eta: u32) -> Result<Results<O>> {
        self.run_by(Algorithm::Asha { trials, max_epochs, eta })
    }
}

impl<O: Objective> Study<O, by::Pasha> {
    /// Begins `trials` trials, of which the best are trained for more epochs, to at most `max_epochs` (R) if
    /// it comes to that: stages end at 1, eta, eta^2, ... and R epochs, and each promotes one in `eta`. See
    /// [`PashaScheduler`](crate::schedule::PashaScheduler).
    ///
    /// The plan, and the work that is shown as left, are those of [`Asha`]: the most that there can be.
    ///
    /// # Errors
    /// As [`Asha::run`](crate::Asha).
    pub fn run(self, trials: u32, max_epochs: u32, eta: u32) -> Result<Results<O>> {
        self.run_by(Algorithm::Pasha { trials, max_epochs, eta })
    }
}
