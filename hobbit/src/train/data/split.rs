//! Splitting samples into parts.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::random::Key;

/// Splits samples by their classes into a training part and a validation part of `validation` samples, so
/// that both have the classes in the same proportions. Returns the samples' places, in order; equal seeds
/// give equal parts.
///
/// # Errors
/// Nothing is left for one of the parts.
///
/// ```
/// let classes = [0, 1, 0, 1, 0, 1, 0, 1];
/// let (training, validation) = hobbit::train::stratified_split(&classes, 2, 0)?;
/// assert_eq!((training.len(), validation.len()), (6, 2));
/// assert_ne!(classes[validation[0]], classes[validation[1]]);
/// # Ok::<(), hobbit::Error>(())
/// ```
pub fn stratified_split<C: Ord + Copy>(
    classes: &[C],
    validation: usize,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let total = classes.len();
    if validation == 0 || validation >= total {
        return Err(Error::data(format!(
            "{total} samples cannot be split with {validation} of them for validation: both parts need at least one"
        )));
    }
    let mut places: BTreeMap<C, Vec<usize>> = BTreeMap::new();
    for (place, &class) in classes.iter().enumerate() {
        places.entry(class).or_default().push(place);
    }
    // each class gives its share rounded down; what is missing comes from the classes with the largest
    // remainders
    let share = |members: &Vec<usize>| members.len() as u128 * validation as u128;
    let mut quotas: Vec<usize> =
        places.values().map(|members| (share(members) / total as u128) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..quotas.len()).collect();
    let remainders: Vec<u128> = places.values().map(|members| share(members) % total as u128).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(remainders[class]));
    let missing = validation - quotas.iter().sum::<usize>();
    for &class in by_remainder.iter().take(missing) {
        quotas[class] += 1;
    }
    let (mut first, mut second) = (Vec::with_capacity(total - validation), Vec::with_capacity(validation));
    for (class, (mut members, quota)) in places.into_values().zip(quotas).enumerate() {
        Key::new(seed).child(class as u64).rng().shuffle(&mut members);
        second.extend_from_slice(&members[..quota]);
        first.extend_from_slice(&members[quota..]);
    }
    first.sort_unstable();
    second.sort_unstable();
    Ok((first, second))
}

/// Splits samples at random into a training part and a validation part of `validation` samples. Returns the
/// samples' places, in order; equal seeds give equal parts.
///
/// # Errors
/// Nothing is left for one of the parts.
pub fn split(samples: usize, validation: usize, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    stratified_split(&vec![(); samples], validation, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_the_classes_in_proportion_and_every_sample_once() {
        let classes: Vec<u32> = (0..1000).map(|i| if i % 10 == 0 { 7 } else { i % 3 }).collect();
        let (training, validation) = stratified_split(&classes, 201, 5).unwrap();
        assert_eq!(validation.len(), 201);
        let mut all: Vec<usize> = training.iter().chain(&validation).copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        for class in [0, 1, 2, 7] {
            let count = |part: &[usize]| part.iter().filter(|&&place| classes[place] == class).count() as f64;
            assert!((count(&validation) - 0.201 * (count(&training) + count(&validation))).abs() <= 1.0);
        }
        assert_eq!(stratified_split(&classes, 201, 5).unwrap().1, validation);
        assert_ne!(stratified_split(&classes, 201, 6).unwrap().1, validation);
        assert!(stratified_split(&classes, 1000, 5).is_err());
        assert!(stratified_split(&classes, 0, 5).is_err());
    }
}
