//! Dropout's masks, drawn from keys: the same on every device.

use super::{Work, simd};
use crate::random::Key;

/// What dropout does in one step: each place is dropped with its probability, in whole parts of 65536.
#[derive(Clone, Copy)]
pub(in crate::train) struct Drops {
    threshold: u32,
    key: [u32; 2],
    pub(in crate::train) scale: f32,
}

impl Drops {
    /// Places that are drawn at once, and half of them.
    pub(in crate::train) const BLOCK: usize = 2 * Drops::HALF;
    pub(in crate::train) const HALF: usize = 16;

    pub(in crate::train) fn new(probability: f64, key: Key) -> Drops {
        let seed = key.seed();
        Drops {
            threshold: (probability * 65536.0).round() as u32,
            key: [seed as u32, (seed >> 32) as u32],
            scale: Drops::scale_of(probability),
        }
    }

    /// What is kept is multiplied with 1 / (1 - probability).
    pub(in crate::train) fn scale_of(probability: f64) -> f32 {
        if probability < 1.0 { (1.0 / (1.0 - probability)) as f32 } else { 0.0 }
    }

    /// Whether two places of a block are kept: the one of this number below `HALF`, and the one that many
    /// places further. A number is drawn for both, and each pair has one of its own, so that loops become
    /// vectors.
    #[inline(always)]
    pub(in crate::train) fn pair(self, block: usize, place: usize) -> [bool; 2] {
        let counter = self.key[0].wrapping_add((block * Drops::HALF + place) as u32);
        let drawn = scramble(counter, self.key[1]);
        [drawn & 0xffff >= self.threshold, drawn >> 16 >= self.threshold]
    }

    /// Which places of a block are kept.
    #[inline(always)]
    pub(in crate::train) fn block(self, number: usize) -> [bool; Drops::BLOCK] {
        let mut kept = [false; Drops::BLOCK];
        for place in 0..Drops::HALF {
            [kept[place], kept[Drops::HALF + place]] = self.pair(number, place);
        }
        kept
    }
}

/// A mask for dropout: zero with this probability, otherwise 1 / (1 - probability).
pub(in crate::train) fn dropout_mask(probability: f64, key: Key, to: &mut [f32]) {
    simd(Mask { drops: Drops::new(probability, key), to });
}

struct Mask<'a> {
    drops: Drops,
    to: &'a mut [f32],
}

impl Work for Mask<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Mask { drops, to } = self;
        let scaled = |kept| if kept { drops.scale } else { 0.0 };
        let (blocks, last) = to.as_chunks_mut::<{ Drops::BLOCK }>();
        for (number, block) in blocks.iter_mut().enumerate() {
            let (near, far) = block.split_at_mut(Drops::HALF);
            for (place, (near, far)) in near.iter_mut().zip(far).enumerate() {
                let [first, second] = drops.pair(number, place);
                (*near, *far) = (scaled(first), scaled(second));
            }
        }
        let kept = drops.block(blocks.len());
        last.iter_mut().zip(kept).for_each(|(to, kept)| *to = scaled(kept));
    }
}

/// A bijection of 32 bits for each key, in which every bit reaches every other: two rounds of shifting and
/// multiplying with the constants that Wellons found by search ("Prospecting for hash functions", 2018), with
/// the key between them.
#[inline(always)]
fn scramble(word: u32, key: u32) -> u32 {
    let word = (word ^ (word >> 16)).wrapping_mul(0x7feb_352d);
    let word = (word ^ (word >> 15) ^ key).wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_mean() {
        for probability in [0.1, 0.5, 0.9] {
            let mut mask = vec![1.0; 100_001];
            dropout_mask(probability, Key::new(1), &mut mask);
            let drops = Drops::new(probability, Key::new(1));
            let kept = (0..mask.len().div_ceil(Drops::BLOCK)).flat_map(|number| drops.block(number));
            assert!(kept.zip(&mask).all(|(kept, &x)| x == if kept { drops.scale } else { 0.0 }));
            let zeros = mask.iter().filter(|&&x| x == 0.0).count() as f64 / 100_001.0;
            assert!((zeros - probability).abs() < 0.01, "{zeros}");
            let mean = mask.iter().map(|&x| f64::from(x)).sum::<f64>() / 100_001.0;
            assert!((mean - 1.0).abs() < 0.05);
        }
        let mut mask = [1.0; 7];
        dropout_mask(1.0, Key::new(1), &mut mask);
        assert_eq!(mask, [0.0; 7]);
    }
}
