//! Orders and reports are the same after they were somewhere else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hobbit::repository::{End, SavedModel, SavedState, StageRecord, Timestamp};
use hobbit::schedule::Assignment;
use hobbit::search::Point;
use hobbit::space::Value;
use hobbit::work::{
    Beginning, CheckpointId, Configuration, EpochNews, Order, Report, Scored, Unusual, WorkerId,
};
use hobbit::{Checkpoint, History, Key, Metrics, TrialId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Numbers that are not numbers make values that are not equal to themselves; so it is their texts that are
/// compared.
fn assert_arrives<T: Serialize + DeserializeOwned>(value: &T) {
    let text = ron::to_string(value).unwrap();
    let arrived: T = ron::from_str(&text).unwrap();
    assert_eq!(ron::to_string(&arrived).unwrap(), text);
}

fn order() -> Order {
    let trial = TrialId { iteration: 2, bracket: 3, index: u32::MAX };
    Order {
        assignment: Assignment { trial, stage: 2, from: 7, to: u64::MAX },
        ordinal: u64::MAX,
        key: Key::new(7).child(1),
        configuration: Configuration::Drawn,
        stages: Arc::new([1, 4, u64::MAX]),
        score: Some(Scored { value: -0.0, epoch: 3, loss: f64::NAN }),
        attempt: 1,
        limit: Some(Duration::new(3, 1)),
        checkpoint: Some(CheckpointId(trial)),
        unusual: None,
    }
}

#[test]
fn orders_arrive_as_they_were_sent() {
    assert_arrives(&order());
    let unusual = Unusual { earlier: Box::new([(1, 1), (3, 4)]), alone: true, deaths: Some(2) };
    assert_arrives(&Order { unusual: Some(Box::new(unusual)), limit: None, checkpoint: None, ..order() });
    let point = Configuration::Point(Point::new([Some(0.1), None, Some(f64::EPSILON)]));
    for configuration in [Configuration::Given, point] {
        assert_arrives(&Order { configuration, score: None, ..order() });
    }
    assert_eq!((order().trial(), order().epochs()), (order().assignment.trial, u64::MAX));
    assert!(!order().is_alone() && order().deaths().is_none());
    assert_arrives(&WorkerId { machine: 3, index: 1 });
}

#[test]
fn reports_arrive_as_they_were_sent() {
    let trial = TrialId::new(1, 3);
    let record = StageRecord {
        time: Timestamp(1.5),
        trial,
        stage: 0,
        from: 0,
        to: 3,
        end: End::Diverged { epoch: 2, reason: "\"loss\"\nis NaN".to_owned() },
        score: Some((f64::MIN_POSITIVE, 1)),
        attempt: 2,
        worker: 7,
        machine: 3,
        seconds: 0.1,
        history: History::default(),
    };
    let mut checkpoint = Checkpoint::new();
    checkpoint.insert_f32("weight", &[3], vec![f32::NAN, -0.0, f32::MAX]);
    let state = SavedState {
        format: 1,
        trial,
        attempt: 2,
        epoch: 2,
        score: Some((0.5, 1)),
        from: 0,
        history: History::default(),
        stopped: true,
    };
    let model = Box::new(SavedModel { state, best: checkpoint.clone(), last: Some(checkpoint) });
    let report = Report { record: Arc::new(record), model: Some(model), unfinished: true, failed_now: false };
    assert_arrives(&report);
    assert_arrives(&Report { model: None, ..report.clone() });
    // a model that was damaged on its way is refused
    let text = ron::to_string(&report).unwrap();
    let damaged = text.replacen("model:Some([", "model:Some([1,", 1);
    assert_ne!(damaged, text);
    assert!(ron::from_str::<Report>(&damaged).is_err());

    let hparams = vec![("rate".to_owned(), Value::Float(0.1))];
    let model = BTreeMap::from([("loss".to_owned(), "mse".to_owned())]);
    let point = Some(Point::new([None, Some(0.5)]));
    assert_arrives(&Beginning { assignment: order().assignment, hparams, model, point });
    let mut metrics = Metrics::new();
    metrics.report("val_loss", f64::NAN);
    metrics.report("loss", 0.25);
    let news = EpochNews { trial, stage: 1, epoch: 3, metrics: Cow::Owned(metrics), score: Some(0.5) };
    assert_arrives(&news);
}
