//! Checked networks: every layer with its shapes and the places of its parameters. What networks are built
//! from.

use std::collections::HashMap;
use std::ops::Range;

use super::layer::{Describe, Layer, Over};
use super::optimizer::Optimizer;
use super::parameter::{ParameterSpec, Role};
use crate::error::{Error, Result};
use crate::random::Key;

/// A network whose layers fit together.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) input: Vec<usize>,
    pub(super) nodes: Vec<Node>,
    /// All parameters, in the order of the layers. Their names are those of checkpoints: `dense1.weight`.
    pub(super) parameters: Vec<ParameterSpec>,
}

/// A layer in its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) layer: Layer,
    /// `layer 3 (dense)`, or `layer 2.1 (dense)` within a residual block.
    pub(super) label: String,
    pub(super) input: Vec<usize>,
    pub(super) output: Vec<usize>,
    /// Its parameters' places among all.
    pub(super) parameters: Range<usize>,
    /// The layers of a residual block.
    pub(super) block: Vec<Node>,
    /// A number that no other layer has, for keys.
    pub(super) id: u64,
}

impl Node {
    pub(super) fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    pub(super) fn outputs(&self) -> usize {
        self.output.iter().product()
    }
}

impl Plan {
    /// # Errors
    /// The first layer that does not fit, with its place and both shapes.
    pub(super) fn new(input: &[usize], layers: &[Layer]) -> Result<Plan> {
        if input.is_empty() || input.contains(&0) {
            return Err(Error::model(format!(
                "the shape of a sample is {input:?}; it needs at least one dimension, and none of length 0"
            )));
        }
        let mut planner = Planner::default();
        let nodes = planner.plan(input, layers, "")?;
        Ok(Plan { input: input.to_vec(), nodes, parameters: planner.parameters })
    }

    /// The shape of the output.
    pub(super) fn output(&self) -> &[usize] {
        self.nodes.last().map_or(&self.input, |node| &node.output)
    }

    /// The length of a flat sample, and of a flat output.
    pub(super) fn widths(&self) -> (usize, usize) {
        (self.input.iter().product(), self.output().iter().product())
    }

    /// The parameters' first values.
    pub(super) fn initial(&self, key: Key) -> Vec<Vec<f32>> {
        let draw = |(place, spec): (usize, &ParameterSpec)| {
            spec.init.draw(spec.len(), spec.fans, key.child(place as u64))
        };
        let mut values: Vec<Vec<f32>> = self.parameters.iter().enumerate().map(draw).collect();
        fn own(nodes: &[Node], key: Key, values: &mut [Vec<f32>]) {
            for node in nodes {
                if let Layer::Custom(custom) = &node.layer
                    && let Some(initial) = custom.opaque().initial(key.child(node.parameters.start as u64))
                {
                    values[node.parameters.clone()].clone_from_slice(&initial);
                }
                own(&node.block, key, values);
            }
        }
        own(&self.nodes, key, &mut values);
        values
    }

    /// The layer that is fitted to the training samples, if there is one: by the plan's rules the first.
    pub(super) fn fitted(&self) -> Option<&Node> {
        self.nodes.first().filter(|node| matches!(node.layer, Layer::Normalize(_)))
    }

    /// Whether it has layers that only dfdx knows.
    pub(super) fn has_opaque(&self) -> bool {
        fn any(nodes: &[Node]) -> bool {
            nodes.iter().any(|node| matches!(node.layer, Layer::Custom(_)) || any(&node.block))
        }
        any(&self.nodes)
    }

    /// The first layer that normalizes over a batch and has one number a channel in each sample: of one
    /// sample alone it could not learn how far numbers spread.
    pub(super) fn needs_pairs(&self) -> Option<&str> {
        fn first(nodes: &[Node]) -> Option<&str> {
            nodes.iter().find_map(|node| match node.layer.normalizes() {
                Some(Over::Batch) if node.inputs() == node.input[0] => Some(node.label.as_str()),
                _ => first(&node.block),
            })
        }
        first(&self.nodes)
    }

    /// How many arrays a checkpoint of the network has.
    pub(super) fn arrays(&self, optimizer: Optimizer) -> usize {
        let of = |spec: &ParameterSpec| if spec.role == Role::Statistic { 1 } else { 1 + optimizer.slots() };
        self.parameters.iter().map(of).sum()
    }

    /// How many numbers training changes.
    pub(super) fn trainable(&self) -> usize {
        let trained = self.parameters.iter().filter(|spec| spec.role != Role::Statistic);
        trained.map(ParameterSpec::len).sum()
    }

    /// About what a sample costs: the multiplications of a forward pass, and the numbers between layers.
    pub(super) fn cost(&self) -> f64 {
        fn of(plan: &Plan, nodes: &[Node]) -> f64 {
            let node = |node: &Node| {
                let specs = plan.parameters[node.parameters.clone()].iter();
                let weights: usize =
                    specs.filter(|spec| spec.role == Role::Weight).map(ParameterSpec::len).sum();
                weights as f64 * node.layer.uses(&node.output) as f64
                    + node.outputs() as f64
                    + of(plan, &node.block)
            };
            nodes.iter().map(node).sum()
        }
        of(self, &self.nodes)
    }

    /// The numbers between layers, for one sample.
    pub(super) fn activations(&self) -> usize {
        fn of(nodes: &[Node]) -> usize {
            nodes.iter().map(|node| node.outputs() + of(&node.block)).sum()
        }
        self.input.iter().product::<usize>() + of(&self.nodes)
    }
}

#[derive(Default)]
struct Planner {
    parameters: Vec<ParameterSpec>,
    counts: HashMap<String, usize>,
    ids: u64,
}

impl Planner {
    fn plan(&mut self, input: &[usize], layers: &[Layer], prefix: &str) -> Result<Vec<Node>> {
        let mut nodes = Vec::with_capacity(layers.len());
        let mut shape = input.to_vec();
        for (position, layer) in layers.iter().enumerate() {
            let place = format!("{prefix}{}", position + 1);
            let label = format!("layer {place} ({})", layer.name());
            let misfit = |why: String| Error::model(format!("{label} does not fit: {why}"));
            let output = layer.output(&shape).map_err(misfit)?;
            if matches!(layer, Layer::Normalize(_)) && place != "1" {
                return Err(misfit(
                    "it is fitted to the training samples as they are, so it has to be the first layer; after others, \
                     `.batch_norm()` and `.layer_norm()` normalize"
                        .to_owned(),
                ));
            }
            let size = output.iter().try_fold(1usize, |size, &side| size.checked_mul(side));
            if size.is_none_or(|size| size > u32::MAX as usize) {
                return Err(misfit(format!("it makes samples of shape {output:?}, which is too large")));
            }
            let rectified = Layer::are_rectified(&layers[position + 1..]);
            let parameters = self.add(layer.name(), layer.parameters(&shape, rectified));
            self.ids += 1;
            let id = self.ids;
            let block = match layer.block() {
                [] => Vec::new(),
                layers => self.plan(&shape, layers, &format!("{place}."))?,
            };
            let end = block.last().map_or(&shape, |node| &node.output);
            if *end != shape {
                return Err(misfit(format!(
                    "its input has shape {shape:?}, but its layers make {end:?} of it; both are added, so they have to be the same"
                )));
            }
            let input = std::mem::replace(&mut shape, output.clone());
            nodes.push(Node { layer: layer.clone(), label, input, output, parameters, block, id });
        }
        Ok(nodes)
    }

    /// Takes in a layer's parameters, under their names in the whole network; returns their places.
    fn add(&mut self, layer: &str, mut specs: Vec<ParameterSpec>) -> Range<usize> {
        let first = self.parameters.len();
        if !specs.is_empty() {
            let count = self.counts.entry(layer.to_owned()).or_default();
            *count += 1;
            for spec in &mut specs {
                spec.name = format!("{}{count}.{}", layer.replace(' ', "_"), spec.name);
            }
        }
        self.parameters.extend(specs);
        first..self.parameters.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::layer::{Conv2d, Dense, Embedding};

    #[test]
    fn a_weight_costs_as_often_as_it_is_used() {
        let cost = |input: &[usize], layers: &[Layer]| Plan::new(input, layers).unwrap().cost() as usize;
        let dense = |width| Layer::Dense(Dense::new(width));
        assert_eq!(cost(&[8], &[dense(16), dense(2)]), 8 * 16 + 16 + 16 * 2 + 2);
        let block = Layer::Residual(vec![dense(8)]);
        assert_eq!(cost(&[8], &[block]), 8 * 8 + 8 + 8);
        let conv = Layer::Conv2d(Conv2d::new(4, [3, 3]));
        assert_eq!(cost(&[1, 8, 8], &[conv]), 4 * 9 * 36 + 4 * 36);
        assert_eq!(cost(&[5], &[Layer::Embedding(Embedding::new(1000, 3))]), 5 * 3);
    }
}
