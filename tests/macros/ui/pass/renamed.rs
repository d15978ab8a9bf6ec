//! Names in files that serde makes of others.

use hobbit::space::SearchSpace;
use hobbit::{Key, search_space};

#[search_space]
#[derive(Debug, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Branch {
    LeakyRelu,
    #[serde(alias = "LeakyRelu", alias = "plain")]
    Relu,
    #[serde(rename_all = "camelCase")]
    Elu {
        #[uniform(0.0..=1.0)]
        first_alpha: f64,
        #[uniform(0.0..=1.0)]
        firstalpha: f64,
    },
}

#[search_space]
#[derive(Debug, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Hparams {
    #[int(0..=9)]
    #[serde(alias = "width")]
    width_of_all: u8,
    #[nested]
    branch: Branch,
    #[int(0..=18_446_744_073_709_551_615, step = 5)]
    wide: u64,
}

fn main() {
    for seed in 0..30 {
        let drawn = Hparams::draw(Key::new(seed)).unwrap();
        let text = ron::to_string(&drawn).unwrap();
        assert!(text.contains("WIDTH_OF_ALL"), "{text}");
        assert_eq!(ron::from_str::<Hparams>(&text).unwrap(), drawn);
    }
}
