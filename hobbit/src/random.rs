//! Keys: every random number comes from a generator made afresh from where it is needed.
//!
//! Nothing draws from a shared generator. A [`Key`] starts as the study's seed and is narrowed step by step (bracket,
//! trial, purpose, epoch, step); equal paths give equal keys, and a generator made of a key gives the same numbers on
//! every platform, thread and run. So no generator state has ever to be saved.

use rand::{Error as RandError, RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// A place in a study from which random numbers are drawn.
///
/// ```
/// use hobbit::Key;
/// let trial = Key::new(7).child(1).child(12);
/// assert_eq!(trial, Key::new(7).child(1).child(12));
/// assert_ne!(trial, Key::new(7).child(12).child(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key([u64; 2]);

impl Key {
    /// The key of a whole study.
    pub const fn new(seed: u64) -> Key {
        Key([mix(seed ^ 0x243f_6a88_85a3_08d3), mix(seed.wrapping_add(0x1319_8a2e_0370_7344))])
    }

    /// The key of one part of what this key stands for: the `word`-th bracket, trial, purpose, epoch or step.
    #[must_use]
    pub const fn child(self, word: u64) -> Key {
        let [a, b] = self.0;
        let a = mix(a ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let b = mix(b.wrapping_add(a) ^ word.rotate_left(32));
        Key([a, b])
    }

    /// The generator of this key; each call starts from the beginning.
    pub fn rng(self) -> KeyRng {
        let [a, b] = self.0;
        let mut seed = [0; 32];
        for (chunk, word) in seed.chunks_exact_mut(8).zip([a, b, mix(a), mix(b) | 1]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        KeyRng(Xoshiro256PlusPlus::from_seed(seed))
    }

    /// A number that stands for this key, for libraries that take a `u64` seed.
    pub const fn seed(self) -> u64 {
        self.0[0] ^ self.0[1].rotate_left(17)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection in which every input bit reaches every output bit.
const fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The generator of a [`Key`]: xoshiro256++, which is fast and the same on every platform.
#[derive(Debug, Clone)]
pub struct KeyRng(Xoshiro256PlusPlus);

impl KeyRng {
    /// A number in `[0, 1)`, a multiple of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number in `0..n`, each equally likely (Lemire's multiplication with rejection).
    ///
    /// `0` for `n = 0`.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            let low = product as u64;
            // the remainder is below n, and dividing is slow
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as u64;
            }
        }
    }

    /// Shuffles `items` in place (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

impl RngCore for KeyRng {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill_bytes(dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), RandError> {
        self.0.try_fill_bytes(dest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_everywhere() {
        let mut rng = Key::new(0).child(1).child(2).rng();
        let drawn: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 4] =
        [15752660842591917860, 7555779691063041985, 11397341474027733981, 9176653271312114738];

    #[test]
    fn siblings_and_parents_differ() {
        let root = Key::new(3);
        let mut seen = std::collections::HashSet::new();
        assert!(seen.insert(root));
        for a in 0..100 {
            assert!(seen.insert(root.child(a)));
            for b in 0..100 {
                assert!(seen.insert(root.child(a).child(b)));
            }
        }
    }

    #[test]
    fn below_is_uniform() {
        let mut rng = Key::new(1).rng();
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        // chi-squared with 6 degrees of freedom: 22.5 is the 0.999 quantile
        let chi: f64 = counts.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 22.5, "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..1000).collect();
        Key::new(5).rng().shuffle(&mut items);
        assert!(items.iter().enumerate().any(|(i, &x)| i as u32 != x));
        items.sort_unstable();
        assert!(items.iter().enumerate().all(|(i, &x)| i as u32 == x));
    }
}
