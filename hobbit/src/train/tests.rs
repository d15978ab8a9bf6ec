//! What every layer has to be able to do, and what studies that were begun long ago know of it: a line for
//! each layer.

use super::fingerprint;
use super::layer::{BatchNorm, Conv2d, Dense, Embedding, Layer, LayerNorm, Normalize, Pool2d};
use super::native::tests as native;
use super::plan::Plan;
use super::tape::tests as tape;
use super::{
    Activation, CustomLayer, Flat, Init, Loss, Parameter, Rows, Sequential, Sgd, TensorDevice, custom,
};

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
