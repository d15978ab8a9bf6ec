//! Gradients of losses for the outputs of a stack, found on its device: those of
//! [`Loss::of`](crate::train::Loss), but for rounding.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor_ops::{BroadcastTo, TryAdd, TryDiv, TryMul, TrySub};

use crate::error::BoxError;
use crate::train::loss::Loss;
use crate::train::network::Aims;
use crate::train::tape::device::{Rows, Sheets, TensorDevice, device_error};

/// # Errors
/// The device has its own, and a custom loss has no gradient that it could find.
pub(super) fn slopes<D: TensorDevice>(
    device: &D,
    outputs: Sheets<D>,
    aims: Aims,
) -> Result<Sheets<D>, BoxError> {
    let Aims { loss, targets, weights } = aims;
    if let Loss::Custom(custom) = loss {
        return Err(format!("the loss `{}` is a function of the host's", custom.name).into());
    }
    of(device, outputs, loss, (targets, weights)).map_err(device_error)
}

fn of<D: TensorDevice>(
    device: &D,
    outputs: Sheets<D>,
    loss: Loss,
    (targets, weights): (Vec<f32>, Vec<f32>),
) -> Result<Sheets<D>, D::Err> {
    let shape = *outputs.shape();
    let targets: Sheets<D> = device.try_tensor_from_vec(targets, shape)?;
    let predicted = match loss {
        Loss::CrossEntropy => outputs.try_softmax::<Axis<2>>()?,
        Loss::BinaryCrossEntropy => outputs.try_sigmoid()?,
        _ => outputs,
    };
    let error = predicted.try_sub(targets)?;
    let slope = match loss {
        Loss::MeanAbsoluteError => {
            // e / |e|, and nothing at zero
            let size = error.clone().try_abs()?.try_add(f32::MIN_POSITIVE)?;
            error.try_div(size)?
        }
        Loss::Huber(delta) => error.try_clamp(-delta, delta)?,
        _ => error,
    };
    if weights.iter().all(|weight| weight.to_bits() == weights[0].to_bits()) {
        return slope.try_mul(weights[0]);
    }
    let weights: Rows<D> = device.try_tensor_from_vec(weights, (shape.0, shape.1))?;
    slope.try_mul(weights.try_broadcast_like::<_, Axis<2>>(&shape)?)
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, TensorFromVec};

    use super::*;
    use crate::random::Key;
    use crate::train::data::Batch;
    use crate::train::loss::CustomLoss;

    const SAMPLES: usize = 6;
    const WIDTH: usize = 3;

    fn numbers(length: usize, seed: u64) -> Vec<f32> {
        let mut rng = Key::new(seed).rng();
        (0..length).map(|_| (4.0 * rng.unit() - 2.0) as f32).collect()
    }

    /// The gradients of two networks, found here and on the device.
    fn both(loss: Loss, batches: &[Batch; 2], smoothing: [f32; 2]) -> [Vec<f32>; 2] {
        let outputs = numbers(2 * SAMPLES * WIDTH, 1);
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        let mut expected = vec![0.0; outputs.len()];
        let rows = outputs.chunks(SAMPLES * WIDTH).zip(expected.chunks_mut(SAMPLES * WIDTH));
        for ((batch, smoothing), (outputs, gradient)) in batches.iter().zip(smoothing).zip(rows) {
            loss.of(outputs, batch, smoothing, gradient).unwrap();
            loss.aim(batch, WIDTH, smoothing, &mut targets, &mut weights);
        }
        let device = Cpu::seed_from_u64(0);
        let outputs = device.tensor_from_vec(outputs, (2, SAMPLES, WIDTH));
        let found = slopes(&device, outputs, Aims { loss, targets, weights }).unwrap();
        [found.as_vec(), expected]
    }

    fn batch(classes: Vec<u32>, values: Vec<f32>, weights: Vec<f32>) -> Batch {
        let mut batch = Batch::default();
        (batch.samples, batch.classes, batch.values, batch.weights) = (SAMPLES, classes, values, weights);
        batch
    }

    #[test]
    fn gradients_are_those_of_the_host() {
        let classes = |shift| (0..SAMPLES as u32).map(|n| (n + shift) % WIDTH as u32).collect::<Vec<_>>();
        let weights = vec![0.5, 0.0, 2.0, 1.0, 1.5, 0.25];
        let values = |seed| numbers(SAMPLES * WIDTH, seed);
        // no probabilities of the last sample, and ones that do not sum up to 1
        let shares = |seed| {
            let mut shares: Vec<f32> = values(seed).iter().map(|x| x.abs()).collect();
            shares[(SAMPLES - 1) * WIDTH..].fill(0.0);
            shares
        };
        let yes = |seed| values(seed).iter().map(|&x| f32::from(u8::from(x > 0.0))).collect::<Vec<_>>();
        let all = [
            (Loss::CrossEntropy, [batch(classes(0), vec![], vec![]), batch(classes(1), vec![], vec![])]),
            (
                Loss::CrossEntropy,
                [batch(classes(0), vec![], weights.clone()), batch(vec![], shares(2), vec![])],
            ),
            (
                Loss::BinaryCrossEntropy,
                [batch(vec![], yes(2), vec![]), batch(vec![], yes(3), weights.clone())],
            ),
            (Loss::MeanSquaredError, [batch(vec![], values(2), vec![]), batch(vec![], values(3), vec![])]),
            (
                Loss::MeanAbsoluteError,
                [batch(vec![], values(2), weights), batch(vec![], numbers(18, 1), vec![])],
            ),
            (Loss::Huber(0.75), [batch(vec![], values(2), vec![]), batch(vec![], values(3), vec![])]),
        ];
        for (loss, batches) in all {
            let smoothed = if loss.is_classification() { 0.1 } else { 0.0 };
            for smoothing in [[0.0; 2], [0.0, smoothed]] {
                let [found, expected] = both(loss, &batches, smoothing);
                assert!(expected.iter().any(|slope| *slope != 0.0));
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-7, "{found} is not {expected} of {loss:?}");
                }
            }
        }
    }

    #[test]
    fn a_loss_of_the_users_own_is_the_hosts() {
        let own = Loss::Custom(CustomLoss::new("own", |outputs, _| {
            use dfdx::tensor_ops::MeanTo;
            outputs.mean::<_, Axis<1>>()
        }));
        let device = Cpu::seed_from_u64(0);
        let outputs = device.tensor_from_vec(vec![0.0; 6], (1, 2, 3));
        let aims = Aims { loss: own, targets: vec![0.0; 6], weights: vec![1.0; 2] };
        let error = slopes(&device, outputs, aims).unwrap_err().to_string();
        assert_eq!(error, "the loss `own` is a function of the host's");
    }
}
