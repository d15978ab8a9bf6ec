//! What other tools read and write: Optuna's journal, and configurations taken over. What the tools themselves make of the files is
//! asked in `scripts/interop-test.sh`.

mod import;
mod journal;
pub(crate) mod kill;
mod scalars;
mod values;
mod warm_start;

use std::collections::BTreeMap;
use std::path::Path;

use hobbit::repository::{Overview, Reader};
use hobbit::testing::Fake;
use hobbit::{EpochContext, Hyperband, Metrics, TrialContext, search_space};
use serde_json::Value as Json;

/// Every kind of parameter, most of them only now and then.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(width >= depth as usize, "wide enough for its depth")]
pub(crate) struct Net {
    #[uniform(0.0..=1.0)]
    luck: f64,
    #[uniform(-1.0..=1.0, step = 0.25)]
    stepped: f32,
    #[uniform(0.0..=0.9, step = 0.1)]
    tenths: f64,
    #[log_uniform(1e-4..=1e-1)]
    rate: f64,
    #[uniform(0.1..=0.9)]
    single: f32,
    #[normal(2.0, 0.5)]
    normal: f64,
    #[log_normal(0.0, 1.0)]
    log_normal: f32,
    #[int(8..=64, step = 8)]
    width: usize,
    #[int(1..=4)]
    depth: u8,
    #[int(1..=4096, log)]
    batch: u32,
    #[choice("relu": 3, "tanh": 1)]
    activation: String,
    #[choice(16, 32)]
    number: i64,
    switch: bool,
    #[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]
    gamma: f64,
    #[fixed(7)]
    seven: u32,
    #[derived(width * 2)]
    double: usize,
    #[optional(0.5)]
    #[uniform(0.0..=0.5)]
    dropout: Option<f64>,
    #[length(1..=3)]
    #[int(8..=64, step = 8)]
    layers: Vec<usize>,
    #[nested]
    optimizer: Optimizer,
    #[optional(0.3)]
    #[nested]
    second: Option<Optimizer>,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Optimizer {
    Sgd {
        #[uniform(0.0..=0.99)]
        momentum: f64,
        nesterov: bool,
    },
    #[weight(2)]
    Adam {
        #[uniform(0.8..=0.99)]
        beta: f64,
    },
    Plain,
}

/// A falling curve; the unlucky fail, or diverge in their second epoch, some while training and some in what is monitored.
type Falling = Fake<Net, (f64, f64, u64)>;

fn falling() -> Falling {
    let build = |net: &Net, _: &TrialContext| {
        if net.luck < 0.1 { Err("no luck".into()) } else { Ok((net.luck, net.rate, 0)) }
    };
    let train = |(luck, _, epochs): &mut (f64, f64, u64), _: &EpochContext<'_>, metrics: &mut Metrics| {
        *epochs += 1;
        let diverges = (0.1..0.15).contains(luck) && *epochs > 1;
        metrics.report("loss", if diverges { f64::NAN } else { 1.0 / *epochs as f64 });
        Ok(())
    };
    let validate =
        |(luck, rate, epochs): &mut (f64, f64, u64), epoch: &EpochContext<'_>, metrics: &mut Metrics| {
            let loss = *luck + *rate + 1.0 / *epochs as f64 + 0.3 * epoch.key(0).rng().unit();
            metrics.report("val_loss", if *luck < 0.2 && *epochs > 1 { f64::INFINITY } else { loss });
            Ok(())
        };
    Fake::new(build, validate)
        .training(train)
        .metrics(["loss", "val_loss"])
        .state(|(.., epochs)| vec![*epochs as f64], |(.., epochs), state| *epochs = state[0] as u64)
}

fn study(dir: &Path) -> Hyperband<Falling> {
    Hyperband::of(falling()).seed(5).workers(2).quiet().repo_dir(dir)
}

fn overview(dir: &Path) -> Overview {
    Reader::open(dir).unwrap().overview().unwrap()
}

/// An Optuna trial as a journal tells it.
#[derive(Debug, Default, Clone, PartialEq)]
struct Told {
    params: BTreeMap<String, Json>,
    distributions: BTreeMap<String, Json>,
    attrs: BTreeMap<String, Json>,
    values: BTreeMap<u64, f64>,
    state: u64,
    value: Option<f64>,
}

/// The trials of a journal by hobbit's names. Anything written twice is an error.
fn read(path: &Path) -> BTreeMap<String, Told> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'));
    let mut trials: Vec<(String, Told)> = Vec::new();
    for line in text.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let trial = line["trial_id"].as_u64().map(|id| &mut trials[id as usize].1);
        assert!(
            trial.as_ref().is_none_or(|trial| trial.state == 0),
            "a finished trial takes no more: {line}"
        );
        match (line["op_code"].as_u64().unwrap(), trial) {
            (4, _) => {
                let map = |key: &str| {
                    line[key]
                        .as_object()
                        .unwrap()
                        .iter()
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect()
                };
                let mut distributions: BTreeMap<String, Json> = map("distributions");
                for distribution in distributions.values_mut() {
                    *distribution = serde_json::from_str(distribution.as_str().unwrap()).unwrap();
                }
                let told = Told {
                    params: map("params"),
                    distributions,
                    attrs: map("user_attrs"),
                    ..Told::default()
                };
                let name = told.attrs["hobbit:trial"].as_str().unwrap().to_owned();
                trials.push((name, told));
            }
            (6, Some(trial)) => {
                trial.state = line["state"].as_u64().unwrap();
                trial.value = line["values"].as_array().map(|values| values[0].as_f64().unwrap());
            }
            (7, Some(trial)) => {
                let value = line["intermediate_value"].as_f64().unwrap();
                assert_eq!(trial.values.insert(line["step"].as_u64().unwrap(), value), None);
            }
            (8, Some(trial)) => trial.attrs.extend(
                line["user_attr"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            ),
            (0 | 2 | 3, None) => {}
            other => panic!("{other:?}: {line}"),
        }
    }
    let count = trials.len();
    let trials: BTreeMap<_, _> = trials.into_iter().collect();
    assert_eq!(trials.len(), count, "one Optuna trial for each configuration");
    trials
}
