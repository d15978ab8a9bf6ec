//! What a model function makes, as short texts: every setting that the results of a trial depend on.
//!
//! They stand in the journals of studies, so a text stays what it is as long as the setting does. A setting
//! with its usual value is left out where that can be: then a journal of before there was such a setting says
//! the same. Structs and enums are taken apart without `..` and `_`, so that the compiler asks for what is
//! new.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::compiled::Compiled;
use super::layer::Layer;
use super::loss::{CustomLoss, Loss};
use super::metrics::{CustomMetric, Function, Metric};
use super::optimizer::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use super::schedule::{Schedule, Shape};
use super::stopping::EarlyStopping;
use super::written::{float, sides};
use crate::trial::Direction;

/// The class weights that are written out; of more a checksum.
const WRITTEN_OUT: usize = 16;

/// What a model is, by name.
pub(super) fn of(model: &Compiled) -> BTreeMap<String, String> {
    let Compiled {
        input,
        layers,
        optimizer,
        loss,
        metrics,
        batch_size,
        schedule,
        clip_norm,
        clip_value,
        l1,
        l2,
        label_smoothing,
        class_weights,
        early_stopping,
        callbacks,
    } = model;
    let unless_zero = |value: &f64| (value.to_bits() != 0).then(|| float(*value));
    let parts = [
        ("network", Some(network(input, layers))),
        ("optimizer", Some(of_optimizer(optimizer))),
        ("loss", Some(of_loss(*loss))),
        ("metrics", Some(metrics.iter().map(of_metric).collect::<Vec<_>>().join(", "))),
        ("batch size", batch_size.map(|samples| samples.to_string())),
        ("schedule", of_schedule(schedule)),
        ("clipping by norm", clip_norm.map(float)),
        ("clipping by value", clip_value.map(float)),
        ("L1", unless_zero(l1)),
        ("L2", unless_zero(l2)),
        ("label smoothing", unless_zero(label_smoothing)),
        ("class weights", class_weights.as_deref().map(of_weights)),
        ("early stopping", early_stopping.as_ref().map(of_early_stopping)),
        ("callbacks", (!callbacks.is_empty()).then(|| callbacks.len().to_string())),
    ];
    parts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect()
}

/// A shape and what is made of it: `64 > dense 128 > relu > dense 10`.
fn network(input: &[usize], layers: &[Layer]) -> String {
    let mut text = sides(input);
    // shapes are asked for only where layers of users' own need them, which may take long
    let shape = Layer::have_custom(layers).then_some(input);
    // writing to a string does not fail
    let _ = Layer::write_all(layers, &mut text, shape, " > ");
    text
}

fn of_optimizer(optimizer: &Optimizer) -> String {
    let mut text = format!("{} {}", optimizer.name(), float(optimizer.learning_rate()));
    let mut setting = |name: &str, value: f64| {
        if value.to_bits() != 0 {
            let _ = write!(text, ", {name} {}", float(value));
        }
    };
    match optimizer {
        Optimizer::Sgd(Sgd { learning_rate: _, momentum, nesterov, weight_decay }) => {
            setting(if *nesterov { "Nesterov momentum" } else { "momentum" }, *momentum);
            setting("weight decay", *weight_decay);
        }
        Optimizer::Adam(Adam { learning_rate: _, betas, epsilon, weight_decay })
        | Optimizer::AdamW(AdamW(Adam { learning_rate: _, betas, epsilon, weight_decay })) => {
            setting("beta1", betas[0]);
            setting("beta2", betas[1]);
            setting("epsilon", *epsilon);
            setting("weight decay", *weight_decay);
        }
        Optimizer::RmsProp(RmsProp { learning_rate: _, alpha, epsilon, momentum, weight_decay }) => {
            setting("alpha", *alpha);
            setting("epsilon", *epsilon);
            setting("momentum", *momentum);
            setting("weight decay", *weight_decay);
        }
    }
    text
}

fn of_loss(loss: Loss) -> String {
    match loss {
        Loss::CrossEntropy | Loss::BinaryCrossEntropy | Loss::MeanSquaredError | Loss::MeanAbsoluteError => {
            loss.name().to_owned()
        }
        Loss::Huber(delta) => format!("{} {}", loss.name(), float(delta)),
        Loss::Custom(CustomLoss { name, function: _, classes }) => {
            format!("own: {name}{}", if classes { ", of classes" } else { "" })
        }
    }
}

fn of_metric(metric: &Metric) -> String {
    match metric {
        Metric::Accuracy
        | Metric::MeanSquaredError
        | Metric::MeanAbsoluteError
        | Metric::Auc
        | Metric::F1
        | Metric::TopK(_)
        | Metric::R2 => metric.name().to_owned(),
        Metric::Custom(CustomMetric { name, function, direction }) => {
            let of_all = if matches!(function, Function::All(_)) { ", of all samples" } else { "" };
            format!("own: {name}{of_all}{}", of_direction(*direction))
        }
    }
}

fn of_schedule(schedule: &Schedule) -> Option<String> {
    let Schedule { shape, warm_up } = *schedule;
    let shape = match shape {
        Shape::Constant => None,
        Shape::Step { epochs, factor } => Some(format!("times {} every {epochs} epochs", float(factor))),
        Shape::Cosine { epochs, last } => Some(format!("cosine over {epochs} epochs to {}", float(last))),
        Shape::CosineOverTrial { last } => Some(format!("cosine over the trial to {}", float(last))),
        Shape::Plateau { patience, factor, smallest, watched } => {
            let (factor, smallest) = (float(factor), float(smallest));
            let watched = if watched == "val_loss" { String::new() } else { format!(" of {watched}") };
            Some(format!("times {factor} on a plateau{watched} of {patience} epochs, at least {smallest}"))
        }
    };
    let warm_up = (warm_up.to_bits() != 0).then(|| format!("warm-up {}", float(warm_up)));
    let parts: Vec<String> = shape.into_iter().chain(warm_up).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn of_weights(weights: &[f32]) -> String {
    if weights.len() > WRITTEN_OUT {
        let mut hasher = crc32fast::Hasher::new();
        weights.iter().for_each(|weight| hasher.update(&weight.to_le_bytes()));
        return format!("{} numbers {:08x}", weights.len(), hasher.finalize());
    }
    weights.iter().map(|weight| format!("{weight:?}")).collect::<Vec<_>>().join(" ")
}

fn of_early_stopping(rule: &EarlyStopping) -> String {
    let EarlyStopping { monitor, patience, least, direction } = rule;
    let least =
        if least.to_bits() == 0 { String::new() } else { format!(", least change {}", float(*least)) };
    format!("{monitor}, {patience}{least}{}", of_direction(*direction))
}

/// A direction that was given, behind what it is of.
fn of_direction(direction: Option<Direction>) -> &'static str {
    match direction {
        None => "",
        Some(Direction::Minimize) => ", minimized",
        Some(Direction::Maximize) => ", maximized",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Activation, Conv2d, Dense, Init, Pool2d, Sequential};

    fn text(model: &Compiled, name: &str) -> String {
        of(model).remove(name).unwrap_or_default()
    }

    #[test]
    fn a_usual_model_has_short_texts() {
        let network = Sequential::new([64])
            .dense(128)
            .activation(Activation::Relu)
            .dropout(0.5)
            .layer(Dense::new(10).without_bias().init(Init::Normal(0.01)));
        let model = network.compile(Adam::new(1e-3), Loss::CrossEntropy).batch_size(32);
        let expected = [
            ("batch size", "32"),
            ("loss", "cross-entropy"),
            ("metrics", "accuracy"),
            ("network", "64 > dense 128 > relu > dropout 0.5 > dense 10 without bias normal 0.01"),
            ("optimizer", "Adam 0.001, beta1 0.9, beta2 0.999, epsilon 1e-8"),
        ];
        let found = of(&model);
        assert!(found.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(expected), "{found:?}");
    }

    #[test]
    fn images_have_their_settings() {
        let network = Sequential::new([1, 28, 28])
            .layer(Conv2d::new(8, 3).padding(1))
            .batch_norm()
            .layer(Layer::MaxPool2d(Pool2d::new(3).stride(2).padding(1)))
            .residual(|block| block.layer(Conv2d::new(8, [1, 3]).padding([0, 1]).stride(1)).layer_norm())
            .avg_pool(2)
            .flatten()
            .dense(1);
        let model = network.compile(Sgd::new(0.1).nesterov(0.9), Loss::Huber(2.0));
        let expected = "1x28x28 > conv2d 8 of 3x3 padding 1x1 > batch norm epsilon 1e-5 momentum 0.1 > max pool 3x3 stride 2x2 \
                        padding 1x1 > residual (conv2d 8 of 1x3 padding 0x1 > layer norm epsilon 1e-5) > average pool 2x2 > flatten > \
                        dense 1";
        assert_eq!(text(&model, "network"), expected);
        assert_eq!(text(&model, "optimizer"), "SGD 0.1, Nesterov momentum 0.9");
        assert_eq!(text(&model, "loss"), "the Huber loss 2");
    }
}
