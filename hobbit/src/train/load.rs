//! Taking models away: what predicts is made of a study's directory, or of one file of weights, alone.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::architecture::{self, Architecture, Restored};
use super::arrays::networks;
use super::compiled::{Compiled, IntoModel};
use super::device::{Device, Engine};
use super::directions::Goal;
use super::model::{Build, Model};
use super::names::Names;
use crate::error::{BoxError, Error, Result};
use crate::objective::Checkpoint;
use crate::random::Key;
use crate::repository::{Reader, SavedModel};
use crate::runner::panics::catch;
use crate::trial::TrialId;

/// The most numbers between layers that a sample of a loaded model may take: 4 GiB.
const MOST: usize = 1 << 30;

/// Loads the best model of a study from its directory, or any model from its file of weights: without the
/// program that trained it, its model function or data.
///
/// The model is as it was at the epoch of its trial's score, and has everything that it was trained with:
/// [`Normalize`](super::Normalize) layers with their statistics, all networks of folds and executions, the
/// names of classes and features. On the processor it predicts the same numbers, to the last bit, as
/// [`Results::best_model`](crate::Results::best_model) in the program that trained it.
///
/// ```
/// use hobbit::prelude::*;
///
/// #[search_space]
/// struct Hparams {
///     #[int(4..=16)]
///     width: usize,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = std::env::temp_dir().join(format!("hobbit-load-{}", std::process::id()));
/// // one program tunes, with the directory "my_study"
/// let x: Vec<f32> = (0..40).map(|i| i as f32).collect();
/// let y: Vec<bool> = x.iter().map(|&x| x > 20.0).collect();
/// let data = Dataset::new((&x, &y), (&x, &y))?.class_names(["small", "large"]);
/// let model = |hp: &Hparams| {
///     let network = Sequential::new([1]).normalize().dense(hp.width).activation(Activation::Tanh).dense(1);
///     network.compile(Adam::new(0.1), Loss::BinaryCrossEntropy)
/// };
/// Hyperband::new(model).dataset(data).repo_dir(&dir).quiet().run(9, 3)?;
///
/// // and another one predicts, from raw numbers
/// let model = hobbit::train::load(&dir)?;
/// assert_eq!(model.predict(&[3.0, 37.0])?.labels()?, ["small", "large"]);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// There is no study, no trial with a score, or no weights of the best one; or the weights are damaged, or
/// have arrays that the model does not use. Models with layers of your own or modules of dfdx are code, and
/// need [`load_with`], as do weights that an older hobbit wrote. Weights of an objective of your own are
/// loaded by that objective.
pub fn load(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    match path.is_file() {
        true => of_file(path, &SavedModel::read(path)?),
        false => Reader::open(path)?.best_model(),
    }
}

/// Loads the best model of a study with the model function that it was trained with, for models with layers
/// of your own or modules of dfdx. Everything else is as with [`load`].
///
/// ```no_run
/// # use hobbit::prelude::*;
/// # #[search_space] struct Hparams { #[int(4..=16)] width: usize }
/// # fn model(hp: &Hparams) -> Compiled {
/// #     Sequential::new([1]).dense(hp.width).compile(Adam::new(0.1), Loss::MeanSquaredError)
/// # }
/// let model = hobbit::train::load_with("my_study", model)?;
/// # Ok::<(), hobbit::Error>(())
/// ```
///
/// # Errors
/// As [`load`]; the study has no results yet; or the function fails, or returns another model than the one
/// whose weights these are.
pub fn load_with<H, F, C>(dir: impl AsRef<Path>, model: F) -> Result<Model>
where
    H: DeserializeOwned,
    F: Fn(&H) -> C,
    C: IntoModel,
{
    let reader = Reader::open(dir)?;
    let saved = reader.best_saved()?;
    let path = reader.model_path(saved.state.trial);
    let failed = |why: BoxError| {
        Error::model(format!("{}: the model could not be built: {why}", path.display())).with_source(why)
    };
    let results = reader.results::<H>()?;
    let Some(trial) = results.trials.iter().find(|record| record.trial == saved.state.trial) else {
        return Err(Error::repository(format!(
            "{}: results.ron does not have trial {}, which the journal says is the best one; run the study's program again",
            reader.dir().display(),
            saved.state.trial
        )));
    };
    let made = catch(|| model(&trial.hparams).into_model());
    let made =
        made.unwrap_or_else(|panic| Err(format!("the model function {panic}").into())).map_err(failed)?;
    // names are kept even where layers cannot be
    let kept = saved.best.metadata.get(architecture::KEY);
    let kept = kept.and_then(|text| Architecture::of_text(text).ok());
    let (names, engine) =
        kept.map_or_else(|| (Names::default(), Engine::default()), |kept| (kept.names, kept.engine));
    let goal = Goal { monitor: results.monitor, direction: Some(results.direction) };
    build(made, (names, engine), &saved.best, &goal).map_err(failed)
}

/// Models, of what a study has kept.
impl Reader {
    /// The best trial's model, ready to predict: what [`load`] gives.
    ///
    /// # Errors
    /// As [`load`].
    pub fn best_model(&self) -> Result<Model> {
        let saved = self.best_saved()?;
        of_file(&self.model_path(saved.state.trial), &saved)
    }

    /// A trial's model, ready to predict, as it was at the epoch of its score.
    ///
    /// # Errors
    /// As [`load`].
    pub fn trained_model(&self, trial: TrialId) -> Result<Model> {
        of_file(&self.model_path(trial), &self.saved_of(trial)?)
    }
}

/// The model of a file of weights.
fn of_file(path: &Path, saved: &SavedModel) -> Result<Model> {
    let cure = "give the model function that it was trained with: `hobbit::train::load_with(dir, model)`";
    let bad = |why: String| Error::repository(format!("{}: {why}", path.display()));
    let text = saved.best.metadata.get(architecture::KEY).ok_or_else(|| {
        bad(format!(
            "it does not say what its model is made of: an older hobbit wrote it, or an objective that does not train with hobbit; \
             {cure}"
        ))
    })?;
    let architecture = Architecture::of_text(text).map_err(bad)?;
    let Restored { model, lost_loss } = architecture
        .restore()
        .map_err(|why| bad(format!("{why}, and cannot be kept with weights; {cure}")))?;
    let kept = (architecture.names, architecture.engine);
    let built = build(model, kept, &saved.best, &Goal::default());
    let mut model =
        built.map_err(|why| bad(format!("the model could not be built: {why}")).with_source(why))?;
    model.lost_loss = lost_loss;
    Ok(model)
}

/// Builds a model and gives it its weights. What the file does not hold is not made room for: nobody knows
/// who wrote it.
fn build(
    model: Compiled,
    (names, engine): (Names, Engine),
    weights: &Checkpoint,
    goal: &Goal,
) -> Result<Model, BoxError> {
    let plan = model.plan()?;
    let (width, outputs) = plan.widths();
    names.check(width, outputs, model.loss)?;
    let members = networks(weights, plan.arrays(model.optimizer))?;
    for parameter in &plan.parameters {
        weights.f32(&parameter.name, &parameter.shape)?;
    }
    if plan.activations() > MOST {
        let numbers = plan.activations();
        return Err(
            format!("a sample would take {numbers} numbers between its layers, more than {MOST}").into()
        );
    }
    let device = Device::Cpu;
    let build = Build { device, engine, key: Key::new(0), members, goal, names, moments: &[] };
    let mut model = Model::new(model, build)?;
    model.load(weights)?;
    Ok(model)
}
