//! Losses: what training makes small, as data.

use dfdx::tensor::{Cpu, OwnedTape, Tensor};

/// What training minimizes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// For classes: the mean of -log softmax(output)\[class\]. The network has an output for each class.
    /// Targets are classes, or a probability for each class.
    CrossEntropy,
    /// For yes and no: the mean of -log of the right answer's probability, with probabilities
    /// sigmoid(output).
    BinaryCrossEntropy,
    /// The mean of squared errors.
    MeanSquaredError,
    /// The mean of absolute errors.
    MeanAbsoluteError,
    /// Squared for errors below this delta, linear beyond it (Huber, 1964): e² / 2, or delta · (|e| - delta /
    /// 2).
    Huber(f64),
    /// A function of your own.
    Custom(CustomLoss),
}

/// Outputs of a network for some samples, `(samples, outputs)`, before any softmax or sigmoid.
pub type Outputs = Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>>;
/// The targets of these samples, `(samples, outputs)`: numbers, or classes one-hot.
pub type Answers = Tensor<(usize, usize), f32, Cpu>;
/// A loss for each sample.
pub type SampleLosses = Tensor<(usize,), f32, Cpu, OwnedTape<f32, Cpu>>;

/// A loss of your own: a function of dfdx tensors, which finds the gradient by itself.
///
/// ```
/// use dfdx::shapes::Axis;
/// use dfdx::tensor_ops::MeanTo;
/// use hobbit::train::{Answers, CustomLoss, Loss, Outputs, SampleLosses};
///
/// fn fourth_power(outputs: Outputs, targets: Answers) -> SampleLosses {
///     (outputs - targets).square().square().mean::<_, Axis<1>>()
/// }
///
/// let loss = Loss::Custom(CustomLoss::new("fourth power", fourth_power));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CustomLoss {
    pub(super) name: &'static str,
    pub(super) function: fn(Outputs, Answers) -> SampleLosses,
    pub(super) classes: bool,
}

impl CustomLoss {
    /// With numbers as targets.
    pub fn new(name: &'static str, function: fn(Outputs, Answers) -> SampleLosses) -> CustomLoss {
        CustomLoss { name, function, classes: false }
    }

    /// For classes as targets, an output for each: accuracy is measured, and predictions are softmaxed.
    pub fn of_classes(name: &'static str, function: fn(Outputs, Answers) -> SampleLosses) -> CustomLoss {
        CustomLoss { name, function, classes: true }
    }
}

impl PartialEq for CustomLoss {
    /// Functions have no identity of their own, so names count.
    fn eq(&self, other: &CustomLoss) -> bool {
        self.name == other.name && self.classes == other.classes
    }
}

impl Loss {
    /// The loss's name.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::BinaryCrossEntropy => "binary cross-entropy",
            Loss::MeanSquaredError => "the mean squared error",
            Loss::MeanAbsoluteError => "the mean absolute error",
            Loss::Huber(_) => "the Huber loss",
            Loss::Custom(custom) => custom.name,
        }
    }

    /// Whether there is an output for each class.
    pub(super) fn has_classes(self) -> bool {
        matches!(self, Loss::CrossEntropy | Loss::Custom(CustomLoss { classes: true, .. }))
    }

    /// Whether targets are classes or switches, and not numbers.
    pub(super) fn is_classification(self) -> bool {
        self.has_classes() || self == Loss::BinaryCrossEntropy
    }
}
