//! What every layer has to be able to do, and what studies that were begun long ago know of it: a line for
//! each layer.

use super::compiled::Compiled;
use super::data::Data;
use super::directions::Goal;
use super::fingerprint;
use super::layer::{BatchNorm, Conv2d, Dense, Embedding, Layer, LayerNorm, Normalize, Pool2d};
#[cfg(target_arch = "x86_64")]
use super::math::narrow;
use super::model::{Build, Model};
use super::native::tests as native;
use super::optimizer::Optimizer;
use super::plan::Plan;
use super::tape::tests as tape;
use super::{
    Activation, Adam, AdamW, CustomLayer, Dataset, Device, Engine, Flat, Init, Loss, Parameter, RmsProp,
    Rows, Sequential, Sgd, Targets, TensorDevice, custom,
};
use crate::objective::{Checkpoint, EpochContext, Metrics, TrialContext};
use crate::random::Key;
use crate::trial::TrialId;

/// A layer as an example, and what is known of it.
struct Case {
    layer: Layer,
    input: &'static [usize],
    /// What the journals of studies call it. Never to be changed: studies could not be continued.
    text: &'static str,
    output: &'static [usize],
    /// The names of its arrays in checkpoints, and their shapes. Never to be changed either.
    parameters: &'static [(&'static str, &'static [usize])],
    /// Its multiplications and outputs, for one sample.
    cost: f64,
}

/// The examples, and a match that does not compile while a layer has none.
macro_rules! layers {
    ($($pattern:pat => $layer:expr, $input:expr, $text:expr, $output:expr, $parameters:expr, $cost:expr;)*) => {
        fn cases() -> Vec<Case> {
            let mut cases = Vec::new();
            $(
                let (layer, input, output): (Layer, &[usize], &[usize]) = ($layer.into(), &$input, &$output);
                assert!(matches!(layer, $pattern), "{layer:?} stands behind another layer's name");
                let parameters: &[(&str, &[usize])] = &$parameters;
                cases.push(Case { layer, input, text: $text, output, parameters, cost: f64::from($cost) });
            )*
            cases
        }

        #[expect(dead_code, reason = "it is there to be compiled")]
        fn has_examples(layer: &Layer) {
            #[allow(unreachable_patterns, reason = "a layer may have several examples")]
            match layer {
                $($pattern => {})*
            }
        }
    };
}

layers! {
    Layer::Dense(_) => Dense::new(3), [4], "dense 3", [3],
        [("dense1.weight", &[4, 3]), ("dense1.bias", &[3])], 15;
    Layer::Dense(_) => Dense::new(3).without_bias().init(Init::XavierUniform), [4],
        "dense 3 without bias Xavier uniform", [3], [("dense1.weight", &[4, 3])], 15;
    Layer::Activation(_) => Activation::Sigmoid, [4], "sigmoid", [4], [], 4;
    Layer::Activation(_) => Activation::Tanh, [4], "tanh", [4], [], 4;
    Layer::Activation(_) => Activation::Relu, [4], "relu", [4], [], 4;
    Layer::Activation(_) => Activation::Gelu, [4], "gelu", [4], [], 4;
    Layer::Activation(_) => Activation::LeakyRelu, [4], "leaky relu", [4], [], 4;
    Layer::Activation(_) => Activation::Linear, [2, 2], "linear", [2, 2], [], 4;
    Layer::Dropout(_) => Layer::Dropout(0.25), [4], "dropout 0.25", [4], [], 4;
    Layer::Flatten => Layer::Flatten, [2, 3, 4], "flatten", [24], [], 24;
    Layer::Reshape(_) => Layer::Reshape(vec![3, 2, 2]), [12], "reshape 3x2x2", [3, 2, 2], [], 12;
    Layer::Conv2d(_) => Conv2d::new(3, 2), [2, 4, 5], "conv2d 3 of 2x2", [3, 3, 4],
        [("conv2d1.weight", &[3, 2, 2, 2]), ("conv2d1.bias", &[3])], 24 * 12 + 36;
    Layer::Conv2d(_) => Conv2d::new(3, [2, 1]).stride([1, 2]).padding([1, 0]).without_bias().init(Init::HeNormal),
        [2, 4, 5], "conv2d 3 of 2x1 stride 1x2 padding 1x0 without bias He normal", [3, 5, 3],
        [("conv2d1.weight", &[3, 2, 2, 1])], 12 * 15 + 45;
    Layer::MaxPool2d(_) => Layer::MaxPool2d(Pool2d::new(2)), [2, 4, 6], "max pool 2x2", [2, 2, 3], [], 12;
    Layer::MaxPool2d(_) => Layer::MaxPool2d(Pool2d::new([3, 2]).stride([2, 1]).padding(1)), [2, 4, 3],
        "max pool 3x2 stride 2x1 padding 1x1", [2, 2, 4], [], 16;
    Layer::AvgPool2d(_) => Layer::AvgPool2d(Pool2d::new(2)), [2, 4, 6], "average pool 2x2", [2, 2, 3], [], 12;
    Layer::AvgPool2d(_) => Layer::AvgPool2d(Pool2d::new(3).stride(2).padding(1)), [1, 4, 5],
        "average pool 3x3 stride 2x2 padding 1x1", [1, 2, 3], [], 6;
    Layer::GlobalAvgPool => Layer::GlobalAvgPool, [3, 4, 2], "global average pool", [3], [], 3;
    Layer::BatchNorm(_) => BatchNorm::default(), [5], "batch norm epsilon 1e-5 momentum 0.1", [5],
        [("batch_norm1.scale", &[5]), ("batch_norm1.shift", &[5]), ("batch_norm1.mean", &[5]),
         ("batch_norm1.variance", &[5])], 5;
    Layer::BatchNorm(_) => BatchNorm::default().epsilon(0.01).momentum(0.5), [3, 2, 2],
        "batch norm epsilon 0.01 momentum 0.5", [3, 2, 2],
        [("batch_norm1.scale", &[3]), ("batch_norm1.shift", &[3]), ("batch_norm1.mean", &[3]),
         ("batch_norm1.variance", &[3])], 12;
    Layer::Normalize(_) => Normalize::new(), [5], "normalize", [5],
        [("normalize1.mean", &[5]), ("normalize1.deviation", &[5])], 5;
    Layer::Normalize(_) => Normalize::new(), [3, 2, 2], "normalize", [3, 2, 2],
        [("normalize1.mean", &[3]), ("normalize1.deviation", &[3])], 12;
    Layer::LayerNorm(_) => LayerNorm::default().epsilon(0.001), [2, 5], "layer norm epsilon 0.001", [2, 5],
        [("layer_norm1.scale", &[5]), ("layer_norm1.shift", &[5])], 10;
    Layer::Embedding(_) => Embedding::new(7, 3), [4], "embedding 7 x 3 normal 1", [4, 3],
        [("embedding1.weight", &[7, 3])], 12;
    Layer::Embedding(_) => Embedding::new(7, 3).init(Init::Uniform(0.5)), [4],
        "embedding 7 x 3 uniform 0.5", [4, 3], [("embedding1.weight", &[7, 3])], 12;
    Layer::Residual(_) => Layer::Residual(vec![Dense::new(2).into(), Activation::Tanh.into(), Dense::new(4).into()]),
        [4], "residual (dense 2 > tanh > dense 4)", [4],
        [("dense1.weight", &[4, 2]), ("dense1.bias", &[2]), ("dense2.weight", &[2, 4]), ("dense2.bias", &[4])],
        4 + 8 + 2 + 2 + 8 + 4;
    Layer::Custom(_) => custom(Twice), [4], "twice Twice factor 4 Weight He uniform 4/4", [4],
        [("twice1.factor", &[4])], 8;
}

/// A user's own layer.
#[derive(Debug)]
struct Twice;

impl CustomLayer for Twice {
    fn name(&self) -> &str {
        "twice"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<Parameter> {
        vec![Parameter::new("factor", input).init(Init::HeUniform).weight()]
    }

    fn forward<D: TensorDevice, T: dfdx::tensor::Tape<f32, D>>(
        &self,
        x: Rows<D, T>,
        _: &[Flat<D>],
    ) -> Result<Rows<D, T>, D::Err> {
        Ok(x)
    }
}

#[test]
fn journals_and_checkpoints_call_every_layer_what_they_always_called_it() {
    for Case { layer, input, text, output, parameters, cost } in cases() {
        let network = Sequential::new(input).layer(layer.clone());
        let plan = Plan::new(&network.input, &network.layers).unwrap();
        assert_eq!(plan.output(), output, "{layer:?}");
        assert_eq!(plan.cost(), cost, "{layer:?}");
        let found: Vec<(&str, &[usize])> =
            plan.parameters.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
        assert_eq!(found, parameters, "{layer:?}");
        let sides = input.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let model = network.compile(Sgd::new(0.1), Loss::MeanSquaredError);
        let description = fingerprint::of(&model);
        assert_eq!(description["network"], format!("{sides} > {text}"), "{layer:?}");
    }
}

#[test]
fn both_engines_compute_every_layer_alike() {
    let steps: Vec<_> = (0..3).map(tape::step).collect();
    for Case { layer, input, .. } in cases() {
        let network = Sequential::new(input).layer(layer).flatten();
        // what only dfdx knows, the other engine does not
        if !Plan::new(&network.input, &network.layers).unwrap().has_opaque() {
            tape::compare(&network, Sgd::new(0.01), &steps);
            tape::compare(&network.dense(2), Sgd::new(0.01), &steps);
        }
    }
}

#[test]
fn every_layer_has_its_gradients() {
    for Case { layer, input, .. } in cases() {
        let numbers: usize = input.iter().product();
        match layer {
            // dfdx finds these
            Layer::Custom(_) => {}
            // its inputs are places, which have no slope
            Layer::Embedding(_) => {
                let places = (0..native::SAMPLES * numbers).map(|place| (place * 5 % 7) as f64).collect();
                native::check_on(Sequential::new(input).layer(layer).flatten().dense(2), Some(places));
            }
            // it comes first
            Layer::Normalize(_) => native::check(Sequential::new(input).layer(layer).flatten().dense(2)),
            // with a dense layer before it, whose gradients need those for the layer's inputs
            _ => native::check(
                Sequential::new([3]).dense(numbers).reshape(input).layer(layer).flatten().dense(2),
            ),
        }
    }
}

/// Trains three epochs of a model on the same images or rows, and returns all that a checkpoint has of it.
#[cfg(target_arch = "x86_64")]
fn trained(model: &Compiled, classes: usize) -> Checkpoint {
    // batches of 16, 16, 1: with a last one that is small
    let count = 33;
    let width: usize = model.input.iter().product();
    let is_embedded = matches!(model.layers.first(), Some(Layer::Embedding(_)));
    let number =
        |i: usize| if is_embedded { (i * 5 % 7) as f32 } else { (i * 7919 % 1000) as f32 / 500.0 - 1.0 };
    let inputs: Vec<f32> = (0..count * width).map(number).collect();
    let targets: Targets = match model.loss {
        Loss::CrossEntropy => (0..count).map(|i| i * 3 % classes).collect::<Vec<_>>().into(),
        _ => Targets::rows(
            (0..count * classes).map(|i| (i * 31 % 11) as f32 / 10.0).collect::<Vec<_>>(),
            classes,
        ),
    };
    let data: Data = Dataset::new((&inputs, targets.clone()), (&inputs, targets)).unwrap().into();
    let trial = TrialContext::detached(TrialId::new(1, 1), Key::new(3));
    let moments = data.moments().unwrap_or_default();
    let goal = Goal::default();
    let build = Build {
        device: Device::Cpu,
        engine: Engine::Native,
        key: trial.key,
        members: 1,
        goal: &goal,
        names: data.names().clone(),
        moments: &moments,
    };
    let mut model = Model::new(model.clone(), build).unwrap();
    for epoch in 0..3 {
        let context = EpochContext { trial: &trial, epoch, stage_end: 3 };
        let mut metrics = Metrics::default();
        model.train_epoch(&data, &context, &mut metrics).unwrap();
        model.validate(&data, &context, &mut metrics).unwrap();
    }
    model.save().unwrap()
}

/// Checks that processors of both kinds train a model alike, to the last bit.
#[cfg(target_arch = "x86_64")]
fn assert_equal_on_all_vectors(model: &Compiled, classes: usize) {
    let wide = trained(model, classes);
    let numbers = |checkpoint: &Checkpoint| format!("{:?}", checkpoint.arrays);
    assert!(!numbers(&wide).contains("NaN"), "{model:?} is not worth comparing");
    // where there is nothing narrower, there is nothing to compare
    if let Some(narrow) = narrow::with(|| trained(model, classes)) {
        assert!(wide == narrow, "{model:?}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn vectors_of_all_widths_train_every_layer_to_the_same_bits() {
    for Case { layer, input, .. } in cases() {
        if !matches!(layer, Layer::Custom(_)) {
            let network = Sequential::new(input).layer(layer).flatten().dense(3);
            let model = network.compile(Adam::new(0.01), Loss::CrossEntropy).batch_size(16);
            assert_equal_on_all_vectors(&model, 3);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn vectors_of_all_widths_train_whole_networks_to_the_same_bits() {
    let relu = Activation::Relu;
    let networks = [
        // products of all sizes: in registers, of rows by rows, by gemm, in several parts
        Sequential::new([600])
            .dense(300)
            .activation(relu)
            .dropout(0.3)
            .dense(70)
            .activation(Activation::Tanh),
        Sequential::new([1, 28, 28])
            .conv2d(8, 3)
            .activation(relu)
            .max_pool(2)
            .conv2d(16, 3)
            .max_pool(2)
            .flatten(),
        Sequential::new([2, 12, 12])
            .layer(Conv2d::new(5, 3).padding(1))
            .batch_norm()
            .activation(Activation::Gelu)
            .residual(|b| b.layer(Conv2d::new(5, 3).padding(1)).batch_norm())
            .avg_pool(2)
            .dropout(0.5)
            .flatten()
            .layer_norm(),
    ];
    for network in networks {
        let model = network.dense(10).compile(Sgd::new(0.02).momentum(0.9), Loss::CrossEntropy);
        assert_equal_on_all_vectors(&model.batch_size(16).label_smoothing(0.1).clip_norm(1.0), 10);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn vectors_of_all_widths_take_the_same_steps() {
    let optimizers: [Optimizer; 8] = [
        Sgd::new(0.01).into(),
        Sgd::new(0.01).momentum(0.9).weight_decay(0.1).into(),
        Sgd::new(0.01).nesterov(0.9).into(),
        Adam::new(0.01).into(),
        Adam::new(0.01).weight_decay(0.1).into(),
        AdamW::new(0.01, 0.1).into(),
        RmsProp::new(0.01).weight_decay(0.1).into(),
        RmsProp::new(0.01).momentum(0.9).into(),
    ];
    let losses = [
        (Loss::CrossEntropy, 4),
        (Loss::BinaryCrossEntropy, 1),
        (Loss::MeanSquaredError, 1),
        (Loss::MeanAbsoluteError, 2),
        (Loss::Huber(0.5), 3),
    ];
    for optimizer in optimizers {
        for (loss, classes) in losses {
            let network = Sequential::new([37]).dense(21).activation(Activation::Tanh).dense(classes);
            let model = network.compile(optimizer, loss).batch_size(16).l1(0.001).l2(0.01).clip_value(0.5);
            assert_equal_on_all_vectors(&model, classes);
        }
    }
}
