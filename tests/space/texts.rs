//! Texts that are chosen from and not owned: fields of type `&'static str`.

use hobbit::{Key, SearchSpace, search_space};
use serde::{Deserialize, Serialize};

#[search_space]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hparams {
    #[choice("sgd": 1, "adam": 3, "lion \"x\"": 1)]
    #[default = "adam"]
    optimizer: &'static str,
    #[nested]
    #[default = Schedule::Flat]
    schedule: Schedule,
}

#[search_space]
#[derive(Debug, Clone, Copy, PartialEq)]
enum Schedule {
    Flat,
    Decay {
        #[choice("linear", "cosine")]
        shape: &'static str,
    },
}

/// With derives of its own.
#[search_space]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Own {
    #[choice("a", "b")]
    #[serde(rename = "letter")]
    text: &'static str,
}

#[test]
fn what_is_chosen_is_written_and_read_back() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let drawn = Hparams::draw(Key::new(seed)).unwrap();
        seen.insert(drawn.optimizer);
        let text = ron::to_string(&drawn).unwrap();
        assert_eq!(ron::from_str::<Hparams>(&text).unwrap(), drawn, "{text}");
        let json = serde_json::to_string(&drawn).unwrap();
        assert_eq!(serde_json::from_reader::<_, Hparams>(json.as_bytes()).unwrap(), drawn, "{json}");
        assert_eq!(Hparams::decode(&drawn.encode()).unwrap(), drawn);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["adam", "lion \"x\"", "sgd"]);
    assert_eq!(Hparams::defaults().unwrap().optimizer, "adam");
    let own: Own = ron::from_str("(letter:\"b\")").unwrap();
    assert_eq!((own.text, own.check().is_ok()), ("b", true));
    let other: Own = ron::from_str("(letter:\"c\")").unwrap();
    let error = other.check().unwrap_err().to_string();
    assert!(error.contains("`text` is not one of the options; it has to be one of a, b"), "{error}");
}
