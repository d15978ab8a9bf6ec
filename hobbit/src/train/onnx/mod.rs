//! Models as ONNX files, which other languages and runtimes predict with.

mod graph;
mod proto;

use prost::Message;

use graph::{Graph, Network};
use proto::{Entry, ModelProto, OperatorSet, ValueInfo};

use super::arrays::prefix;
use super::model::Model;
use super::names::OutputKind;
use super::network::Network as _;
use crate::error::{Error, Result};
use crate::objective::Checkpoint;

/// The version of ONNX's files, and of its operators: of 2022, which every runtime of today reads.
const IR_VERSION: i64 = 8;
const OPERATORS: i64 = 17;

impl Model {
    /// The model as the bytes of an ONNX file, for ONNX Runtime and whatever else reads that. (Feature
    /// `onnx`.)
    ///
    /// Its input is called `samples`, of shape (samples, ...) with the model's
    /// [`sample_shape`](Model::sample_shape), and takes what [`predict`](Model::predict) takes; its output is
    /// called `predictions`, and has what [`Predictions::rows`](super::Predictions::rows) has: probabilities
    /// after softmax or sigmoid, and the mean over all networks. Names are in the file's metadata: `class.0`,
    /// `class.1`, ..., and `feature.0`, `feature.1`, ... Numbers differ from hobbit's by rounding.
    ///
    /// ```no_run
    /// # #[allow(clippy::disallowed_methods)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = hobbit::train::load("my_study")?;
    /// std::fs::write("my_model.onnx", model.to_onnx()?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A layer of your own or a module of dfdx, which ONNX cannot hold.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        let mut graph = Graph::new("hobbit");
        graph.proto.input.push(ValueInfo::samples("samples", &self.plan.input));
        graph.proto.output.push(ValueInfo::samples("predictions", self.plan.output()));
        let mut predictions = Vec::with_capacity(self.members.len());
        for (number, member) in self.members.iter().enumerate() {
            let mut weights = Checkpoint::new();
            let saved = member.lock().save(&mut weights);
            saved.map_err(|error| Error::model(error.to_string()).with_source(error))?;
            let network = Network { plan: &self.plan, weights: &weights, prefix: prefix(number) };
            let outputs = graph.layers(&network, &self.plan.nodes, "samples")?;
            predictions.push(match self.output() {
                OutputKind::Classes => {
                    graph.add("Softmax", &[&outputs], vec![proto::Attribute::int("axis", -1)])
                }
                OutputKind::Binary => graph.add("Sigmoid", &[&outputs], Vec::new()),
                OutputKind::Numbers => outputs,
            });
        }
        let each: Vec<&str> = predictions.iter().map(String::as_str).collect();
        let mean = if each.len() > 1 { graph.add("Mean", &each, Vec::new()) } else { predictions[0].clone() };
        graph.finish(&mean, "predictions");
        let entry = |what: &str, names: &[String]| -> Vec<Entry> {
            let named = |(place, name): (usize, &String)| Entry {
                key: Some(format!("{what}.{place}")),
                value: Some(name.clone()),
            };
            names.iter().enumerate().map(named).collect()
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("hobbit".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(graph.proto),
            opset_import: vec![OperatorSet { domain: Some(String::new()), version: Some(OPERATORS) }],
            metadata_props: [entry("class", self.class_names()), entry("feature", self.feature_names())]
                .concat(),
        };
        Ok(model.encode_to_vec())
    }
}
