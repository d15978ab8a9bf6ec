//! The layers' forward passes; dfdx makes the backward ones of them.

use dfdx::shapes::{Axes2, Axis, HasShape};
use dfdx::tensor::{NoneTape, OwnedTape, PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{
    BroadcastTo, GatherTo, MeanTo, ReshapeTo, TryAdd, TryMatMul, TryMul, TryPReLU, TrySub,
};

use super::custom::Built;
use super::{Flat, Link, Place, Rows, Traced, device_error};
use crate::error::BoxError;
use crate::random::Key;
use crate::train::activation::Activation;
use crate::train::init::dropout_mask;
use crate::train::layer::Layer;
use crate::train::native::place;

/// With a tape in training, without one otherwise.
pub(super) trait Mode<D: Place>: Tape<f32, D> {
    /// Runs a layer that only dfdx knows.
    fn run(
        layer: &mut D::Layer,
        x: Rows<D, Self>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Rows<D, Self>, BoxError>;
}

impl<D: Place> Mode<D> for OwnedTape<f32, D> {
    fn run(
        layer: &mut D::Layer,
        x: Traced<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Traced<D>, BoxError> {
        layer.train(x, sample, parameters)
    }
}

impl<D: Place> Mode<D> for NoneTape {
    fn run(
        layer: &mut D::Layer,
        x: Rows<D>,
        sample: &[usize],
        parameters: &mut [Flat<D>],
    ) -> Result<Rows<D>, BoxError> {
        layer.eval(x, sample, parameters)
    }
}

/// All layers; with a key it is for training.
pub(super) fn forward<D: Place, T: Mode<D>>(
    links: &mut [Link<D>],
    parameters: &mut [Flat<D>],
    x: Rows<D, T>,
    key: Option<Key>,
) -> Result<Rows<D, T>, BoxError> {
    let mut x = x;
    for link in links {
        x = match &link.node.layer {
            Layer::Residual(_) => {
                let inner = forward(&mut link.block, parameters, x.retaped::<T>(), key)?;
                x.try_add(inner).map_err(device_error)?
            }
            Layer::Custom(_) => {
                let own = &mut parameters[link.node.parameters.clone()];
                let layer = link.opaque.as_mut().ok_or("a layer was not built")?;
                let y = T::run(layer, x, &link.node.input, own)?;
                let (rows, columns) = *y.shape();
                if columns != link.node.outputs() {
                    return Err(format!(
                        "{} gave {columns} numbers for each of {rows} samples, and not {:?}",
                        link.node.label, link.node.output
                    )
                    .into());
                }
                y
            }
            Layer::Embedding(embedding) => {
                let weight = &parameters[link.node.parameters.start];
                let mut places = Vec::new();
                for value in x.as_vec() {
                    places.push(place(f64::from(value), embedding.words)?);
                }
                let (samples, length) = *x.shape();
                let (_, tape) = x.split_tape();
                look_up(weight, places, tape, (samples, length, embedding.words, embedding.width))
                    .map_err(device_error)?
            }
            _ => layer(link, parameters, x, key).map_err(device_error)?,
        };
    }
    Ok(x)
}

fn look_up<D: Place, T: Tape<f32, D>>(
    weight: &Flat<D>,
    places: Vec<usize>,
    tape: T,
    (samples, length, words, width): (usize, usize, usize, usize),
) -> Result<Rows<D, T>, D::Err> {
    let count = places.len();
    let places: Tensor<(usize,), usize, D> = weight.device().try_tensor_from_vec(places, (count,))?;
    let weight = weight.clone().try_reshape_like(&(words, width))?.put_tape(tape);
    let found: Rows<D, T> = weight.try_gather(places)?;
    found.try_reshape_like(&(samples, length * width))
}

fn layer<D: Place, T: Mode<D>>(
    link: &mut Link<D>,
    parameters: &mut [Flat<D>],
    x: Rows<D, T>,
    key: Option<Key>,
) -> Result<Rows<D, T>, D::Err> {
    let node = &link.node;
    let (samples, width) = *x.shape();
    let first = node.parameters.start;
    match &node.layer {
        Layer::Dense(dense) => {
            let weight = parameters[first].clone().try_reshape_like(&(width, node.outputs()))?;
            let y = x.try_matmul(weight)?;
            if dense.bias { add_columns(y, &parameters[first + 1]) } else { Ok(y) }
        }
        Layer::Activation(activation) => match activation {
            Activation::Sigmoid => x.try_sigmoid(),
            Activation::Tanh => x.try_tanh(),
            Activation::Relu => x.try_relu(),
            Activation::Gelu => gelu(x),
            Activation::LeakyRelu => x.try_prelu(0.01),
            Activation::Linear => Ok(x),
        },
        Layer::Dropout(probability) => match key {
            Some(key) if *probability > 0.0 => {
                let mask = dropout_mask(*probability, samples * width, key.child(node.id));
                let mask: Rows<D> = x.device().try_tensor_from_vec(mask, (samples, width))?;
                x.try_mul(mask)
            }
            _ => Ok(x),
        },
        Layer::Conv2d(conv) => match &link.windows {
            Some(windows) => {
                windows.convolve(x, conv, &parameters[first], conv.bias.then(|| &parameters[first + 1]))
            }
            None => Ok(x),
        },
        Layer::MaxPool2d(_) => link.windows.as_ref().map_or(Ok(x.retaped::<T>()), |w| w.largest(x)),
        Layer::AvgPool2d(_) => link.windows.as_ref().map_or(Ok(x.retaped::<T>()), |w| w.mean(x)),
        Layer::GlobalAvgPool => {
            let channels = node.outputs();
            let planes = x.try_reshape_like(&(samples, channels, width / channels))?;
            planes.try_mean::<(usize, usize), Axis<2>>()
        }
        Layer::BatchNorm(norm) => {
            let channels = node.input[0];
            let shape = (samples, channels, width / channels);
            let x = x.try_reshape_like(&shape)?;
            let [scale, shift, mean, variance] = &mut parameters[first..first + 4] else {
                return x.try_reshape_like(&(samples, width));
            };
            let y = if key.is_some() {
                let count = samples * shape.2;
                let (of_batch, spread) = statistics(x.retaped::<NoneTape>(), shape)?;
                let (old, new) = (1.0 - norm.momentum, norm.momentum);
                // Bessel's correction
                let unbiased = new * count as f64 / (count.max(2) - 1) as f64;
                *mean = blend(mean, old, of_batch, new)?;
                *variance = blend(variance, old, spread, unbiased)?;
                normalize_channels(x, shape, norm.epsilon)?
            } else {
                let deviation = variance.clone().try_add(norm.epsilon as f32)?.try_sqrt()?;
                let mean = mean.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
                let inverse = deviation.try_recip()?.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
                x.try_sub(mean)?.try_mul(inverse)?
            };
            let scale = scale.retaped::<T>().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
            let shift = shift.retaped::<T>().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?;
            y.try_mul(scale)?.try_add(shift)?.try_reshape_like(&(samples, width))
        }
        Layer::LayerNorm(norm) => {
            let row = node.input.last().copied().unwrap_or(1);
            let shape = (samples * width / row, row);
            let x = x.try_reshape_like(&shape)?;
            let mean = x.retaped::<T>().try_mean::<(usize,), Axis<1>>()?;
            let centered = x.try_sub(mean.try_broadcast_like::<_, Axis<1>>(&shape)?)?;
            let square = centered.retaped::<T>().try_square()?;
            let deviation =
                square.try_mean::<(usize,), Axis<1>>()?.try_add(norm.epsilon as f32)?.try_sqrt()?;
            let inverse = deviation.try_recip()?.try_broadcast_like::<_, Axis<1>>(&shape)?;
            let scale = parameters[first].retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?;
            let y = centered.try_mul(inverse)?.try_mul(scale)?;
            add_columns(y, &parameters[first + 1])?.try_reshape_like(&(samples, width))
        }
        // these only rename shapes, or were seen to before
        Layer::Flatten | Layer::Reshape(_) | Layer::Residual(_) | Layer::Custom(_) | Layer::Embedding(_) => {
            Ok(x)
        }
    }
}

/// GELU, with its slope put right: dfdx 0.13 has Φ(x) + √2 x φ(x) for it, and not Φ(x) + x φ(x). The slope of (√2 - 1) φ(x) is what
/// is too much, so that is added, and its value taken away again.
fn gelu<D: Place, T: Tape<f32, D>>(x: Rows<D, T>) -> Result<Rows<D, T>, D::Err> {
    let by = (std::f64::consts::SQRT_2 - 1.0) / std::f64::consts::TAU.sqrt();
    let term = x.retaped::<T>().try_square()?.try_mul(-0.5)?.try_exp()?.try_mul(by as f32)?;
    let value = term.retaped::<NoneTape>().try_negate()?;
    x.try_accurate_gelu()?.try_add(term.try_add(value)?)
}

/// Adds a row to every row.
fn add_columns<D: Place, T: Tape<f32, D>>(x: Rows<D, T>, row: &Flat<D>) -> Result<Rows<D, T>, D::Err> {
    let shape = *x.shape();
    x.try_add(row.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape)?)
}

type Planes<D, T> = Tensor<(usize, usize, usize), f32, D, T>;

/// The mean of each channel, and its variance.
fn statistics<D: Place>(
    x: Planes<D, NoneTape>,
    shape: (usize, usize, usize),
) -> Result<(Flat<D>, Flat<D>), D::Err> {
    let mean = x.clone().try_mean::<(usize,), Axes2<0, 2>>()?;
    let centered = x.try_sub(mean.clone().try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
    Ok((mean, centered.try_square()?.try_mean::<(usize,), Axes2<0, 2>>()?))
}

fn blend<D: Place>(old: &Flat<D>, by: f64, new: Flat<D>, and: f64) -> Result<Flat<D>, D::Err> {
    old.clone().try_mul(by as f32)?.try_add(new.try_mul(and as f32)?)
}

/// Every channel with mean 0 and variance 1 over the batch.
fn normalize_channels<D: Place, T: Tape<f32, D>>(
    x: Planes<D, T>,
    shape: (usize, usize, usize),
    epsilon: f64,
) -> Result<Planes<D, T>, D::Err> {
    let mean = x.retaped::<T>().try_mean::<(usize,), Axes2<0, 2>>()?;
    let centered = x.try_sub(mean.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)?;
    let square = centered.retaped::<T>().try_square()?;
    let deviation = square.try_mean::<(usize,), Axes2<0, 2>>()?.try_add(epsilon as f32)?.try_sqrt()?;
    centered.try_mul(deviation.try_recip()?.try_broadcast_like::<_, Axes2<0, 2>>(&shape)?)
}
