//! Whether a described model can be trained: that its layers fit together, and that every setting is allowed.

use super::compiled::Compiled;
use super::directions::{Directions, Goal};
use super::loss::Loss;
use super::metrics::Metric;
use super::plan::Plan;
use crate::error::{Error, Result};

impl Compiled {
    /// Checks that the layers fit together, and every setting.
    ///
    /// # Errors
    /// The first layer that does not fit, with both shapes; or the setting that is not allowed.
    pub fn check(&self) -> Result<()> {
        self.plan().map(drop)
    }

    /// Which way the metrics get better that early stopping and the schedule look at.
    ///
    /// # Errors
    /// It is not known.
    pub(super) fn directions(&self, goal: &Goal) -> Result<Directions> {
        Directions::new(&self.schedule, self.early_stopping.as_ref(), &self.metrics, goal)
    }

    /// The checked network.
    pub(super) fn plan(&self) -> Result<Plan> {
        let plan = Plan::new(&self.input, &self.layers)?;
        self.check_output(plan.output())?;
        if self.batch_size == Some(0) {
            return Err(Error::model("the batch size is 0; it has to be at least 1"));
        }
        self.check_gradients()?;
        self.check_labels()?;
        self.check_names()?;
        let (_, outputs) = plan.widths();
        self.metrics.iter().try_for_each(|metric| self.check_metric(metric, outputs))?;
        self.schedule.check(&self.metrics)?;
        if let Some(rule) = &self.early_stopping {
            rule.check(&self.metrics)?;
        }
        self.optimizer.check()?;
        Ok(plan)
    }

    /// What happens to gradients before a step.
    fn check_gradients(&self) -> Result<()> {
        let above_zero = |name: &str, value: Option<f64>| match value {
            Some(value) if value.is_nan() || value <= 0.0 => {
                Err(Error::model(format!("{name} is {value}; it has to be above 0")))
            }
            _ => Ok(()),
        };
        above_zero("the norm at which gradients are clipped", self.clip_norm)?;
        above_zero("the value at which gradients are clipped", self.clip_value)?;
        for (name, value) in [("L1", self.l1), ("L2", self.l2)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::model(format!(
                    "the strength of {name} regularization is {value}; it has to be a number that is not negative"
                )));
            }
        }
        Ok(())
    }

    fn check_output(&self, output: &[usize]) -> Result<()> {
        let [outputs] = *output else {
            return Err(Error::model(format!(
                "the network ends with samples of shape {output:?}; a loss needs a flat row: end it with `.flatten()` or `.dense(n)`"
            )));
        };
        if self.loss.has_classes() && outputs < 2 {
            return Err(Error::model(format!(
                "{} needs an output for each class, at least 2, and the network has 1; for one output use \
                 `Loss::BinaryCrossEntropy`",
                self.loss.name()
            )));
        }
        if let Loss::Huber(delta) = self.loss
            && !(delta.is_finite() && delta > 0.0)
        {
            return Err(Error::model(format!("the Huber loss has delta {delta}; it has to be above 0")));
        }
        self.check_class_weights(outputs)
    }

    fn check_class_weights(&self, outputs: usize) -> Result<()> {
        let Some(weights) = &self.class_weights else { return Ok(()) };
        let classes = if self.loss.has_classes() { outputs } else { 2 };
        if !self.loss.is_classification() || (!self.loss.has_classes() && outputs != 1) {
            return Err(Error::model(format!(
                "there are class weights, but {} with {outputs} outputs has no classes",
                self.loss.name()
            )));
        }
        if weights.len() != classes {
            return Err(Error::model(format!(
                "there are {} class weights for {classes} classes",
                weights.len()
            )));
        }
        if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            return Err(Error::model(format!(
                "a class weight is {weight}; it has to be a number that is not negative"
            )));
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return Err(Error::model("all class weights are 0, so that no sample counts"));
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<()> {
        let share = self.label_smoothing;
        if !(0.0..1.0).contains(&share) {
            return Err(Error::model(format!(
                "label smoothing is {share}; it has to be at least 0 and below 1"
            )));
        }
        if share > 0.0 && !matches!(self.loss, Loss::CrossEntropy | Loss::BinaryCrossEntropy) {
            return Err(Error::model(format!(
                "label smoothing is for cross-entropy and binary cross-entropy, and the loss is {}",
                self.loss.name()
            )));
        }
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        for (position, metric) in self.metrics.iter().enumerate() {
            let name = metric.name();
            if name.is_empty() || name == "loss" || name.starts_with("val_") {
                return Err(Error::model(format!(
                    "a metric is called `{name}`; choose another name, without `val_`"
                )));
            }
            if self.metrics[..position].contains(metric) {
                return Err(Error::model(format!("two metrics are called `{name}`")));
            }
        }
        Ok(())
    }

    /// Whether a metric is one of what the loss takes as targets.
    fn check_metric(&self, metric: &Metric, outputs: usize) -> Result<()> {
        let (name, loss) = (metric.name(), self.loss);
        let why = match metric {
            Metric::Accuracy if !loss.is_classification() => {
                format!("accuracy needs classes, and the loss is {}", loss.name())
            }
            Metric::Auc | Metric::F1 if !loss.is_classification() => {
                format!("`{name}` needs classes, and the loss is {}", loss.name())
            }
            Metric::TopK(_) if !loss.has_classes() => {
                format!("`{name}` needs an output for each class, and the loss is {}", loss.name())
            }
            Metric::TopK(count) if *count == 0 || *count >= outputs => {
                let least = if *count == 0 { "none" } else { "every class" };
                format!("`{name}` of {outputs} classes says nothing, because {least} is among {count}")
            }
            Metric::MeanSquaredError | Metric::MeanAbsoluteError | Metric::R2 if loss.has_classes() => {
                format!("`{name}` needs numbers as targets, and {} has classes", loss.name())
            }
            _ => return Ok(()),
        };
        Err(Error::model(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Activation, BatchNorm, Conv2d, Layer, Pool2d, RmsProp, Sequential};

    fn message(network: Sequential, loss: Loss) -> String {
        network.compile(RmsProp::new(0.01), loss).check().unwrap_err().to_string()
    }

    #[test]
    fn layers_that_do_not_fit_are_named_with_both_shapes() {
        let text = message(Sequential::new([8, 8]).dropout(0.1).dense(10), Loss::CrossEntropy);
        assert!(
            text.contains("layer 2 (dense)") && text.contains("[8, 8]") && text.contains("[10]"),
            "{text}"
        );
        assert!(message(Sequential::new([64]).dense(0), Loss::CrossEntropy).contains("layer 1 (dense)"));
        assert!(message(Sequential::new([64]).dropout(1.5).dense(2), Loss::CrossEntropy).contains("1.5"));
        assert!(
            message(Sequential::new([64]).dropout(f64::NAN).dense(2), Loss::CrossEntropy).contains("NaN")
        );
        assert!(message(Sequential::new([]).dense(2), Loss::CrossEntropy).contains("[]"));
        assert!(message(Sequential::new([64]).dense(1), Loss::CrossEntropy).contains("BinaryCrossEntropy"));
        assert!(message(Sequential::new([8, 8]), Loss::MeanSquaredError).contains("[8, 8]"));
        assert!(message(Sequential::new([8]).dense(1), Loss::Huber(-1.0)).contains("-1"));
        let fits =
            Sequential::new([8, 8]).flatten().dense(10).compile(RmsProp::new(0.01), Loss::CrossEntropy);
        fits.check().unwrap();
        assert!(fits.batch_size(0).check().is_err());
    }

    #[test]
    fn images_that_do_not_fit_are_named_with_both_shapes() {
        let of = |network: Sequential| message(network.flatten().dense(2), Loss::CrossEntropy);
        let image = || Sequential::new([3, 8, 8]);
        let text = of(image().conv2d(4, 9));
        assert!(text.contains("[9, 9]") && text.contains("[8, 8]"), "{text}");
        assert!(of(Sequential::new([64]).conv2d(4, 3)).contains("[64]"));
        assert!(of(image().conv2d(0, 3)).contains("filters"));
        assert!(of(image().layer(Conv2d::new(4, 3).stride(0))).contains("stride"));
        assert!(of(image().layer(Layer::MaxPool2d(Pool2d::new(2).padding(2)))).contains("half"));
        assert!(of(image().layer(BatchNorm::default().momentum(0.0))).contains("momentum"));
        let text = of(image().residual(|block| block.conv2d(3, 3)));
        assert!(text.contains("[3, 8, 8]") && text.contains("[3, 6, 6]"), "{text}");
        let text = of(image().residual(|block| block.activation(Activation::Relu).dense(3)));
        assert!(text.contains("layer 1.2 (dense)"), "{text}");
        let text = of(image().reshape([7]));
        assert!(text.contains("192") && text.contains("[7]"), "{text}");
    }

    #[test]
    fn settings_that_are_not_allowed_are_named() {
        let model = || Sequential::new([4]).dense(3).compile(RmsProp::new(0.01), Loss::CrossEntropy);
        let text = |model: Compiled| model.check().unwrap_err().to_string();
        assert!(text(model().clip_norm(0.0)).contains("norm"));
        assert!(text(model().clip_value(f64::NAN)).contains("NaN"));
        assert!(text(model().l2(-1.0)).contains("L2"));
        assert!(text(model().label_smoothing(1.0)).contains("smoothing"));
        assert!(text(model().class_weights([1.0, 2.0])).contains("2 class weights for 3 classes"));
        assert!(text(model().class_weights([0.0; 3])).contains("all class weights are 0"));
        assert!(text(model().metrics([Metric::MeanSquaredError])).contains("mse"));
        assert!(text(model().metrics([Metric::Accuracy, Metric::Accuracy])).contains("two metrics"));
        assert!(text(model().metrics([Metric::R2])).contains("`r2` needs numbers"));
        assert!(text(model().metrics([Metric::TopK(3)])).contains("every class is among 3"));
        assert!(text(model().metrics([Metric::TopK(0)])).contains("none is among 0"));
        let numbers = |metric| Sequential::new([4]).dense(3).compile(RmsProp::new(0.01), metric);
        let of = |metric| text(numbers(Loss::MeanSquaredError).metrics([metric]));
        assert!(of(Metric::Auc).contains("`auc` needs classes") && of(Metric::F1).contains("`f1`"));
        assert!(of(Metric::TopK(2)).contains("`top2_accuracy` needs an output"));
        numbers(Loss::BinaryCrossEntropy).metrics([Metric::Auc, Metric::F1, Metric::R2]).check().unwrap();
    }
}
