//! Which trials of a stage were asked for and are not told yet.

/// A bit for each trial, by its index.
#[derive(Debug, Clone, Default)]
pub(super) struct Due(Vec<u64>);

impl Due {
    /// The trial was asked for.
    #[inline]
    pub(super) fn ask(&mut self, index: u32) {
        let (word, bit) = place(index);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    /// Its result is told. Returns whether it was due.
    #[inline]
    pub(super) fn tell(&mut self, index: u32) -> bool {
        let (word, bit) = place(index);
        match self.0.get_mut(word) {
            Some(due) if *due & bit != 0 => {
                *due &= !bit;
                true
            }
            _ => false,
        }
    }
}

/// The word and the bit of a trial's index.
fn place(index: u32) -> (usize, u64) {
    let place = index.wrapping_sub(1);
    (place as usize / 64, 1 << (place % 64))
}
