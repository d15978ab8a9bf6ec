//! Dropout.

use dfdx::shapes::HasShape;
use dfdx::tensor::Tape;
use dfdx::tensor_ops::TryMul;

use super::device::{Rows, TensorDevice};
use crate::random::Key;
use crate::train::math::dropout_mask;
use crate::train::plan::Node;

/// Dropout, drawn from the step's key.
pub(super) struct Dropout {
    probability: f64,
    id: u64,
}

impl Dropout {
    pub(super) fn new(probability: f64, node: &Node) -> Dropout {
        Dropout { probability, id: node.id }
    }

    pub(super) fn forward<D: TensorDevice, T: Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
        key: Option<Key>,
    ) -> Result<Rows<D, T>, D::Err> {
        match key {
            Some(key) if self.probability > 0.0 => {
                let (samples, width) = *x.shape();
                let mut mask = vec![0.0; samples * width];
                dropout_mask(self.probability, key.child(self.id), &mut mask);
                let mask: Rows<D> = x.device().try_tensor_from_vec(mask, (samples, width))?;
                x.try_mul(mask)
            }
            _ => Ok(x),
        }
    }
}
