//! Odd values of hyperparameters, in what programs read.

use serde_json::json;

use super::Place;
use crate::space::kept;

#[test]
fn json_has_every_value_as_it_is() {
    let place = Place::new();
    let results = kept::study(&place.path("odd")).run(9, 3).unwrap();
    let shown = place.json("show odd 1-1 --format json");
    let hparams = &shown["hparams"];
    let drawn = &results.trials().iter().find(|trial| trial.id.to_string() == "1-1").unwrap().hparams;
    assert_eq!(hparams["mask"], json!(u64::MAX));
    assert_eq!(hparams["least"], json!("-inf"));
    assert_eq!(hparams["impute"], json!("NaN"));
    assert_eq!(hparams["text"], json!("a\n\"b\", 'c' "));
    assert_eq!(hparams["option"], json!(drawn.option));
    assert_eq!(hparams["root"], if drawn.x < 0.0 { json!("NaN") } else { json!(drawn.root) });
    let ron = place.stdout("best odd --format ron");
    let best = &results.best().hparams;
    assert_eq!(format!("{:?}", ron::from_str::<kept::Odd>(&ron).unwrap()), format!("{best:?}"));
}
