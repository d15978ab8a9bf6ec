//! Devices of dfdx's: the tensors that networks are made of there, and what devices report.

use std::sync::Once;

use dfdx::tensor::{Cache, NoneTape, OwnedTape, Tensor};
use dfdx::tensor_ops::Device;

use crate::error::BoxError;
use crate::objective::OutOfMemory;

/// A device of dfdx's with everything that layers may need.
pub trait TensorDevice: Device<f32> + Cache {}

impl<D: Device<f32> + Cache> TensorDevice for D {}

/// A parameter on a device, flat.
pub type Flat<D> = Tensor<(usize,), f32, D>;
/// Samples on a device: a row for each.
pub type Rows<D, T = NoneTape> = Tensor<(usize, usize), f32, D, T>;
/// Samples of several networks on a device: for each network, a row for each of its samples.
pub(super) type Sheets<D, T = NoneTape> = Tensor<(usize, usize, usize), f32, D, T>;
/// Samples in rows, with what was done to them.
pub(in crate::train) type Traced<D> = Rows<D, OwnedTape<f32, D>>;

/// dfdx's errors are not all `std` errors.
pub(super) fn device_error(error: impl std::fmt::Debug) -> BoxError {
    let error = format!("{error:?}");
    // CUDA's driver, cuBLAS, and dfdx on the processor
    if ["CUDA_ERROR_OUT_OF_MEMORY", "CUBLAS_STATUS_ALLOC_FAILED", "OutOfMemory"]
        .iter()
        .any(|full| error.contains(full))
    {
        return Box::new(OutOfMemory::new(format!("the device reports {error}")));
    }
    format!("the device reports {error}").into()
}

/// dfdx multiplies matrices with as many threads as the current rayon pool has; one trial is to have one.
pub(super) fn one_thread_a_trial() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gemm_common::gemm::set_threading_threshold(usize::MAX));
}

/// Samples, put on the device.
pub(super) fn upload<D: TensorDevice>(
    device: &D,
    values: Vec<f32>,
    samples: usize,
) -> Result<Rows<D>, BoxError> {
    let width = values.len() / samples.max(1);
    device.try_tensor_from_vec(values, (samples, width)).map_err(device_error)
}
