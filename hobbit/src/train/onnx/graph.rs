//! A graph of ONNX operators, put together layer by layer.

use super::proto::{Attribute, FLOAT, GraphProto, INT64, NodeProto, TensorProto};
use crate::error::{Error, Result};
use crate::objective::Checkpoint;
use crate::train::activation::Activation;
use crate::train::layer::{Conv2d, Layer, Pool2d};
use crate::train::parameter::ParameterSpec;
use crate::train::plan::{Node, Plan};

/// A graph that grows, and the network whose layers are put into it.
pub(super) struct Graph {
    pub(super) proto: GraphProto,
    values: usize,
}

/// A network of a model, by the names of its arrays.
pub(super) struct Network<'a> {
    pub(super) plan: &'a Plan,
    pub(super) weights: &'a Checkpoint,
    /// What its arrays are called before their own names.
    pub(super) prefix: String,
}

impl Graph {
    pub(super) fn new(name: &str) -> Graph {
        Graph { proto: GraphProto { name: Some(name.to_owned()), ..GraphProto::default() }, values: 0 }
    }

    /// Adds an operator; returns the name of what it makes.
    pub(super) fn add(&mut self, operator: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        self.values += 1;
        let output = format!("value{}", self.values);
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.clone()],
            name: Some(format!("{operator}{}", self.values)),
            op_type: Some(operator.to_owned()),
            attribute,
        });
        output
    }

    /// Gives the last value its final name.
    pub(super) fn finish(&mut self, value: &str, name: &str) {
        self.proto.node.push(NodeProto {
            input: vec![value.to_owned()],
            output: vec![name.to_owned()],
            name: Some("output".to_owned()),
            op_type: Some("Identity".to_owned()),
            attribute: Vec::new(),
        });
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, shape, FLOAT, raw)
    }

    fn ints(&mut self, values: &[i64]) -> String {
        self.values += 1;
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(&format!("shape{}", self.values), &[values.len()], INT64, raw)
    }

    fn number(&mut self, value: f32) -> String {
        self.values += 1;
        self.floats(&format!("number{}", self.values), &[], &[value])
    }

    fn initializer(&mut self, name: &str, shape: &[usize], data_type: i32, raw: Vec<u8>) -> String {
        self.proto.initializer.push(TensorProto {
            dims: shape.iter().map(|&side| side as i64).collect(),
            data_type: Some(data_type),
            name: Some(name.to_owned()),
            raw_data: Some(raw),
        });
        name.to_owned()
    }

    /// The parameters of a layer, in their order; in other shapes of as many numbers if these are given.
    fn parameters(
        &mut self,
        network: &Network<'_>,
        node: &Node,
        shape: Option<&[usize]>,
    ) -> Result<Vec<String>> {
        let specs = &network.plan.parameters[node.parameters.clone()];
        let parameter = |spec: &ParameterSpec| {
            let values = network.weights.f32(&spec.name, &spec.shape);
            let values = values.map_err(|error| Error::model(error.to_string()))?;
            Ok(self.floats(&format!("{}{}", network.prefix, spec.name), shape.unwrap_or(&spec.shape), values))
        };
        specs.iter().map(parameter).collect()
    }

    /// Adds layers one after the other; returns what the last one makes.
    pub(super) fn layers(&mut self, network: &Network<'_>, nodes: &[Node], x: &str) -> Result<String> {
        nodes.iter().try_fold(x.to_owned(), |x, node| self.layer(network, node, &x))
    }

    fn layer(&mut self, network: &Network<'_>, node: &Node, x: &str) -> Result<String> {
        match &node.layer {
            Layer::Dense(_) => self.with_parameters("Gemm", network, node, x, Vec::new()),
            Layer::Activation(activation) => Ok(self.activation(*activation, x)),
            Layer::Dropout(_) => Ok(x.to_owned()),
            Layer::Flatten | Layer::Reshape(_) => {
                let sides = node.output.iter().map(|&side| side as i64);
                let shape = self.ints(&std::iter::once(-1).chain(sides).collect::<Vec<_>>());
                Ok(self.add("Reshape", &[x, &shape], Vec::new()))
            }
            Layer::Conv2d(Conv2d { kernel, stride, padding, .. }) => {
                self.with_parameters("Conv", network, node, x, moves(*kernel, *stride, *padding))
            }
            Layer::MaxPool2d(Pool2d { window, stride, padding }) => {
                Ok(self.add("MaxPool", &[x], moves(*window, *stride, *padding)))
            }
            Layer::AvgPool2d(Pool2d { window, stride, padding }) => {
                // padding is not counted, which is ONNX's default
                Ok(self.add("AveragePool", &[x], moves(*window, *stride, *padding)))
            }
            Layer::GlobalAvgPool => {
                let axes = Attribute::ints("axes", 2..=node.input.len());
                Ok(self.add("ReduceMean", &[x], vec![axes, Attribute::int("keepdims", 0)]))
            }
            Layer::BatchNorm(settings) => {
                let epsilon = Attribute::float("epsilon", settings.epsilon);
                self.with_parameters("BatchNormalization", network, node, x, vec![epsilon])
            }
            Layer::Normalize(_) => self.normalize(network, node, x),
            Layer::LayerNorm(settings) => {
                let attributes =
                    vec![Attribute::int("axis", -1), Attribute::float("epsilon", settings.epsilon)];
                self.with_parameters("LayerNormalization", network, node, x, attributes)
            }
            Layer::Embedding(_) => {
                let own = self.parameters(network, node, None)?;
                let places = self.add("Cast", &[x], vec![Attribute::int("to", i64::from(INT64))]);
                Ok(self.add("Gather", &[&own[0], &places], vec![Attribute::int("axis", 0)]))
            }
            Layer::Residual(_) => {
                let inner = self.layers(network, &node.block, x)?;
                Ok(self.add("Add", &[x, &inner], Vec::new()))
            }
            Layer::Custom(_) => Err(Error::model(format!("{} is code, which ONNX cannot hold", node.label))),
        }
    }

    /// Adds an operator that takes its input and then the layer's parameters, in their order.
    fn with_parameters(
        &mut self,
        operator: &str,
        network: &Network<'_>,
        node: &Node,
        x: &str,
        attributes: Vec<Attribute>,
    ) -> Result<String> {
        let own = self.parameters(network, node, None)?;
        let inputs: Vec<&str> = std::iter::once(x).chain(own.iter().map(String::as_str)).collect();
        Ok(self.add(operator, &inputs, attributes))
    }

    fn normalize(&mut self, network: &Network<'_>, node: &Node, x: &str) -> Result<String> {
        // the channels come first in a sample
        let mut shape = vec![node.input[0]];
        shape.resize(node.input.len(), 1);
        let own = self.parameters(network, node, Some(&shape))?;
        let centered = self.add("Sub", &[x, &own[0]], Vec::new());
        Ok(self.add("Div", &[&centered, &own[1]], Vec::new()))
    }

    fn activation(&mut self, activation: Activation, x: &str) -> String {
        match activation {
            Activation::Linear => x.to_owned(),
            Activation::Sigmoid => self.add("Sigmoid", &[x], Vec::new()),
            Activation::Tanh => self.add("Tanh", &[x], Vec::new()),
            Activation::Relu => self.add("Relu", &[x], Vec::new()),
            Activation::LeakyRelu => self.add("LeakyRelu", &[x], vec![Attribute::float("alpha", 0.01)]),
            Activation::Gelu => {
                // x / 2 (1 + erf(x / √2)): readers of older operator sets have no operator for it
                let root = self.number(std::f32::consts::SQRT_2);
                let scaled = self.add("Div", &[x, &root], Vec::new());
                let erf = self.add("Erf", &[&scaled], Vec::new());
                let one = self.number(1.0);
                let share = self.add("Add", &[&erf, &one], Vec::new());
                let product = self.add("Mul", &[x, &share], Vec::new());
                let half = self.number(0.5);
                self.add("Mul", &[&product, &half], Vec::new())
            }
        }
    }
}

/// How a window moves; padding is above and left, and then below and right.
fn moves(window: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", window),
        Attribute::ints("strides", stride),
        Attribute::ints("pads", [padding, padding].concat()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;
    use crate::train::native::Native;
    use crate::train::network::Network as _;
    use crate::train::{Sequential, Sgd};

    #[test]
    fn a_network_becomes_operators_with_its_parameters() {
        let network = Sequential::new([2, 4, 4]).normalize().conv2d(3, 3).residual(Sequential::layer_norm);
        let network = network.dropout(0.5).flatten().dense(2).activation(Activation::Linear);
        let plan = Plan::new(&network.input, &network.layers).unwrap();
        let mut weights = Checkpoint::new();
        Native::<f32>::new(&plan, plan.initial(Key::new(3)), Sgd::new(0.1).into())
            .save(&mut weights)
            .unwrap();
        let mut graph = Graph::new("test");
        let of = Network { plan: &plan, weights: &weights, prefix: "execution2.".to_owned() };
        let last = graph.layers(&of, &plan.nodes, "x").unwrap();
        graph.finish(&last, "y");
        let operators: Vec<&str> =
            graph.proto.node.iter().filter_map(|node| node.op_type.as_deref()).collect();
        assert_eq!(
            operators,
            ["Sub", "Div", "Conv", "LayerNormalization", "Add", "Reshape", "Gemm", "Identity"]
        );
        let shapes: Vec<(&str, &[i64])> = graph
            .proto
            .initializer
            .iter()
            .map(|tensor| (tensor.name.as_deref().unwrap(), tensor.dims.as_slice()))
            .filter(|(name, _)| name.starts_with("execution2."))
            .collect();
        let expected: [(&str, &[i64]); 8] = [
            ("execution2.normalize1.mean", &[2, 1, 1]),
            ("execution2.normalize1.deviation", &[2, 1, 1]),
            ("execution2.conv2d1.weight", &[3, 2, 3, 3]),
            ("execution2.conv2d1.bias", &[3]),
            ("execution2.layer_norm1.scale", &[2]),
            ("execution2.layer_norm1.shift", &[2]),
            ("execution2.dense1.weight", &[12, 2]),
            ("execution2.dense1.bias", &[2]),
        ];
        assert_eq!(shapes, expected);
        let dense = &graph.proto.initializer.iter().find(|tensor| tensor.dims == [12, 2]).unwrap().raw_data;
        let values = weights.f32("dense1.weight", &[12, 2]).unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(dense.as_deref(), Some(bytes.as_slice()));
        // each operator takes what was there before it
        let mut known: Vec<&String> =
            graph.proto.initializer.iter().filter_map(|of| of.name.as_ref()).collect();
        let x = "x".to_owned();
        known.push(&x);
        for node in &graph.proto.node {
            assert!(node.input.iter().all(|input| known.contains(&input)), "{node:?}");
            known.extend(&node.output);
        }
    }
}
