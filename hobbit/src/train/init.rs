//! How weights begin: drawn from keys, so that equal seeds give equal weights on every device.

use serde::{Deserialize, Serialize};

use super::written::float;
use crate::random::Key;

/// What a layer's weights are before training. Biases begin at zero.
///
/// `n` inputs and `m` outputs are counted for each output and each input: for a convolution, times the
/// kernel's area.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Init {
    /// [`HeUniform`](Init::HeUniform) before a ReLU, leaky ReLU or GELU, otherwise
    /// [`XavierUniform`](Init::XavierUniform).
    #[default]
    Auto,
    /// Uniform in ±√(6 / (n + m)) (Glorot and Bengio, AISTATS 2010).
    XavierUniform,
    /// Normal with variance 2 / (n + m) (Glorot and Bengio, AISTATS 2010).
    XavierNormal,
    /// Uniform in ±√(6 / n) (He et al., ICCV 2015).
    HeUniform,
    /// Normal with variance 2 / n (He et al., ICCV 2015).
    HeNormal,
    /// Uniform in ± this number.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// All equal to this number.
    Constant(f64),
}

impl Init {
    /// What is wrong with it, if anything.
    pub(super) fn check(self) -> Result<(), String> {
        match self {
            Init::Uniform(x) | Init::Normal(x) if !(x.is_finite() && x >= 0.0) => Err(format!(
                "its weights begin with a spread of {x}; it has to be a number that is not negative"
            )),
            Init::Constant(x) if !x.is_finite() => {
                Err(format!("its weights begin at {x}; it has to be a number"))
            }
            _ => Ok(()),
        }
    }

    /// The rule that is used where none was chosen: before a ReLU or the like another one.
    pub(super) fn resolve(self, rectified: bool) -> Init {
        match self {
            Init::Auto if rectified => Init::HeUniform,
            Init::Auto => Init::XavierUniform,
            init => init,
        }
    }

    /// What journals say of it, behind what begins like that; of the usual rule nothing.
    pub(super) fn written(self) -> String {
        match self {
            Init::Auto => String::new(),
            Init::XavierUniform => " Xavier uniform".to_owned(),
            Init::XavierNormal => " Xavier normal".to_owned(),
            Init::HeUniform => " He uniform".to_owned(),
            Init::HeNormal => " He normal".to_owned(),
            Init::Uniform(limit) => format!(" uniform {}", float(limit)),
            Init::Normal(deviation) => format!(" normal {}", float(deviation)),
            Init::Constant(value) => format!(" constant {}", float(value)),
        }
    }

    /// So many numbers, for `n` inputs and `m` outputs.
    pub(super) fn draw(self, length: usize, (n, m): (f64, f64), key: Key) -> Vec<f32> {
        let mut rng = key.rng();
        let mut uniform =
            |limit: f64| (0..length).map(|_| ((2.0 * rng.unit() - 1.0) * limit) as f32).collect();
        match self {
            Init::Auto | Init::XavierUniform => uniform((6.0 / (n + m)).sqrt()),
            Init::HeUniform => uniform((6.0 / n).sqrt()),
            Init::Uniform(limit) => uniform(limit),
            Init::XavierNormal => normal(length, (2.0 / (n + m)).sqrt(), key),
            Init::HeNormal => normal(length, (2.0 / n).sqrt(), key),
            Init::Normal(deviation) => normal(length, deviation, key),
            Init::Constant(value) => vec![value as f32; length],
        }
    }
}

/// Normal numbers by Box and Muller's transform, with logarithms and cosines that are the same on every
/// platform.
fn normal(length: usize, deviation: f64, key: Key) -> Vec<f32> {
    let mut rng = key.rng();
    let mut values = Vec::with_capacity(length + 1);
    while values.len() < length {
        // in (0, 1], so that the logarithm is finite
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - rng.unit())) * deviation;
        let angle = std::f64::consts::TAU * rng.unit();
        values.push((radius * libm::cos(angle)) as f32);
        values.push((radius * libm::sin(angle)) as f32);
    }
    values.truncate(length);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        (mean, values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n)
    }

    #[test]
    fn spreads_are_as_the_papers_say() {
        let fans = (300.0, 100.0);
        for (init, variance) in [
            (Init::XavierUniform, 2.0 / 400.0),
            (Init::XavierNormal, 2.0 / 400.0),
            (Init::HeUniform, 2.0 / 300.0),
            (Init::HeNormal, 2.0 / 300.0),
            (Init::Uniform(0.3), 0.03),
            (Init::Normal(0.2), 0.04),
            (Init::Constant(0.0), 0.0),
        ] {
            let values = init.draw(100_001, fans, Key::new(3));
            assert_eq!(values.len(), 100_001);
            let (mean, found) = moments(&values);
            assert!(mean.abs() < 2e-3, "{init:?}: {mean}");
            assert!((found - variance).abs() <= 0.02 * variance, "{init:?}: {found} and not {variance}");
        }
        assert!(Init::Normal(-1.0).check().is_err() && Init::Constant(f64::NAN).check().is_err());
    }
}
