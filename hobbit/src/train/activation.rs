//! Activations: what they are, without how they are computed.

use serde::{Deserialize, Serialize};

use crate::space::private::Variants;

/// A function applied to each number of a layer's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Activation {
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// max(0, x)
    Relu,
    /// x · Φ(x), with the normal distribution's exact Φ (Hendrycks and Gimpel, 2016).
    Gelu,
    /// x where it is positive, x / 100 elsewhere.
    LeakyRelu,
    /// x
    Linear,
}

impl Variants for Activation {
    type Itself = Activation;
    const VARIANTS: &'static [(Activation, &'static str)] = &[
        (Activation::Sigmoid, "Sigmoid"),
        (Activation::Tanh, "Tanh"),
        (Activation::Relu, "Relu"),
        (Activation::Gelu, "Gelu"),
        (Activation::LeakyRelu, "LeakyRelu"),
        (Activation::Linear, "Linear"),
    ];
    const TAGS: &'static [isize] = &[
        Activation::Sigmoid as isize,
        Activation::Tanh as isize,
        Activation::Relu as isize,
        Activation::Gelu as isize,
        Activation::LeakyRelu as isize,
        Activation::Linear as isize,
    ];
}

impl Activation {
    /// Its name, for messages and tables.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::Gelu => "gelu",
            Activation::LeakyRelu => "leaky relu",
            Activation::Linear => "linear",
        }
    }

    /// Whether it lets about half of a normal distribution through, so that weights before it are to be
    /// larger (He et al., 2015).
    pub(super) fn rectifies(self) -> bool {
        matches!(self, Activation::Relu | Activation::Gelu | Activation::LeakyRelu)
    }

    /// Whether its derivative can be had from its value alone.
    pub(super) fn derivative_from_value(self) -> bool {
        self != Activation::Gelu
    }
}
