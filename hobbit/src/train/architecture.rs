//! What a model is, as a text that is kept with its weights: enough to build it again and to predict, without
//! the model function and without data.
//!
//! Files hold it, so what it holds is named in `Architecture` and read as long as there are such files.

use serde::{Deserialize, Serialize};

use super::compiled::Compiled;
use super::device::Engine;
use super::layer::Layer;
use super::loss::{CustomLoss, Loss};
use super::metrics::Metric;
use super::names::Names;
use super::optimizer::Optimizer;
use crate::error::BoxError;
use crate::repository::{from_text, to_text};

/// The version of the text that this hobbit writes, and the newest it reads.
const FORMAT: u32 = 1;

/// Under which name a checkpoint's metadata has the text.
pub(super) const KEY: &str = "architecture";

/// What of a model is kept with its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Architecture {
    format: u32,
    /// The shape of a sample.
    input: Vec<usize>,
    /// All layers; none if one of them is a program's own.
    layers: Vec<Layer>,
    /// The place and name of a layer that only the program knows that the model is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own: Option<String>,
    /// Which arrays beside the parameters the weights have.
    optimizer: Optimizer,
    loss: KeptLoss,
    /// Those that are hobbit's.
    metrics: Vec<KeptMetric>,
    pub(super) names: Names,
    /// What trained it, so that it predicts the same bits; left out if it is hobbit's own.
    #[serde(default, skip_serializing_if = "Engine::is_native")]
    pub(super) engine: Engine,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum KeptLoss {
    CrossEntropy,
    BinaryCrossEntropy,
    MeanSquaredError,
    MeanAbsoluteError,
    Huber(f64),
    /// A program's own: what its outputs mean is known.
    Own {
        name: String,
        classes: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum KeptMetric {
    Accuracy,
    MeanSquaredError,
    MeanAbsoluteError,
    Auc,
    F1,
    TopK(usize),
    R2,
}

/// A model that was made of its text.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) model: Compiled,
    /// The name of a loss that is the program's own, in whose place another one of the same outputs stands.
    pub(super) lost_loss: Option<String>,
}

impl Architecture {
    pub(super) fn of(model: &Compiled, names: &Names, engine: Engine) -> Architecture {
        let own = own(&model.layers, "");
        let metric = |metric: &Metric| match metric {
            Metric::Accuracy => Some(KeptMetric::Accuracy),
            Metric::MeanSquaredError => Some(KeptMetric::MeanSquaredError),
            Metric::MeanAbsoluteError => Some(KeptMetric::MeanAbsoluteError),
            Metric::Auc => Some(KeptMetric::Auc),
            Metric::F1 => Some(KeptMetric::F1),
            Metric::TopK(count) => Some(KeptMetric::TopK(*count)),
            Metric::R2 => Some(KeptMetric::R2),
            Metric::Custom(_) => None,
        };
        Architecture {
            format: FORMAT,
            input: model.input.clone(),
            layers: if own.is_some() { Vec::new() } else { model.layers.clone() },
            own,
            optimizer: model.optimizer,
            loss: KeptLoss::of(model.loss),
            metrics: model.metrics.iter().filter_map(metric).collect(),
            names: names.clone(),
            engine,
        }
    }

    /// The text.
    ///
    /// # Errors
    /// In words, why there is none.
    pub(super) fn to_text(&self) -> Result<String, String> {
        to_text(self).map_err(|error| error.to_string())
    }

    /// What a text says.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    pub(super) fn of_text(text: &str) -> Result<Architecture, String> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let unreadable = |why: BoxError| format!("its description of the model cannot be read: {why}");
        let Version { format } = from_text(text).map_err(unreadable)?;
        if format > FORMAT {
            return Err(format!(
                "its description of the model has format version {format}, this hobbit reads up to {FORMAT}: use a newer hobbit"
            ));
        }
        from_text(text).map_err(unreadable)
    }

    /// The model.
    ///
    /// # Errors
    /// The layer that only the program knows that the model is of.
    pub(super) fn restore(&self) -> Result<Restored, String> {
        if let Some(layer) = &self.own {
            return Err(format!("{layer} is code of the program that trained it"));
        }
        let (loss, lost_loss) = match &self.loss {
            KeptLoss::CrossEntropy => (Loss::CrossEntropy, None),
            KeptLoss::BinaryCrossEntropy => (Loss::BinaryCrossEntropy, None),
            KeptLoss::MeanSquaredError => (Loss::MeanSquaredError, None),
            KeptLoss::MeanAbsoluteError => (Loss::MeanAbsoluteError, None),
            KeptLoss::Huber(delta) => (Loss::Huber(*delta), None),
            KeptLoss::Own { name, classes: true } => (Loss::CrossEntropy, Some(name.clone())),
            KeptLoss::Own { name, classes: false } => (Loss::MeanSquaredError, Some(name.clone())),
        };
        let metric = |metric: &KeptMetric| match metric {
            KeptMetric::Accuracy => Metric::Accuracy,
            KeptMetric::MeanSquaredError => Metric::MeanSquaredError,
            KeptMetric::MeanAbsoluteError => Metric::MeanAbsoluteError,
            KeptMetric::Auc => Metric::Auc,
            KeptMetric::F1 => Metric::F1,
            KeptMetric::TopK(count) => Metric::TopK(*count),
            KeptMetric::R2 => Metric::R2,
        };
        let model = Compiled::new(self.input.clone(), self.layers.clone(), self.optimizer, loss);
        let model = model.metrics(self.metrics.iter().map(metric));
        Ok(Restored { model, lost_loss })
    }
}

impl KeptLoss {
    fn of(loss: Loss) -> KeptLoss {
        match loss {
            Loss::CrossEntropy => KeptLoss::CrossEntropy,
            Loss::BinaryCrossEntropy => KeptLoss::BinaryCrossEntropy,
            Loss::MeanSquaredError => KeptLoss::MeanSquaredError,
            Loss::MeanAbsoluteError => KeptLoss::MeanAbsoluteError,
            Loss::Huber(delta) => KeptLoss::Huber(delta),
            Loss::Custom(CustomLoss { name, function: _, classes }) => {
                KeptLoss::Own { name: name.to_owned(), classes }
            }
        }
    }
}

/// The first layer that is code of users' own, by place and name.
fn own(layers: &[Layer], prefix: &str) -> Option<String> {
    layers.iter().enumerate().find_map(|(position, layer)| {
        let place = format!("{prefix}{}", position + 1);
        match layer {
            Layer::Custom(_) => Some(format!("layer {place} ({})", layer.name())),
            layer => own(layer.block(), &format!("{place}.")),
        }
    })
}
