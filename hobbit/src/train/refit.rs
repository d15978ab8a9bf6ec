//! The last training: what was tuned, trained once more on all data.

use std::path::PathBuf;
use std::sync::Arc;

use super::compiled::IntoModel;
use super::model::Model;
use super::objective::ModelObjective;
use crate::algorithms::RandomSearch;
use crate::error::{Error, Result};
use crate::repository::ScoreBy;
use crate::results::Results;
use crate::space::SearchSpace;

impl<H, F, C> Results<ModelObjective<H, F, C>>
where
    H: SearchSpace + Send + Sync + 'static,
    F: Fn(&H) -> C + Send + Sync + 'static,
    C: IntoModel + 'static,
{
    /// Trains the best configuration once more, on all data: training and validation samples
    /// [together](super::Dataset::merged), for as many epochs as its score took. The model is kept in this
    /// directory, from which [`load`](super::load) loads it, and is returned.
    ///
    /// It is a study of its own, with one trial: killed and started again, it is continued, and once it is
    /// finished, it is only loaded. The model is that of the last epoch, because nothing is left to choose
    /// an epoch by; early stopping is left out for the same reason. What the study says of its metrics is
    /// measured on the samples that it was trained on: the sweep's score says how good it is on others.
    ///
    /// ```no_run
    /// # use hobbit::prelude::*;
    /// # #[search_space] struct Hparams { #[int(4..=16)] width: usize }
    /// # fn model(hp: &Hparams) -> Compiled {
    /// #     Sequential::new([1]).dense(hp.width).compile(Adam::new(0.1), Loss::MeanSquaredError)
    /// # }
    /// # fn sweep(data: Dataset) -> hobbit::Result<()> {
    /// let results = Hyperband::new(model).dataset(data).repo_dir("my_study").run(27, 3)?;
    /// results.refit("final")?;
    /// // and elsewhere
    /// let model = hobbit::train::load("final")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The data come from generators; the directory cannot be written or holds another study; or training
    /// fails.
    pub fn refit(&self, dir: impl Into<PathBuf>) -> Result<Model> {
        let objective = self.objective();
        let Some(dataset) = objective.data.as_ref().and_then(|data| data.in_memory()) else {
            return Err(Error::data(
                "generators cannot be put together: train with generators of all data, by `Hyperband::new(model).fit(..)`",
            ));
        };
        let best = self.best();
        let epochs = best.epoch.unwrap_or(best.epochs);
        let monitor = self.monitor();
        // nothing is validated on samples that were kept apart, so nothing is called so
        let trained_on = monitor.strip_prefix("val_").unwrap_or(monitor);
        RandomSearch::of(objective.on_all(dataset.merged()?))
            .monitor(trained_on)
            .direction(self.direction())
            .score(ScoreBy::Last)
            .seed(self.seed())
            .repo_dir(dir)
            .quiet()
            .fit_shared(Arc::clone(&best.hparams), epochs)?
            .best_model()
    }
}
