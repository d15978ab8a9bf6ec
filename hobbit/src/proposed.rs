//! The settings of a study that say what its trials are made of: given configurations, the sampler, and what
//! that knows.

use std::path::PathBuf;
use std::sync::Arc;

use crate::objective::Objective;
use crate::runner::Before;
use crate::search::Sampler;
use crate::space::Narrowing;
use crate::study::Study;
#[cfg(doc)]
use crate::{Hyperband, SearchSpace};

impl<O: Objective, A> Study<O, A> {
    /// The number of stages that decisions treat as under way at once (P), for algorithms whose decisions
    /// depend on the order of results, and for samplers that [learn](Sampler::learns). Default: 4. It has no
    /// effect on others.
    ///
    /// They decide as if P workers trained stages whose durations are their numbers of epochs, so that the
    /// same study gives the same results with any number of workers: see
    /// [`VirtualTime`](crate::schedule::VirtualTime). With a larger P, decisions are based on fewer results;
    /// workers beyond P are idle. Part of the study: a repository is only continued with the same value.
    pub fn lookahead(self, stages: u32) -> Self {
        self.set(|s| s.lookahead = Some(stages))
    }

    /// Narrows a parameter to a part of its range, or to some of its options, without another declaration:
    /// `.narrow("rate", "1e-4..1e-2")`, `.narrow("optimizer", "adam, sgd")`. [`Narrowing`] says how values are
    /// written; if one parameter is narrowed several times, the last one counts.
    ///
    /// Everything honours it: what is drawn, what samplers know and propose, and what may be
    /// [enqueued](Hyperband::enqueue). It belongs to the study: `study.ron` has the narrower domains, and a
    /// repository is continued with the same.
    ///
    /// ```
    /// use hobbit::prelude::*;
    ///
    /// #[search_space]
    /// struct Hparams {
    ///     #[log_uniform(1e-5..=1.0)]
    ///     rate: f64,
    /// }
    ///
    /// let study = Hyperband::function(|hp: &Hparams, trial| {
    ///     for epoch in trial.epochs() {
    ///         trial.report("val_loss", hp.rate / epoch as f64)?;
    ///     }
    ///     Ok(())
    /// });
    /// let results = study.narrow("rate", "1e-3..1e-2").quiet().run(9, 3)?;
    /// assert!(results.trials().iter().all(|trial| (1e-3..=1e-2).contains(&trial.hparams.rate)));
    /// # Ok::<(), hobbit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `run` returns one for a parameter that the space does not have, and for values that are not all within
    /// its declaration.
    pub fn narrow(self, parameter: impl Into<String>, values: impl Into<String>) -> Self {
        self.narrowed(Narrowing::new().with(parameter, values))
    }

    /// Narrows several parameters, as [`narrow`](Hyperband::narrow) does.
    pub fn narrowed(self, narrowing: Narrowing) -> Self {
        self.set(|s| s.narrowing = std::mem::take(&mut s.narrowing).and(narrowing))
    }

    /// Tries the configuration of the defaults given in the search space first.
    pub fn start_with_defaults(self) -> Self {
        self.set(|s| s.start_with_defaults = true)
    }

    /// Tries this configuration before drawn ones. May be called several times; the order is kept.
    pub fn enqueue(self, hparams: O::Hparams) -> Self {
        self.set(|s| s.enqueued.push(Arc::new(hparams)))
    }

    /// What proposes the configurations of trials. Default: they are drawn at random, as
    /// [`Prior`](crate::search::Prior) does.
    ///
    /// Defaults and enqueued configurations come first and are not asked for. The sampler's name, version and
    /// settings are part of the study: a repository is only continued with the same. A sampler that
    /// [learns](Sampler::learns) is told outcomes in an order of the study's own, so that the study has the
    /// same trials with any number of workers, even when it is killed and continued: for each trial it knows
    /// all outcomes except those of the stages under way, whose number is the
    /// [`lookahead`](Hyperband::lookahead). A study with such a sampler cannot be
    /// [extended](Hyperband::extend), because in a larger one it would have proposed other configurations.
    /// See [`search`](crate::search) for samplers of your own.
    pub fn sampler(self, sampler: impl Sampler + 'static) -> Self {
        self.set(|s| s.sampler = Some(Arc::new(sampler)))
    }

    /// Gives the sampler the outcomes of another study of the same search space, before the first trial. May
    /// be called several times, for several studies.
    ///
    /// `dir` is the [`repo_dir`](Hyperband::repo_dir) of that study, which may be of another algorithm, with
    /// other sizes and another seed, finished or not. Its monitor, direction, score and parameters all have
    /// to be the same. Of each of its trials, the latest outcome counts that came after no fewer epochs than
    /// the first stages of this study have and no more than its last ones; failed trials count as such.
    /// Configurations that break a constraint of this study do not count. A sampler that learns is needed,
    /// such as [`Kde`](crate::search::Kde): it knows these outcomes as if they were its own, with trials of
    /// repetition 0. None of these configurations is trained again unless it is proposed or
    /// [enqueued](Hyperband::enqueue).
    ///
    /// For an Optuna study, or a table, see `warm_start_from` (feature `interop`).
    ///
    /// It belongs to the study: the outcomes are copied to `study.ron`, and a repository is continued with
    /// those, even if the other study has gone on since, was moved or was removed. A study that starts
    /// from another one is a different study.
    ///
    /// ```no_run
    /// # fn sweep<O: hobbit::Objective>(objective: O) -> hobbit::Result<hobbit::Results<O>> {
    /// use hobbit::Hyperband;
    /// use hobbit::search::Kde;
    ///
    /// let study = Hyperband::of(objective).sampler(Kde::new());
    /// study.warm_start("runs/last_week").repo_dir("runs/today").run(27, 3)
    /// # }
    /// ```
    ///
    /// # Errors
    /// `run` returns one if `dir` holds no study, or one with another search space, monitor, direction or
    /// score, if none of its outcomes counts, or if there is no sampler that learns.
    pub fn warm_start(self, dir: impl Into<PathBuf>) -> Self {
        self.set(|s| s.warm_start.push(Before::Study(dir.into())))
    }
}
