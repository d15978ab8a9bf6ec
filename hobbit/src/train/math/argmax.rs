//! Which number of a row is the largest.

/// The place of the largest number; the first of equal ones.
pub(in crate::train) fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (position, &value) in row.iter().enumerate() {
        if value > row[best] {
            best = position;
        }
    }
    best
}

/// Whether [`argmax`] is this place, in a row of numbers; without branches, which would be mispredicted.
#[inline(always)]
pub(in crate::train) fn is_largest(row: &[f32], place: usize) -> bool {
    let value = row[place];
    let beaten = |(at, &other): (usize, &f32)| (other < value) | ((other == value) & (at >= place));
    row.iter().enumerate().fold(true, |all, other| all & beaten(other))
}
