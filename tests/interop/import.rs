//! Configurations and results taken over from Optuna and CSV.

use std::path::Path;

use hobbit::interop::{OptunaJournal, import};
use hobbit::space::{Value, from_values};
use hobbit::{Direction, Key, SearchSpace, search_space};

use super::{Net, Optimizer, overview, study};

/// Equal but for the last digits.
fn same(a: &Net, b: &Net) -> bool {
    let (a, b) = (a.values(), b.values());
    a.len() == b.len()
        && a.iter().zip(&b).all(|((a, x), (b, y))| {
            a == b
                && match (x, y) {
                    (Value::Float(x), Value::Float(y)) => (x - y).abs() <= 1e-6 * x.abs(),
                    (x, y) => x == y,
                }
        })
}

#[test]
fn what_is_drawn_comes_back_from_its_names_and_values() {
    for seed in 0..2000 {
        let drawn = Net::draw(Key::new(seed)).unwrap();
        let values = drawn.values();
        let back: Net = from_values(&values).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(back, drawn, "seed {seed}");
        let text: Vec<_> =
            values.into_iter().map(|(name, value)| (name, Value::Text(value.to_string()))).collect();
        assert_eq!(from_values::<Net>(&text).unwrap(), drawn, "seed {seed}, as text");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let mut drawn = (0..).map(|seed| Net::draw(Key::new(seed)).unwrap());
    let net = drawn.find(|net| matches!(net.optimizer, Optimizer::Adam { .. }) && net.dropout.is_none());
    let values = net.unwrap().values();
    let refused = |name: &str, value: Option<Value>| {
        let mut values = values.clone();
        values.retain(|(known, _)| known != name);
        values.extend(value.map(|value| (name.to_owned(), value)));
        from_values::<Net>(&values).unwrap_err().to_string()
    };
    let float = |value| Some(Value::Float(value));
    assert_eq!(refused("rate", None), "the parameter `rate` is missing");
    assert_eq!(refused("rate", float(0.2)), "`rate` is 0.2; it has to be log-uniform 0.0001 to 0.1");
    assert!(refused("rate", float(f64::NAN)).contains("`rate` is NaN"));
    assert!(refused("rate", Some(Value::Text("fast".into()))).contains("`rate` is fast"));
    assert!(refused("width", Some(Value::Int(12))).contains("`width` is 12; it has to be int 8 to 64"));
    assert!(refused("depth", float(1.5)).contains("`depth` is 1.5"));
    assert!(
        refused("stepped", float(0.3))
            .contains("`stepped` is 0.3; it has to be uniform -1.0 to 1.0 in steps of 0.25")
    );
    assert!(refused("activation", Some(Value::Text("gelu".into()))).contains("one of relu (weight 3), tanh"));
    assert!(refused("seven", Some(Value::Int(8))).contains("`seven` is 8; it has to be 7"));
    assert_eq!(refused("speed", float(1.0)), "the parameter `speed` is not in the search space");
    assert_eq!(
        refused("optimizer.Sgd.momentum", float(0.5)),
        "the parameter `optimizer.Sgd.momentum` does not exist in a configuration with these other values"
    );
}

#[test]
fn a_study_comes_back_from_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let results = study(&dir.path().join("repo")).run(9, 3).unwrap();
    let path = dir.path().join("old.journal");
    OptunaJournal::new(&path).export(&overview(&dir.path().join("repo"))).unwrap();
    let imported = import::optuna(&path, None).unwrap();
    assert_eq!(imported.rows.len(), results.trials().len());
    let fitted = imported.fit::<Net>();
    let healthy: Vec<_> = results.trials().iter().filter(|trial| trial.score.is_some()).collect();
    assert_eq!(fitted.accepted.len(), healthy.len());
    for (accepted, trial) in fitted.accepted.iter().zip(&healthy) {
        assert_eq!(accepted.score, trial.score, "best first");
        assert!(same(&accepted.hparams, &trial.hparams));
    }
    assert_eq!(fitted.refused.len(), results.trials().len() - healthy.len());
    assert!(fitted.refused.iter().all(|refused| refused.reason == "it failed"));

    // as first trials of another study
    let mut next = study(&dir.path().join("next")).seed(6);
    let first = fitted.accepted[0].hparams.clone();
    for accepted in fitted.accepted.into_iter().take(3) {
        next = next.enqueue(accepted.hparams);
    }
    let results = next.run(3, 3).unwrap();
    let trial = results.trials().iter().find(|trial| trial.id.to_string() == "1-1").unwrap();
    assert_eq!(*trial.hparams, first);
}

#[search_space]
#[derive(Debug, PartialEq)]
struct Small {
    #[log_uniform(1e-5..=1.0)]
    learning_rate: f64,
    #[choice("relu", "tanh")]
    activation: String,
    #[int(1..=8)]
    layers: u32,
}

#[test]
fn a_journal_as_optuna_writes_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("optuna.journal");
    let float = r#"{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 1e-05, \"high\": 1.0, \"log\": true}}"#;
    let int = r#"{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 1, \"low\": 1, \"high\": 8}}"#;
    let choice =
        r#"{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"relu\", \"tanh\"]}}"#;
    let mut text = String::from(
        r#"{"op_code":0,"worker_id":"w","study_name":"a","directions":[1]}
{"op_code":0,"worker_id":"w","study_name":"a","directions":[2]}
{"op_code":0,"worker_id":"w","study_name":"b","directions":[2]}
"#,
    );
    let rows = [
        (0.1, 0, 2, "[0.5]", 1),
        (0.01, 1, 3, "[0.25]", 2),
        (0.1, 0, 2, "[0.5]", 1),
        (0.2, 0, 9, "null", 3),
        (0.3, 1, 1, "[NaN]", 1),
    ];
    for (id, (rate, activation, layers, values, state)) in rows.into_iter().enumerate() {
        text += &format!(
            "{{\"op_code\":4,\"worker_id\":\"w\",\"study_id\":{},\"datetime_start\":null}}\n",
            u8::from(id == 4)
        );
        for (name, value, distribution) in
            [("lr", rate, float), ("activation", activation as f64, choice), ("layers", layers as f64, int)]
        {
            text += &format!(
                "{{\"op_code\":5,\"worker_id\":\"w\",\"trial_id\":{id},\"param_name\":\"{name}\",\"param_value_internal\":{value},\"distribution\":\"{distribution}\"}}\n"
            );
        }
        text += &format!(
            "{{\"op_code\":6,\"worker_id\":\"w\",\"trial_id\":{id},\"state\":{state},\"values\":{values},\"datetime_complete\":\"2026-01-01T00:00:00\"}}\n"
        );
    }
    std::fs::write(&path, text + "{\"op_code\":4,\"wor").unwrap();

    let several = import::optuna(&path, None).unwrap_err().to_string();
    assert!(several.contains("has several studies: say which; the studies in it: `a`, `b`"), "{several}");
    assert!(import::optuna(&path, Some("c")).unwrap_err().to_string().contains("has no such study"));
    let imported = import::optuna(&path, Some("a")).unwrap();
    assert_eq!(imported.direction, Direction::Minimize);
    let fitted = imported.clone().fit::<Small>();
    assert_eq!((fitted.accepted.len(), fitted.refused.len()), (0, 4), "the name is another");
    let fitted = imported.rename("lr", "learning_rate").fit::<Small>();
    let scores: Vec<_> =
        fitted.accepted.iter().map(|accepted| (accepted.source.as_str(), accepted.score)).collect();
    assert_eq!(scores, [("trial 1", Some(0.25)), ("trial 0", Some(0.5))]);
    assert_eq!(
        fitted.accepted[0].hparams,
        Small {
            learning_rate: fitted.accepted[0].hparams.learning_rate,
            activation: "tanh".into(),
            layers: 3
        }
    );
    assert!((fitted.accepted[0].hparams.learning_rate - 0.01).abs() < 1e-15);
    let reasons: Vec<_> = fitted.refused.iter().map(|r| format!("{}: {}", r.source, r.reason)).collect();
    assert_eq!(reasons, ["trial 2: it is the same configuration as trial 0", "trial 3: it failed"]);
    let other = import::optuna(&path, Some("b")).unwrap().rename("lr", "learning_rate").fit::<Small>();
    assert_eq!((other.accepted[0].score, other.accepted[0].source.as_str()), (None, "trial 0"));
}

#[search_space]
#[derive(Debug, PartialEq)]
struct Taken {
    #[log_uniform(1e-4..=0.4)]
    rate: f64,
    #[int(1..=4)]
    depth: u32,
    #[nested]
    optimizer: Kind,
}

#[search_space]
#[derive(Debug, PartialEq)]
enum Kind {
    Sgd {
        #[uniform(0.0..=0.9)]
        momentum: f64,
    },
    Adam,
}

/// What Optuna itself wrote: its journal, and its table.
#[test]
fn a_study_of_optuna_is_taken_over() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let journal = import::optuna(data.join("optuna_5.journal"), None).unwrap();
    let table = import::csv(data.join("optuna_5.csv"), "value", Direction::Maximize).unwrap();
    // a header, and trials counted from 0
    for (imported, source) in
        [(journal, (|i| format!("trial {i}")) as fn(u32) -> String), (table, |i| format!("line {}", i + 2))]
    {
        assert_eq!(imported.direction, Direction::Maximize);
        let fitted = imported.rename("lr", "rate").fit::<Taken>();
        let accepted: Vec<_> =
            fitted.accepted.iter().map(|accepted| (accepted.source.clone(), accepted.score)).collect();
        let best_first = [(7, 0.875), (6, 0.75), (5, 0.625), (2, 0.25), (3, 0.25)];
        assert_eq!(accepted, best_first.map(|(trial, score)| (source(trial), Some(score))));
        let second = &fitted.accepted[1].hparams;
        assert_eq!(second.depth, 4);
        assert!((second.rate - 0.3202997570029045).abs() < 1e-15);
        assert_eq!(second.optimizer, Kind::Sgd { momentum: 0.152847377608112 });
        assert_eq!(fitted.accepted[0].hparams.optimizer, Kind::Adam);
        let refused: Vec<_> =
            fitted.refused.iter().map(|refused| format!("{}: {}", refused.source, refused.reason)).collect();
        let reasons = [
            (0, "`rate` is 0.5; it has to be log-uniform 0.0001 to 0.4"),
            (1, "it failed"),
            (4, "it failed"),
            (8, "the parameter `rate` is missing"),
            (9, "the parameter `rate` is missing"),
        ];
        assert_eq!(refused, reasons.map(|(trial, why)| format!("{}: {why}", source(trial))));
    }
}

#[test]
fn rows_of_a_table_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    let text = "learning_rate, activation, layers, accuracy\n0.1,relu,2,0.5\n0.01,tanh,3.0,0.75\n,relu,1,0.9\n2,relu,1,0.9\n1e-3,relu,8,\n";
    std::fs::write(&path, text).unwrap();
    let fitted = import::csv(&path, "accuracy", Direction::Maximize).unwrap().fit::<Small>();
    let accepted: Vec<_> =
        fitted.accepted.iter().map(|row| (row.source.as_str(), row.score, row.hparams.layers)).collect();
    assert_eq!(accepted, [("line 3", Some(0.75), 3), ("line 2", Some(0.5), 2), ("line 6", None, 8)]);
    let refused: Vec<_> =
        fitted.refused.iter().map(|row| format!("{}: {}", row.source, row.reason)).collect();
    assert_eq!(
        refused,
        [
            "line 4: the parameter `learning_rate` is missing",
            "line 5: `learning_rate` is 2; it has to be log-uniform 1e-5 to 1.0"
        ]
    );

    let optuna = "number,value,datetime_start,params_learning_rate,params_activation,params_layers,state\n0,0.5,2026-01-01,0.1,relu,2,COMPLETE\n1,,2026-01-01,0.2,relu,2,FAIL\n";
    std::fs::write(&path, optuna).unwrap();
    let fitted = import::csv(&path, "value", Direction::Minimize).unwrap().fit::<Small>();
    assert_eq!((fitted.accepted.len(), fitted.accepted[0].score), (1, Some(0.5)));
    assert_eq!(fitted.refused[0].reason, "it failed");

    let hobbit = "rank,trial,status,score,metrics.loss,hparams.learning_rate,hparams.activation,hparams.layers\n1,1-1,finished,0.5,1.0,0.1,relu,2\n2,1-2,diverged,,,0.2,relu,2\n";
    std::fs::write(&path, hobbit).unwrap();
    let fitted = import::csv(&path, "score", Direction::Minimize).unwrap().fit::<Small>();
    assert_eq!((fitted.accepted.len(), fitted.accepted[0].score), (1, Some(0.5)));
    assert_eq!(fitted.refused[0].reason, "it failed");

    std::fs::write(&path, "a,b\n1,2,3\n").unwrap();
    assert!(import::csv(&path, "value", Direction::Minimize).is_err());
    assert!(import::csv(dir.path().join("none.csv"), "value", Direction::Minimize).is_err());
    std::fs::write(&path, "{\"op_code\":0}\nno json\n").unwrap();
    let error = import::optuna(&path, None).unwrap_err().to_string();
    assert!(error.contains("table.csv:2: this is not a line of an Optuna journal"), "{error}");
}

#[test]
fn a_file_that_is_not_there_and_a_misspelt_name_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let missing = import::optuna(&path, None).unwrap_err();
    assert!(missing.is_io() && missing.to_string().contains("could not read"), "{missing}");
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    let none = import::optuna(&path, None).unwrap_err().to_string();
    assert!(none.ends_with("a.journal has no study; the studies in it: none"), "{none}");
    std::fs::write(&path, "{\"op_code\":0,\"study_name\":\"digits\",\"directions\":[1]}\n").unwrap();
    let other = import::optuna(&path, Some("digit")).unwrap_err().to_string();
    assert!(other.ends_with("a.journal has no such study: `digit`; the studies in it: `digits`"), "{other}");
    assert!(import::optuna(dir.path(), None).unwrap_err().is_io());
}

#[test]
fn the_column_of_scores_has_to_be_there_and_to_hold_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    let read = |text: &str, score: &str| {
        std::fs::write(&path, text).unwrap();
        import::csv(&path, score, Direction::Minimize)
    };
    let refused = |text: &str, score: &str| {
        let error = read(text, score).unwrap_err().to_string();
        error.split("table.csv").nth(1).unwrap().to_owned()
    };
    let table = "learning_rate,activation,layers,loss\n0.1,relu,2,0.5\n";
    assert_eq!(
        refused(table, "los"),
        " has no column `los` for the scores (`\"\"` if there are none); its columns are `learning_rate`, `activation`, `layers`, \
         `loss`"
    );
    // knowingly
    let fitted = read("learning_rate,activation,layers\n0.1,relu,2\n", "").unwrap().fit::<Small>();
    assert_eq!((fitted.accepted.len(), fitted.accepted[0].score), (1, None));
    assert_eq!(
        refused("a,b,a,loss\n1,2,3,4\n", "loss"),
        " has two columns named `a`; its columns are `a`, `b`, `a`, `loss`"
    );
    assert_eq!(
        refused("rate,loss\n1,0.5\n2,fast\n", "loss"),
        ":3: the score is `fast` in the column `loss`; it has to be a number"
    );
    let rows = read("rate,loss\n1,\n2,nan\n3,NA\n4,None\n5,inf\n6,1e-3\n", "loss").unwrap().rows;
    let scores: Vec<_> = rows.iter().map(|row| row.score).collect();
    assert_eq!(scores, [None, None, None, None, None, Some(1e-3)]);
    // as pandas writes it, with an index and a mark at the beginning
    let pandas = "\u{feff},learning_rate,activation,layers,loss\n0,0.1,relu,2,0.5\n";
    let fitted = read(pandas, "loss").unwrap().fit::<Small>();
    assert_eq!((fitted.accepted.len(), fitted.accepted[0].score), (1, Some(0.5)), "{:?}", fitted.refused);
}
