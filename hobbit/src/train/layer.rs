//! Layers as data: their sizes, which inputs they take, which outputs they give and which parameters they have.

use super::activation::Activation;
use super::init::Init;
use super::tape::custom::Custom;

/// One layer of a [`Sequential`](super::Sequential) network.
///
/// Samples with several dimensions have the channels first: an image is `[channels, height, width]`, a sequence of vectors
/// `[length, width]`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Every output is a weighted sum of all inputs, plus a bias: `[n]` to `[width]`.
    Dense(Dense),
    /// A function of each number.
    Activation(Activation),
    /// While training, sets each number to zero with this probability, and makes the others larger by 1 / (1 - p).
    Dropout(f64),
    /// Makes a sample a flat row of numbers.
    Flatten,
    /// Gives samples another shape with as many numbers.
    Reshape(Vec<usize>),
    /// A convolution: `[channels, height, width]` to `[filters, height', width']`.
    Conv2d(Conv2d),
    /// The largest number of each window.
    MaxPool2d(Pool2d),
    /// The mean of each window. Padding is not counted.
    AvgPool2d(Pool2d),
    /// The mean of each channel: `[channels, ...]` to `[channels]`.
    GlobalAvgPool,
    /// Batch normalization (Ioffe and Szegedy, ICML 2015), of each number of a flat sample or each channel of an image.
    BatchNorm(BatchNorm),
    /// Layer normalization (Ba et al., 2016) over the last dimension of a sample.
    LayerNorm(LayerNorm),
    /// Looks up a vector for each number, which is the vector's place: `[length]` to `[length, width]`.
    Embedding(Embedding),
    /// Adds what these layers make of the input to the input (He et al., CVPR 2016).
    Residual(Vec<Layer>),
    /// A layer of your own ([`custom`](super::custom)), or a module of dfdx's ([`module`](super::module)).
    Custom(Custom),
}

/// A dense layer's settings: [`Layer::Dense`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense {
    pub(super) width: usize,
    pub(super) bias: bool,
    pub(super) init: Init,
}

impl Dense {
    /// With so many outputs, and a bias.
    pub fn new(width: usize) -> Dense {
        Dense { width, bias: true, init: Init::Auto }
    }

    /// Without a bias: before a batch normalization it would have no effect.
    pub fn without_bias(self) -> Dense {
        Dense { bias: false, ..self }
    }

    /// How its weights begin.
    pub fn init(self, init: Init) -> Dense {
        Dense { init, ..self }
    }
}

/// A convolution's settings: [`Layer::Conv2d`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conv2d {
    pub(super) filters: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
    pub(super) bias: bool,
    pub(super) init: Init,
}

impl Conv2d {
    /// With so many filters and a kernel of this height and width, stride 1, no padding, and a bias.
    pub fn new(filters: usize, kernel: impl Into<Size>) -> Conv2d {
        let Size(kernel) = kernel.into();
        Conv2d { filters, kernel, stride: [1, 1], padding: [0, 0], bias: true, init: Init::Auto }
    }

    /// How far the kernel moves, down and across. Default: 1.
    pub fn stride(self, stride: impl Into<Size>) -> Conv2d {
        Conv2d { stride: stride.into().0, ..self }
    }

    /// How many zeros are put above and below, and left and right. Default: 0.
    pub fn padding(self, padding: impl Into<Size>) -> Conv2d {
        Conv2d { padding: padding.into().0, ..self }
    }

    /// Without a bias: before a batch normalization it would have no effect.
    pub fn without_bias(self) -> Conv2d {
        Conv2d { bias: false, ..self }
    }

    /// How its weights begin.
    pub fn init(self, init: Init) -> Conv2d {
        Conv2d { init, ..self }
    }
}

/// A pooling layer's settings: [`Layer::MaxPool2d`], [`Layer::AvgPool2d`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool2d {
    pub(super) window: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
}

impl Pool2d {
    /// With windows of this height and width, side by side.
    pub fn new(window: impl Into<Size>) -> Pool2d {
        let Size(window) = window.into();
        Pool2d { window, stride: window, padding: [0, 0] }
    }

    /// How far the window moves, down and across. Default: as far as it is high and wide.
    pub fn stride(self, stride: impl Into<Size>) -> Pool2d {
        Pool2d { stride: stride.into().0, ..self }
    }

    /// How far windows reach over the edges; at most half of the window. Default: 0.
    pub fn padding(self, padding: impl Into<Size>) -> Pool2d {
        Pool2d { padding: padding.into().0, ..self }
    }
}

/// A height and a width. Made of one number for both, or of an array of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size([usize; 2]);

impl From<usize> for Size {
    fn from(side: usize) -> Size {
        Size([side, side])
    }
}

impl From<[usize; 2]> for Size {
    fn from(sides: [usize; 2]) -> Size {
        Size(sides)
    }
}

/// A batch normalization's settings: [`Layer::BatchNorm`].
///
/// As in PyTorch, training needs at least two numbers of each channel in a batch. Where a sample has one
/// (after a dense layer), a last batch of one sample joins the batch before it, and batches of one sample
/// throughout are an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    pub(super) epsilon: f64,
    pub(super) momentum: f64,
}

impl Default for BatchNorm {
    /// With epsilon 1e-5, and a tenth of each batch's statistics taken into the running ones.
    fn default() -> BatchNorm {
        BatchNorm { epsilon: 1e-5, momentum: 0.1 }
    }
}

impl BatchNorm {
    /// Added to the variance. Default: 1e-5.
    pub fn epsilon(self, epsilon: f64) -> BatchNorm {
        BatchNorm { epsilon, ..self }
    }

    /// The share of each batch's mean and variance in the running ones, which are used when not training. Default: 0.1.
    pub fn momentum(self, momentum: f64) -> BatchNorm {
        BatchNorm { momentum, ..self }
    }
}

/// A layer normalization's settings: [`Layer::LayerNorm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    pub(super) epsilon: f64,
}

impl Default for LayerNorm {
    /// With epsilon 1e-5.
    fn default() -> LayerNorm {
        LayerNorm { epsilon: 1e-5 }
    }
}

impl LayerNorm {
    /// Added to the variance. Default: 1e-5.
    pub fn epsilon(self, epsilon: f64) -> LayerNorm {
        LayerNorm { epsilon }
    }
}

/// An embedding's settings: [`Layer::Embedding`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding {
    pub(super) words: usize,
    pub(super) width: usize,
    pub(super) init: Init,
}

impl Embedding {
    /// With so many vectors of this width, normally distributed around zero at first.
    pub fn new(words: usize, width: usize) -> Embedding {
        Embedding { words, width, init: Init::Normal(1.0) }
    }

    /// How its vectors begin. Default: normal with a standard deviation of 1.
    pub fn init(self, init: Init) -> Embedding {
        Embedding { init, ..self }
    }
}

macro_rules! into_layer {
    ($($name:ident)*) => {
        $(impl From<$name> for Layer {
            fn from(settings: $name) -> Layer {
                Layer::$name(settings)
            }
        })*
    };
}

into_layer!(Dense Activation Conv2d BatchNorm LayerNorm Embedding Custom);

/// What a parameter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Weights: what regularization is applied to.
    Weight,
    /// Biases, scales and shifts.
    Other,
    /// Running statistics, which no gradient changes.
    Statistic,
}

/// A parameter, before it exists.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ParameterSpec {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) role: Role,
    pub(super) init: Init,
    /// Inputs of each output, outputs of each input.
    pub(super) fans: (f64, f64),
}

impl ParameterSpec {
    fn new(name: &str, shape: &[usize], role: Role, init: Init, fans: (f64, f64)) -> ParameterSpec {
        ParameterSpec { name: name.to_owned(), shape: shape.to_vec(), role, init, fans }
    }

    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Layer {
    /// The layer's name, for messages and tables.
    pub fn name(&self) -> &str {
        match self {
            Layer::Dense(_) => "dense",
            Layer::Activation(activation) => activation.name(),
            Layer::Dropout(_) => "dropout",
            Layer::Flatten => "flatten",
            Layer::Reshape(_) => "reshape",
            Layer::Conv2d(_) => "conv2d",
            Layer::MaxPool2d(_) => "max pool",
            Layer::AvgPool2d(_) => "average pool",
            Layer::GlobalAvgPool => "global average pool",
            Layer::BatchNorm(_) => "batch norm",
            Layer::LayerNorm(_) => "layer norm",
            Layer::Embedding(_) => "embedding",
            Layer::Residual(_) => "residual",
            Layer::Custom(custom) => custom.opaque().name(),
        }
    }

    /// The shape of its output; an error says what does not fit. Residual blocks are looked into by the plan.
    pub(super) fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match self {
            Layer::Dense(Dense { width: 0, .. }) => {
                Err("it has no outputs; its width has to be at least 1".to_owned())
            }
            Layer::Dense(Dense { width, init, .. }) => {
                init.check()?;
                match input {
                    [_] => Ok(vec![*width]),
                    _ => Err(format!(
                        "it takes flat samples of shape [n] and gives [{width}], but its input has shape {input:?}; put `.flatten()` before it"
                    )),
                }
            }
            Layer::Dropout(p) if !(0.0..=1.0).contains(p) => {
                Err(format!("its probability is {p}; it has to be from 0 to 1"))
            }
            Layer::Activation(_) | Layer::Dropout(_) | Layer::Residual(_) => Ok(input.to_vec()),
            Layer::Custom(custom) => custom.opaque().output(input),
            Layer::Flatten => Ok(vec![input.iter().product()]),
            Layer::Reshape(shape) => {
                let (before, after) = (input.iter().product::<usize>(), shape.iter().product::<usize>());
                if before == after && !shape.is_empty() {
                    Ok(shape.clone())
                } else {
                    Err(format!(
                        "it makes samples of shape {shape:?}, which is {after} numbers, of samples of shape {input:?}, which is {before}"
                    ))
                }
            }
            Layer::Conv2d(conv) => {
                if conv.filters == 0 {
                    return Err("it has no filters; it has to have at least 1".to_owned());
                }
                conv.init.check()?;
                let [_, height, width] = image(input, "a convolution")?;
                let [down, across] =
                    windows("kernel", [height, width], conv.kernel, conv.stride, conv.padding)?;
                Ok(vec![conv.filters, down, across])
            }
            Layer::MaxPool2d(pool) | Layer::AvgPool2d(pool) => {
                let [channels, height, width] = image(input, "pooling")?;
                if (0..2).any(|axis| pool.padding[axis] * 2 > pool.window[axis]) {
                    return Err(format!(
                        "its padding is {:?}; it may be at most half of its window {:?}",
                        pool.padding, pool.window
                    ));
                }
                let [down, across] =
                    windows("window", [height, width], pool.window, pool.stride, pool.padding)?;
                Ok(vec![channels, down, across])
            }
            Layer::GlobalAvgPool => match input {
                [channels, _, ..] => Ok(vec![*channels]),
                _ => Err(format!(
                    "it takes samples of shape [channels, ...], but its input has shape {input:?}"
                )),
            },
            Layer::BatchNorm(BatchNorm { epsilon, momentum }) => {
                positive("epsilon", *epsilon)?;
                if !(*momentum > 0.0 && *momentum <= 1.0) {
                    return Err(format!("its momentum is {momentum}; it has to be above 0 and at most 1"));
                }
                match input {
                    [_] | [_, _, _] => Ok(input.to_vec()),
                    _ => Err(format!(
                        "it takes samples of shape [n] or [channels, height, width], but its input has shape {input:?}"
                    )),
                }
            }
            Layer::LayerNorm(LayerNorm { epsilon }) => {
                positive("epsilon", *epsilon)?;
                Ok(input.to_vec())
            }
            Layer::Embedding(Embedding { words, width, init }) => {
                init.check()?;
                if *words == 0 || *width == 0 {
                    return Err(format!(
                        "it has {words} vectors of width {width}; both have to be at least 1"
                    ));
                }
                // places are given as 32-bit floats, which hold whole numbers up to here
                if *words > 1 << 24 {
                    return Err(format!("it has {words} vectors; it may have at most {}", 1 << 24));
                }
                match input {
                    [length] => Ok(vec![*length, *width]),
                    _ => {
                        Err(format!("it takes samples of shape [length], but its input has shape {input:?}"))
                    }
                }
            }
        }
    }

    /// Its parameters for this input, which fits. `rectified` says that a ReLU or the like follows.
    pub(super) fn parameters(&self, input: &[usize], rectified: bool) -> Vec<ParameterSpec> {
        let resolve = |init: Init| match init {
            Init::Auto if rectified => Init::HeUniform,
            Init::Auto => Init::XavierUniform,
            init => init,
        };
        let constant = |name: &str, length: usize, role: Role, value: f64| {
            ParameterSpec::new(name, &[length], role, Init::Constant(value), (1.0, 1.0))
        };
        match self {
            Layer::Dense(Dense { width, bias, init }) => {
                let inputs = input.iter().product::<usize>();
                let fans = (inputs as f64, *width as f64);
                let weight =
                    ParameterSpec::new("weight", &[inputs, *width], Role::Weight, resolve(*init), fans);
                let bias = bias.then(|| constant("bias", *width, Role::Other, 0.0));
                [weight].into_iter().chain(bias).collect()
            }
            Layer::Conv2d(conv) => {
                let area = (conv.kernel[0] * conv.kernel[1]) as f64;
                let fans = (input[0] as f64 * area, conv.filters as f64 * area);
                let shape = [conv.filters, input[0], conv.kernel[0], conv.kernel[1]];
                let weight = ParameterSpec::new("weight", &shape, Role::Weight, resolve(conv.init), fans);
                let bias = conv.bias.then(|| constant("bias", conv.filters, Role::Other, 0.0));
                [weight].into_iter().chain(bias).collect()
            }
            Layer::BatchNorm(_) => vec![
                constant("scale", input[0], Role::Other, 1.0),
                constant("shift", input[0], Role::Other, 0.0),
                constant("mean", input[0], Role::Statistic, 0.0),
                constant("variance", input[0], Role::Statistic, 1.0),
            ],
            Layer::LayerNorm(_) => {
                let width = input.last().copied().unwrap_or(1);
                vec![constant("scale", width, Role::Other, 1.0), constant("shift", width, Role::Other, 0.0)]
            }
            Layer::Embedding(Embedding { words, width, init }) => {
                let fans = (*words as f64, *width as f64);
                vec![ParameterSpec::new("weight", &[*words, *width], Role::Weight, resolve(*init), fans)]
            }
            Layer::Custom(custom) => custom.opaque().parameters(input),
            _ => Vec::new(),
        }
    }
}

fn positive(setting: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(format!("its {setting} is {value}; it has to be above 0"))
    }
}

fn image(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(input).map_err(|_| {
        format!("{what} takes samples of shape [channels, height, width], but its input has shape {input:?}; put `.reshape([c, h, w])` before it")
    })
}

/// How many windows fit down and across.
fn windows(
    what: &str,
    sides: [usize; 2],
    window: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<[usize; 2], String> {
    if window.contains(&0) || stride.contains(&0) {
        return Err(format!(
            "its {what} is {window:?} and its stride {stride:?}; both have to be at least 1"
        ));
    }
    let mut count = [0; 2];
    for axis in 0..2 {
        let padded = sides[axis].saturating_add(2 * padding[axis]);
        if window[axis] > padded {
            return Err(format!(
                "its {what} {window:?} is larger than its input of {sides:?} with a padding of {padding:?}"
            ));
        }
        count[axis] = (padded - window[axis]) / stride[axis] + 1;
    }
    Ok(count)
}
