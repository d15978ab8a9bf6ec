//! The settings of a study that say what its trials are made of: given configurations, the sampler, and what
//! that knows.

use std::path::PathBuf;
use std::sync::Arc;

use crate::objective::Objective;
use crate::search::Sampler;
use crate::study::Study;
#[cfg(doc)]
use crate::{Hyperband, SearchSpace};

impl<O: Objective, A> Study<O, A> {
    /// How many stages may be under way at once as far as decisions are concerned (P), for algorithms whose
    /// decisions depend on the order of results, and for samplers that [learn](Sampler::learns). Default: 4.
    /// Of no effect for others.
    ///
    /// They decide as if P workers trained stages that take as long as they have epochs, so that the same
    /// study gives the same results with any number of workers: see
    /// [`VirtualTime`](crate::schedule::VirtualTime). With a larger P decisions know less, and workers beyond
    /// P have nothing to do. It belongs to the study: a repository is continued with the same.
    pub fn lookahead(self, stages: u32) -> Self {
        self.set(|s| s.lookahead = Some(stages))
    }

    /// Tries the configuration of the defaults given in the search space first.
    pub fn start_with_defaults(self) -> Self {
        self.set(|s| s.start_with_defaults = true)
    }

    /// Tries this configuration before drawn ones; called several times, in that order.
    pub fn enqueue(self, hparams: O::Hparams) -> Self {
        self.set(|s| s.enqueued.push(Arc::new(hparams)))
    }

    /// What proposes the configurations of trials. Default: they are drawn at random, as
    /// [`Prior`](crate::search::Prior) does.
    ///
    /// Defaults and enqueued configurations come first and are not asked for. The sampler's name, version and
    /// settings belong to the study: a repository is continued with the same. A sampler that
    /// [learns](Sampler::learns) is told outcomes in an order of the study's own, so that the study has the
    /// same trials with any number of workers, and killed and continued: what it knows for a trial are all
    /// outcomes but those of the stages under way, as many as the [`lookahead`](Hyperband::lookahead) says. A
    /// study with such a sampler cannot be [extended](Hyperband::extend), because in a larger one it would
    /// have proposed other configurations. See [`search`](crate::search) for samplers of your own.
    pub fn sampler(self, sampler: impl Sampler + 'static) -> Self {
        self.set(|s| s.sampler = Some(Arc::new(sampler)))
    }

    /// Gives the sampler the outcomes of another study of the same search space, before the first trial. May
    /// be called several times, for several studies.
    ///
    /// `dir` is the [`repo_dir`](Hyperband::repo_dir) of that study, which may be of another algorithm, with
    /// other sizes and another seed, finished or not. Its monitor, direction and score have to be the same,
    /// and every parameter. Of each of its trials the latest outcome counts that is after no fewer epochs
    /// than the first stages of this study and no more than its last ones; failed trials count as such.
    /// Configurations that break a constraint of this study do not count. A sampler that learns is needed,
    /// such as [`Kde`](crate::search::Kde): it knows these outcomes as if they were its own, with trials of
    /// repetition 0. None of these configurations is trained again unless it is proposed or
    /// [enqueued](Hyperband::enqueue).
    ///
    /// It belongs to the study: the outcomes are copied to `study.ron`, and a repository is continued with
    /// those, whether the other study has gone on since, was moved, or is not there any more. A start from
    /// another study is another study.
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
        self.set(|s| s.warm_start.push(dir.into()))
    }
}
