//! How weights begin: drawn from keys, so that equal seeds give equal weights on every device.

use crate::random::Key;

/// What a layer's weights are before training. Biases begin at zero.
///
/// `n` inputs and `m` outputs are counted for each output and each input: for a convolution, times the kernel's area.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Init {
    /// [`HeUniform`](Init::HeUniform) before a ReLU, leaky ReLU or GELU, otherwise [`XavierUniform`](Init::XavierUniform).
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
    /// All the same.
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

/// Normal numbers by Box and Muller's transform, with logarithms and cosines that are the same on every platform.
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

/// What dropout does in one step: each place is dropped with its probability, in whole parts of 65536.
#[derive(Clone, Copy)]
pub(super) struct Drops {
    threshold: u32,
    key: [u32; 2],
    pub(super) scale: f32,
}

impl Drops {
    /// Places that are drawn at once, and half of them.
    pub(super) const BLOCK: usize = 2 * Drops::HALF;
    pub(super) const HALF: usize = 16;

    pub(super) fn new(probability: f64, key: Key) -> Drops {
        let seed = key.seed();
        Drops {
            threshold: (probability * 65536.0).round() as u32,
            key: [seed as u32, (seed >> 32) as u32],
            scale: Drops::scale_of(probability),
        }
    }

    /// What is kept is multiplied with 1 / (1 - probability).
    pub(super) fn scale_of(probability: f64) -> f32 {
        if probability < 1.0 { (1.0 / (1.0 - probability)) as f32 } else { 0.0 }
    }

    /// Whether two places of a block are kept: the one of this number below `HALF`, and the one that many places further. A number is
    /// drawn for both, and each pair has one of its own, so that loops become vectors.
    #[inline(always)]
    pub(super) fn pair(self, block: usize, place: usize) -> [bool; 2] {
        let counter = self.key[0].wrapping_add((block * Drops::HALF + place) as u32);
        let drawn = scramble(counter, self.key[1]);
        [drawn & 0xffff >= self.threshold, drawn >> 16 >= self.threshold]
    }

    /// Which places of a block are kept.
    #[inline(always)]
    pub(super) fn block(self, number: usize) -> [bool; Drops::BLOCK] {
        let mut kept = [false; Drops::BLOCK];
        for place in 0..Drops::HALF {
            [kept[place], kept[Drops::HALF + place]] = self.pair(number, place);
        }
        kept
    }
}

/// A mask for dropout: zero with this probability, otherwise 1 / (1 - probability).
pub(super) fn dropout_mask(probability: f64, length: usize, key: Key) -> Vec<f32> {
    let drops = Drops::new(probability, key);
    let blocks = (0..length.div_ceil(Drops::BLOCK)).flat_map(|number| drops.block(number));
    blocks.take(length).map(|kept| if kept { drops.scale } else { 0.0 }).collect()
}

/// A bijection of 32 bits for each key, in which every bit reaches every other: two rounds of shifting and multiplying with the
/// constants that Wellons found by search ("Prospecting for hash functions", 2018), with the key between them.
#[inline(always)]
fn scramble(word: u32, key: u32) -> u32 {
    let word = (word ^ (word >> 16)).wrapping_mul(0x7feb_352d);
    let word = (word ^ (word >> 15) ^ key).wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
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

    #[test]
    fn masks_keep_the_mean() {
        for probability in [0.1, 0.5, 0.9] {
            let mask = dropout_mask(probability, 100_001, Key::new(1));
            let zeros = mask.iter().filter(|&&x| x == 0.0).count() as f64 / 100_001.0;
            assert!((zeros - probability).abs() < 0.01, "{zeros}");
            assert!((moments(&mask).0 - 1.0).abs() < 0.05);
        }
        assert_eq!(dropout_mask(1.0, 7, Key::new(1)), [0.0; 7]);
    }
}
