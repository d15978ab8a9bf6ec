//! Parameters as data: their names and shapes, what they are for, and how they begin.

use super::init::Init;

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Weights: what regularization is applied to.
    Weight,
    /// Biases, scales and shifts.
    Other,
    /// Running statistics, which no gradient changes.
    Statistic,
}

/// A parameter, before it exists.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ParameterSpec {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) role: Role,
    pub(super) init: Init,
    /// Inputs of each output, outputs of each input.
    pub(super) fans: (f64, f64),
}

impl ParameterSpec {
    /// Weights of this shape.
    pub(super) fn weight(name: &str, shape: &[usize], init: Init, fans: (f64, f64)) -> ParameterSpec {
        ParameterSpec { name: name.to_owned(), shape: shape.to_vec(), role: Role::Weight, init, fans }
    }

    /// A row of this length, of the same number everywhere.
    pub(super) fn constant(name: &str, length: usize, role: Role, value: f64) -> ParameterSpec {
        let init = Init::Constant(value);
        ParameterSpec { name: name.to_owned(), shape: vec![length], role, init, fans: (1.0, 1.0) }
    }

    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A parameter of a [`CustomLayer`](super::CustomLayer).
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    name: String,
    shape: Vec<usize>,
    init: Init,
    weight: bool,
}

impl Parameter {
    /// Creates a parameter with this name in checkpoints and this shape, zero at first. Regularization leaves
    /// it alone.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Parameter {
        Parameter { name: name.into(), shape: shape.into(), init: Init::Constant(0.0), weight: false }
    }

    /// Sets how it begins. Inputs and outputs are counted by the shape's first and last dimension.
    pub fn init(self, init: Init) -> Parameter {
        Parameter { init, ..self }
    }

    /// Makes it a weight: regularization is applied to it.
    pub fn weight(self) -> Parameter {
        Parameter { weight: true, ..self }
    }

    pub(super) fn spec(self) -> ParameterSpec {
        let fans =
            (self.shape.first().copied().unwrap_or(1) as f64, self.shape.last().copied().unwrap_or(1) as f64);
        let role = if self.weight { Role::Weight } else { Role::Other };
        ParameterSpec { name: self.name, shape: self.shape, role, init: self.init, fans }
    }
}
