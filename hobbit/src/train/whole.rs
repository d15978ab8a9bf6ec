//! Metrics of all samples of a set together: their formulas.

use super::data::Batch;
use super::loss::Loss;
use super::math::argmax;
use super::measured::Measured;
use super::metrics::{CustomMetric, Function, Metric};

/// The value of a metric of all samples.
pub(super) fn value(metric: Metric, loss: Loss, all: &Measured<'_>) -> f64 {
    match metric {
        Metric::Auc if loss.has_classes() => auc_of_classes(all),
        Metric::Auc => {
            let of = |output| area(all.column(output).map(|(score, target)| (score, target > 0.5)).collect());
            mean((0..all.width()).filter_map(of))
        }
        Metric::F1 if loss.has_classes() => f1_of_classes(all),
        Metric::F1 => f1_of_answers(all),
        Metric::R2 => mean((0..all.width()).map(|output| r2(all, output))),
        Metric::Custom(CustomMetric { function: Function::All(function), .. }) => function(all),
        // those are means over samples
        Metric::Custom(_)
        | Metric::Accuracy
        | Metric::MeanSquaredError
        | Metric::MeanAbsoluteError
        | Metric::TopK(_) => f64::NAN,
    }
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}

/// The area under the ROC curve of scores, each with whether it is a yes: of Mann and Whitney's U, which the
/// ranks of the yeses add up to (ties share their mean rank). None if all are the same.
fn area(mut scores: Vec<(f64, bool)>) -> Option<f64> {
    let yes = scores.iter().filter(|(_, is_yes)| *is_yes).count() as f64;
    let no = scores.len() as f64 - yes;
    if yes == 0.0 || no == 0.0 {
        return None;
    }
    if scores.iter().any(|(score, _)| score.is_nan()) {
        return Some(f64::NAN);
    }
    scores.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut ranks, mut before) = (0.0, 0.0);
    for equal in scores.chunk_by(|(a, _), (b, _)| a == b) {
        let count = equal.len() as f64;
        let among = equal.iter().filter(|(_, is_yes)| *is_yes).count() as f64;
        ranks += among * (before + (count + 1.0) / 2.0);
        before += count;
    }
    Some((ranks - yes * (yes + 1.0) / 2.0) / (yes * no))
}

/// Of two classes that of the second; of more, the mean of each one against all others, by the logarithms of
/// their probabilities, which do not become equal where probabilities are rounded.
fn auc_of_classes(all: &Measured<'_>) -> f64 {
    let width = all.width();
    if width == 2 {
        let score = |(row, class): (&[f32], usize)| (f64::from(row[1]) - f64::from(row[0]), class == 1);
        return area(all.classes().map(score).collect()).unwrap_or(f64::NAN);
    }
    let log_sum = |row: &[f32]| {
        let largest = f64::from(row[argmax(row)]);
        largest + libm::log(row.iter().map(|&value| libm::exp(f64::from(value) - largest)).sum::<f64>())
    };
    let sums: Vec<f64> = all.rows().map(|(row, _)| log_sum(row)).collect();
    let of = |class: usize| {
        let score = |((row, own), sum): ((&[f32], usize), &f64)| (f64::from(row[class]) - sum, own == class);
        area(all.classes().zip(&sums).map(score).collect())
    };
    mean((0..width).filter_map(of))
}

/// True and false positives, and false negatives.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    hits: u64,
    false_hits: u64,
    misses: u64,
}

impl Counts {
    /// None of what neither is nor is found.
    fn f1(self) -> Option<f64> {
        let all = 2 * self.hits + self.false_hits + self.misses;
        (all > 0).then(|| (2 * self.hits) as f64 / all as f64)
    }

    fn add(counts: &mut [Counts], found: usize, is: usize) {
        if found == is {
            counts[is].hits += 1;
        } else {
            counts[found].false_hits += 1;
            counts[is].misses += 1;
        }
    }
}

fn f1_of_classes(all: &Measured<'_>) -> f64 {
    let mut counts = vec![Counts::default(); all.width()];
    all.classes().for_each(|(row, class)| Counts::add(&mut counts, argmax(row), class));
    mean(counts.into_iter().filter_map(Counts::f1))
}

/// Of one output the mean of yes and no, of several that of the yes of each.
fn f1_of_answers(all: &Measured<'_>) -> f64 {
    let of = |output| {
        let mut counts = [Counts::default(); 2];
        for (score, target) in all.column(output) {
            Counts::add(&mut counts, usize::from(score > 0.0), usize::from(target > 0.5));
        }
        counts
    };
    match all.width() {
        1 => mean(of(0).into_iter().filter_map(Counts::f1)),
        outputs => mean((0..outputs).map(|output| of(output)[1].f1().unwrap_or(0.0))),
    }
}

fn r2(all: &Measured<'_>, output: usize) -> f64 {
    let center = mean(all.column(output).map(|(_, target)| target));
    let (mut left, mut total) = (0.0, 0.0);
    for (value, target) in all.column(output) {
        left += (target - value) * (target - value);
        total += (target - center) * (target - center);
    }
    match total > 0.0 || left.is_nan() {
        true => 1.0 - left / total,
        // all targets are equal
        false => f64::from(u8::from(left == 0.0)),
    }
}

/// How many samples of a batch have their class among so many with the largest outputs.
pub(super) fn top(most: usize, outputs: &[f32], width: usize, batch: &Batch) -> usize {
    let class = |sample: usize| match batch.classes.get(sample) {
        Some(&class) => class as usize,
        None => argmax(&batch.values[sample * width..][..width]),
    };
    let is_among = |(sample, row): &(usize, &[f32])| {
        let class = class(*sample);
        let own = row[class];
        let is_before = |(place, value): &(usize, &f32)| **value > own || (**value == own && *place < class);
        !own.is_nan() && row.iter().enumerate().filter(is_before).count() < most
    };
    outputs.chunks_exact(width).enumerate().filter(is_among).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::measured::Kept;

    /// Numbers like those of `tests/scripts/metrics.py`, which asks scikit-learn for the same.
    fn numbers(count: usize, seed: u32, levels: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % levels
        };
        (0..count).map(|_| next() as f32 / 8.0 - levels as f32 / 16.0).collect()
    }

    fn batch(samples: usize, classes: Vec<u32>, values: Vec<f32>) -> Batch {
        let mut batch = Batch::default();
        (batch.samples, batch.classes, batch.values) = (samples, classes, values);
        batch
    }

    fn classes(count: usize, seed: u32, of: u32) -> Batch {
        let classes = numbers(count, seed, of).iter().map(|&x| (8.0 * x + of as f32 / 2.0) as u32).collect();
        batch(count, classes, Vec::new())
    }

    fn answers(values: Vec<f32>, samples: usize) -> Batch {
        batch(samples, Vec::new(), values)
    }

    /// The metric of outputs that come in two batches.
    fn of(metric: Metric, loss: Loss, outputs: &[f32], batch: &Batch) -> f64 {
        let mut kept = Kept::default();
        let (half, width) = (batch.samples / 3, outputs.len() / batch.samples);
        let values = batch.values.len() / batch.samples;
        let part = |from: usize, to: usize| {
            let classes = batch.classes.get(from..to).unwrap_or_default().to_vec();
            self::batch(to - from, classes, batch.values[from * values..to * values].to_vec())
        };
        kept.add(&outputs[..half * width], &part(0, half));
        kept.add(&outputs[half * width..], &part(half, batch.samples));
        value(metric, loss, &kept.measured())
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn metrics_of_classes_are_those_of_scikit_learn() {
        let (z, y) = (numbers(400, 1, 41), classes(100, 2, 4));
        near(of(Metric::Auc, Loss::CrossEntropy, &z, &y), 0.526994759612203);
        near(of(Metric::F1, Loss::CrossEntropy, &z, &y), 0.28892635817790285);
        assert_eq!([1, 2, 3].map(|most| top(most, &z, 4, &y)), [29, 57, 77]);
        // one-hot targets are the same
        let one_hot = answers(y.answers(4), 100);
        near(of(Metric::Auc, Loss::CrossEntropy, &z, &one_hot), 0.526994759612203);
        assert_eq!(top(2, &z, 4, &one_hot), 57);
        // the last of four classes is none's, and none is given it
        let three: Vec<f32> = z.chunks(4).flat_map(|row| [row[0], row[1], row[2], -100.0]).collect();
        near(of(Metric::F1, Loss::CrossEntropy, &three, &classes(100, 3, 2)), 0.21898989898989898);
        let (z, y) = (numbers(200, 4, 33), classes(100, 5, 2));
        near(of(Metric::Auc, Loss::CrossEntropy, &z, &y), 0.5531400966183575);
    }

    #[test]
    fn metrics_of_answers_and_numbers_are_those_of_scikit_learn() {
        let yes = |count, seed| classes(count, seed, 2).classes.iter().map(|&class| class as f32).collect();
        let (z, y) = (numbers(100, 6, 17), answers(yes(100, 5), 100));
        near(of(Metric::Auc, Loss::BinaryCrossEntropy, &z, &y), 0.47342995169082125);
        near(of(Metric::F1, Loss::BinaryCrossEntropy, &z, &y), 0.48748869460355737);
        let (z, y) = (numbers(300, 7, 41), answers(yes(300, 8), 100));
        near(of(Metric::Auc, Loss::BinaryCrossEntropy, &z, &y), 0.4503572679135101);
        near(of(Metric::F1, Loss::BinaryCrossEntropy, &z, &y), 0.4617244912897087);
        let moved = |values: &[f32]| -> Vec<f32> {
            values.chunks(3).flat_map(|row| [row[0] + 100.0, row[1], row[2] - 5.0]).collect()
        };
        let y = moved(&numbers(300, 9, 41));
        let r2 = |outputs: &[f32], y: &[f32]| {
            of(Metric::R2, Loss::MeanSquaredError, outputs, &answers(y.to_vec(), 100))
        };
        near(r2(&moved(&z), &y), -1.2419841878892288);
        let one: Vec<f32> = y.chunks(3).map(|row| row[0]).collect();
        let close: Vec<f32> = one.iter().zip(z.chunks(3)).map(|(y, z)| y + z[1] / 4.0).collect();
        near(r2(&close, &one), 0.9176648928669502);
        assert_eq!([r2(&[2.5; 100], &[2.5; 100]), r2(&[2.0; 100], &[2.5; 100])], [1.0, 0.0]);
    }

    #[test]
    fn what_has_one_answer_only_has_no_area() {
        let auc = |z: &[f32], y: &[f32]| {
            of(Metric::Auc, Loss::BinaryCrossEntropy, z, &answers(y.to_vec(), y.len()))
        };
        assert!(auc(&[1.0, 2.0, 3.0], &[1.0; 3]).is_nan());
        assert!(auc(&[1.0, f32::NAN, 3.0], &[1.0, 0.0, 1.0]).is_nan());
        assert_eq!(auc(&[1.0, -1.0, 3.0], &[1.0, 0.0, 1.0]), 1.0);
        assert_eq!(auc(&[0.0, 0.0, 0.0], &[1.0, 0.0, 1.0]), 0.5);
        // the second question is answered alike everywhere
        let two = answers(vec![1.0, 1.0, 0.0, 1.0, 1.0, 1.0], 3);
        let z = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0];
        assert_eq!(of(Metric::Auc, Loss::BinaryCrossEntropy, &z, &two), 0.5);
        assert_eq!(top(2, &[f32::NAN, 1.0, 2.0], 3, &classes(1, 0, 1)), 0);
    }

    #[test]
    fn a_function_sees_all_samples_in_their_order() {
        fn spread(all: &Measured<'_>) -> f64 {
            let targets = || all.rows().map(|(_, target)| f64::from(target[0]));
            targets().fold(f64::MIN, f64::max) - targets().fold(f64::MAX, f64::min)
                + all.samples() as f64
                + all.rows().enumerate().filter(|(place, (row, _))| row[1] == *place as f32).count() as f64
        }
        let metric = Metric::Custom(CustomMetric::of_all("spread", spread));
        let outputs: Vec<f32> = (0..9).flat_map(|i| [0.5, i as f32]).collect();
        let batch = batch(9, vec![0, 1, 0, 1, 1, 1, 0, 0, 1], Vec::new());
        assert_eq!(of(metric, Loss::CrossEntropy, &outputs, &batch), 1.0 + 9.0 + 9.0);
    }
}
