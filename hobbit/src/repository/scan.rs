//! Reads the usual lines of a journal, which are nearly all of it, about five times as fast as ron does.
//!
//! What is not written exactly as usual is left to ron.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::origin::Origin;
use super::records::{End, Record, StageRecord, Status, Timestamp};
use crate::objective::History;
use crate::search::Point;
use crate::space::Value;

/// Reads records one after the other.
#[derive(Default)]
pub(super) struct Scanner {
    /// The names of the metrics of the record before, as they were written: mostly they are the same again.
    names: (String, Arc<[String]>),
}

/// What is left of a record's text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// The text up to `end`.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let (text, rest) = self.0.split_once(end)?;
        self.0 = rest;
        Some(text)
    }

    /// A value between `start` and `end`.
    fn value<T: FromStr>(&mut self, start: &str, end: &str) -> Option<T> {
        self.skip(start)?;
        self.until(end)?.parse().ok()
    }
}

impl Scanner {
    /// The record, if it is a usual one.
    pub(super) fn record(&mut self, text: &str) -> Option<Record> {
        // escaped text is not usual
        if text.contains('\\') {
            return None;
        }
        match text.split_once('(')? {
            ("Stage", rest) => self.stage(Rest(rest)),
            ("Started", rest) => started(Rest(rest)),
            ("Ended", rest) => ended(Rest(rest)),
            _ => None,
        }
    }

    fn stage(&mut self, mut rest: Rest<'_>) -> Option<Record> {
        let record = StageRecord {
            time: Timestamp(rest.value("(time:", ",")?),
            trial: rest.value("trial:\"", "\",")?,
            stage: rest.value("stage:", ",")?,
            from: rest.value("from:", ",")?,
            to: rest.value("to:", ",")?,
            end: rest.skip("end:Trained,").map(|()| End::Trained)?,
            score: Some((rest.value("score:Some((", ",")?, rest.value("", ")),")?)),
            attempt: rest.value("attempt:", ",")?,
            worker: rest.value("worker:", ",")?,
            machine: machine(&mut rest)?,
            seconds: rest.value("seconds:", ",")?,
            history: {
                rest.skip("history:(metrics:[")?;
                let names = self.names(rest.until("],values:[")?)?;
                let values = rest.until("])))").filter(|_| rest.0.is_empty())?;
                let values: Option<Vec<f64>> = values.split(',').map(|value| value.parse().ok()).collect();
                History::from_parts(names, values?)
            },
        };
        Some(Record::Stage(record))
    }

    /// The names of metrics, from their list without its brackets.
    fn names(&mut self, text: &str) -> Option<Arc<[String]>> {
        if self.names.0 != text {
            self.names = (text.to_owned(), ron::from_str(&format!("[{text}]")).ok()?);
        }
        Some(self.names.1.clone())
    }
}

fn started(mut rest: Rest<'_>) -> Option<Record> {
    let time = Timestamp(rest.value("time:", ",")?);
    let trial = rest.value("trial:\"", "\",")?;
    let stage = rest.value("stage:", ",")?;
    let worker = rest.value("worker:", ",")?;
    let machine = machine(&mut rest)?;
    let mut hparams = Vec::new();
    rest.skip("hparams:[")?;
    while rest.skip("]").is_none() {
        if !hparams.is_empty() {
            rest.skip(",")?;
        }
        rest.skip("(\"")?;
        let name = rest.until("\",")?.to_owned();
        let value = match rest.until("(")? {
            "Float" => Value::Float(rest.value("", "))")?),
            "UInt" => Value::UInt(rest.value("", "))")?),
            "Int" => Value::Int(rest.value("", "))")?),
            "Bool" => Value::Bool(rest.value("", "))")?),
            "Text" => Value::Text(rest.value("\"", "\"))")?),
            _ => return None,
        };
        hparams.push((name, value));
    }
    let model = if rest.skip(",model:{").is_some() { texts(&mut rest)? } else { BTreeMap::new() };
    let point = if rest.skip(",point:Some([").is_some() { Some(point(rest.until("])")?)?) } else { None };
    let origin = if rest.skip(",origin:Some(").is_some() { Some(origin(rest.until(")")?)?) } else { None };
    rest.skip(")")?;
    rest.0.is_empty().then_some(Record::Started {
        time,
        trial,
        stage,
        worker,
        machine,
        hparams,
        model,
        point,
        origin,
    })
}

/// Where a configuration is from, as it is written.
fn origin(text: &str) -> Option<Origin> {
    Some(match text {
        "Drawn" => Origin::Drawn,
        "Proposed" => Origin::Proposed,
        "Given" => Origin::Given,
        _ => return None,
    })
}

/// A point, from its coordinates as they are written.
fn point(text: &str) -> Option<Point> {
    let coordinate = |text: &str| match text {
        "None" => Some(None),
        _ => {
            let unit: f64 = text.strip_prefix("Some(")?.strip_suffix(')')?.parse().ok()?;
            (0.0..1.0).contains(&unit).then_some(Some(unit))
        }
    };
    let coordinates: Option<Vec<_>> = text.split(',').map(coordinate).collect();
    Some(Point::new(coordinates?))
}

/// A worker's machine, where it is not the first one.
fn machine(rest: &mut Rest<'_>) -> Option<u32> {
    if rest.0.starts_with("machine:") { rest.value("machine:", ",") } else { Some(0) }
}

/// The end of a trial that did not fail.
fn ended(mut rest: Rest<'_>) -> Option<Record> {
    let trial = rest.value("trial:\"", "\",")?;
    let status = match rest.0 {
        "status:Finished)" => Status::Finished,
        _ => {
            let stage = rest.value("status:Dropped(", "))")?;
            rest.0.is_empty().then_some(Status::Dropped(stage))?
        }
    };
    Some(Record::Ended { trial, status })
}

/// A map from texts to texts, behind its opening brace.
fn texts(rest: &mut Rest<'_>) -> Option<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    while rest.skip("}").is_none() {
        if !texts.is_empty() {
            rest.skip(",")?;
        }
        rest.skip("\"")?;
        let name = rest.until("\":\"")?.to_owned();
        texts.insert(name, rest.until("\"")?.to_owned());
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::repository::reason::StopReason;
    use crate::repository::records::{Descriptions, MachineChange};
    use crate::schedule::{Algorithm, EpochCount};
    use crate::trial::TrialId;

    /// Records of every kind, in each of the ways that they are written in, and whether they are usual.
    fn samples() -> Vec<(Record, bool)> {
        let trial = TrialId { iteration: 2, bracket: 1, index: 3 };
        let time = Timestamp(1795486532.196);
        let started = |stage, machine, hparams: &[(&str, Value)], model: &[(&str, &str)], point: &[_]| {
            Record::Started {
                time,
                trial,
                stage,
                worker: 4,
                machine,
                hparams: hparams.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
                model: model.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
                point: (!point.is_empty()).then(|| Point::new(point.iter().copied())),
                origin: None,
            }
        };
        let from = |from, mut begun: Record| {
            if let Record::Started { origin, .. } = &mut begun {
                *origin = Some(from);
            }
            begun
        };
        let stage = |machine, end, score, names: &[&str], values: &[f64]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Record::Stage(StageRecord {
                time,
                trial,
                stage: 1,
                from: 3,
                to: 12,
                end,
                score,
                attempt: 2,
                worker: 1,
                machine,
                seconds: 0.010163201,
                history: History::from_parts(names, values.to_vec()),
            })
        };
        let values = [
            ("rate", Value::Float(0.1)),
            ("n", Value::Int(-3)),
            ("seed", Value::UInt(u64::MAX)),
            ("no", Value::Float(f64::NAN)),
            ("far", Value::Float(f64::NEG_INFINITY)),
            ("on", Value::Bool(true)),
            ("kind.name", Value::Text("a (b), [c]".to_owned())),
        ];
        let model = [("loss", "a}, {b])"), ("the network", "64 > dense 10")];
        let cube = [Some(0.1), None, Some(0.0), Some(1.0 - f64::EPSILON / 2.0), Some(5e-324)];
        let names = ["loss", "a, é"];
        let measured = [1.5, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-300];
        let failed = End::Failed { epoch: 4, reason: "x".to_owned() };
        let epoch_count = EpochCount::Additional;
        let algorithm = Algorithm::Hyperband { max_epochs: 9, eta: 3, epoch_count, iterations: 2 };
        let opened = |descriptions| {
            let (hobbit, host) = ("0.1.0".to_owned(), "vm".to_owned());
            Record::Opened { time, hobbit, host, pid: 7, workers: 2, descriptions }
        };
        let machine = |change| Record::Machine { time, machine: 3, host: "vm".to_owned(), pid: 7, change };
        let described = Descriptions {
            accepted: vec!["x".to_owned()],
            objective: Some(BTreeMap::from([("a".to_owned(), "b".to_owned())])),
            models: BTreeMap::from([(trial, BTreeMap::new())]),
            numerics: Some("x86_64".to_owned()),
        };
        vec![
            (opened(None), false),
            (opened(Some(Descriptions::default())), false),
            (opened(Some(described)), false),
            (Record::Extended { time, algorithm }, false),
            (started(0, 0, &values, &[], &[]), true),
            (started(0, 3, &values, &model, &cube), true),
            (started(0, 0, &values, &model, &[None]), true),
            (from(Origin::Drawn, started(0, 0, &values, &model, &cube)), true),
            (from(Origin::Proposed, started(0, 3, &values, &[], &cube)), true),
            (from(Origin::Given, started(0, 0, &values, &[], &[])), true),
            (started(1, 0, &[], &[], &[]), true),
            (started(1, 3, &[], &[], &[]), true),
            (started(0, 0, &[("a", Value::Text("\"\n".to_owned()))], &[], &[]), false),
            (stage(0, End::Trained, Some((0.25, 7)), &names, &measured), true),
            (stage(5, End::Trained, Some((0.25, 7)), &names, &measured), true),
            (stage(0, failed, None, &[], &[]), false),
            (Record::Ended { trial, status: Status::Finished }, true),
            (Record::Ended { trial, status: Status::Dropped(2) }, true),
            (Record::Ended { trial, status: Status::Failed { epoch: 1, reason: "x".to_owned() } }, false),
            (machine(MachineChange::Joined { slots: 8 }), false),
            (machine(MachineChange::Left), false),
            (machine(MachineChange::Lost), false),
            (Record::Closed { time, reason: None }, false),
            (Record::Closed { time, reason: Some(StopReason::Error("the disk".to_owned())) }, false),
        ]
    }

    #[test]
    fn every_kind_of_record_reads_as_ron_reads_it() {
        // a kind that is added has to get a sample
        let kind = |record: &Record| match record {
            Record::Opened { .. } => 0,
            Record::Extended { .. } => 1,
            Record::Started { .. } => 2,
            Record::Stage(_) => 3,
            Record::Ended { .. } => 4,
            Record::Closed { .. } => 5,
            Record::Machine { .. } => 6,
        };
        let kinds: BTreeSet<u32> = samples().iter().map(|(record, _)| kind(record)).collect();
        assert_eq!(kinds.len(), 7);
        let mut scanner = Scanner::default();
        for (sample, is_usual) in samples() {
            let text = ron::to_string(&sample).unwrap();
            let record: Record = ron::from_str(&text).unwrap();
            // NaN is not equal to itself, but its text is
            assert_eq!(format!("{record:?}"), format!("{sample:?}"));
            let quick = scanner.record(&text);
            assert_eq!(quick.is_some(), is_usual, "{text}");
            if let Some(quick) = quick {
                assert_eq!(format!("{quick:?}"), format!("{sample:?}"));
                assert_eq!(ron::to_string(&quick).unwrap(), text);
            }
        }
    }

    #[test]
    fn what_is_not_usual_is_left_to_ron() {
        let unusual = [
            "Closed(time:1.0,reason:None)",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[(\"a\",Text(\"\\\"\"))])",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[(\"a\",Int(1))]) ",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[(\"a\",Int(1)),])",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[],model:{\"a\":\"b\",})",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[],model:{\"a\": \"b\"})",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[],model:{\"a\":\"b\"}) ",
            "Started(time:2.5, trial:\"1-2\",stage:0,worker:4,hparams:[])",
            "Stage((time:1.0,trial:\"1-1\",stage:0,from:0,to:1,end:Failed(epoch:0,reason:\"x\"),score:None,attempt:0,worker:0,\
             seconds:0.0,history:(metrics:[],values:[])))",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:0,hparams:[],point:Some([Some(1.0)]))",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:0,hparams:[],point:Some([]))",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:0,hparams:[],point:Some([Some(0.5),]))",
            "Started(time:2.5,trial:\"1-2\",stage:0,worker:0,hparams:[],origin:Some(Elsewhere))",
            "Ended(trial:\"1-1\",status:Dropped(1)) ",
            "Ended(trial:\"1-1\",status:Dropped(1),)",
            "Ended(trial:\"1-1\",status:Unfinished)",
            "Stage((",
            "",
        ];
        for text in unusual {
            assert_eq!(Scanner::default().record(text), None, "{text}");
        }
    }
}
