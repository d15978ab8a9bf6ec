//! What descriptions of trials say of data.

use super::dataset::{Dataset, Fold};
use super::generator::{Generators, Source};
use super::kind::{Data, Kind};

/// Names and texts.
type Described = Vec<(&'static str, String)>;

impl Data {
    /// What can be known of the data, by name: shapes, checksums of all values, and settings.
    pub(in crate::train) fn describe(&self) -> Described {
        match &self.0 {
            Kind::Memory(dataset) => dataset.describe(),
            Kind::Generated(generators) => generators.describe(),
        }
    }
}

// all fields are named here, so that a new one cannot be forgotten

impl Dataset {
    fn describe(&self) -> Described {
        // no result depends on names, and balanced classes are weights
        let Dataset { folds, steps_per_epoch, validation_share, names: _, is_balanced: _ } = self;
        let Some(Fold { training, validation }) = folds.first() else { return Vec::new() };
        let mut described = vec![
            ("training data", training.describe(folds.iter().map(|fold| &fold.training))),
            ("validation data", validation.describe(folds.iter().map(|fold| &fold.validation))),
        ];
        if let Some(steps) = steps_per_epoch {
            described.push(("steps per epoch", steps.to_string()));
        }
        if let Some(share) = validation_share {
            described.push(("validation share", format!("{share:?}")));
        }
        described
    }
}

impl Generators {
    fn describe(&self) -> Described {
        // batches that are made ahead are the same batches, and no result depends on names
        let Generators {
            training,
            validation,
            steps_per_epoch,
            validation_steps,
            prefetch: _,
            name,
            names: _,
        } = self;
        let source = |source: &Source| match source {
            Source::None => "none".to_owned(),
            Source::Function(_) if name.is_empty() => "generated".to_owned(),
            Source::Function(_) => format!("generated: {name}"),
            Source::Memory(Ok(part)) => part.describe(std::iter::empty()),
            Source::Memory(Err(_)) => "samples that do not fit together".to_owned(),
        };
        let mut described =
            vec![("training data", source(training)), ("validation data", source(validation))];
        if let Some(steps) = steps_per_epoch {
            described.push(("steps per epoch", steps.to_string()));
        }
        if let Some(steps) = validation_steps {
            described.push(("validation steps", steps.to_string()));
        }
        described
    }
}
