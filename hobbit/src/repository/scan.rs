//! Reads the usual lines of a journal, which are nearly all of it, about five times as fast as ron does.
//!
//! What is not written exactly as usual is left to ron.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::records::{End, Record, StageRecord, Timestamp};
use crate::objective::History;
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
    rest.skip(")")?;
    rest.0.is_empty().then_some(Record::Started { time, trial, stage, worker, hparams, model })
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
    use super::*;

    #[test]
    fn a_usual_line_reads_as_ron_reads_it() {
        let history = "history:(metrics:[\"loss\",\"a, \\u{e9}\"],values:[1.5,-0.0,NaN,inf,-inf,1e-300])";
        let history = history.replace("\\u{e9}", "é");
        let stage = format!(
            "Stage((time:1795486532.196,trial:\"2.1-3\",stage:1,from:3,to:12,end:Trained,score:Some((0.25,7)),attempt:2,\
             worker:1,seconds:0.010163201,{history}))"
        );
        let started = "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[(\"rate\",Float(0.1)),(\"n\",Int(-3)),\
                       (\"seed\",UInt(18446744073709551615)),(\"no\",Float(NaN)),(\"far\",Float(-inf)),\
                       (\"on\",Bool(true)),(\"kind.name\",Text(\"a (b), [c])\"))])";
        let later = "Started(time:2.5,trial:\"1-2\",stage:1,worker:4,hparams:[])";
        let described = "Started(time:2.5,trial:\"1-2\",stage:0,worker:4,hparams:[(\"n\",Int(-3))],\
                         model:{\"loss\":\"a}, {b])\",\"the network\":\"64 > dense 10\"})";
        let mut scanner = Scanner::default();
        for text in [stage.as_str(), started, later, described, stage.as_str()] {
            let quick = scanner.record(text).unwrap_or_else(|| panic!("it is usual: {text}"));
            let record: Record = ron::from_str(text).unwrap();
            // NaN is not equal to itself, but its text is
            assert_eq!(format!("{quick:?}"), format!("{record:?}"));
            assert_eq!(ron::to_string(&quick).unwrap(), ron::to_string(&record).unwrap());
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
            "Stage((",
            "",
        ];
        for text in unusual {
            assert_eq!(Scanner::default().record(text), None, "{text}");
        }
    }
}
