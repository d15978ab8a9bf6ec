//! What the command says of a study that started from another one, and draws who is promoted.

use hobbit::search::Kde;
use hobbit::{Hyperband, Promotion};

use super::Place;
use crate::support::Curve;

#[test]
fn a_study_says_what_it_started_from_and_how_it_promotes() {
    let place = Place::new();
    let study = || Hyperband::of(Curve::default()).quiet().workers(1);
    study().seed(1).repo_dir(place.path("before")).run(9, 3).unwrap();
    let after = study().seed(2).sampler(Kde::new()).warm_start(place.path("before"));
    let after = after.promote(Promotion::Temperature(0.1)).repo_dir(place.path("after"));
    after.run(9, 3).unwrap();
    let known = format!("17 trials of {}", place.path("before").display());
    let plain = |words: &str| place.stdout(words).split_whitespace().collect::<Vec<_>>().join(" ");
    let status = plain("status after");
    assert!(status.contains(&format!("Known {known}, before the first trial")), "{status}");
    assert!(status.contains("Promotion temperature 0.1"), "{status}");
    let show = plain("show after");
    assert!(show.contains(&format!("The sampler knew {known} before the first trial.")), "{show}");
    let verify = plain("verify after");
    assert!(verify.contains(&format!("started from {known}")), "{verify}");
    let json = place.json("show after --format json");
    assert_eq!(json["study"]["warm_start"], serde_json::json!([known]));
    assert_eq!(json["study"]["promotion"], "temperature 0.1");
    // and nothing where nothing was known
    let before = plain("status before") + &plain("show before");
    assert!(
        !before.contains("Known") && !before.contains("Promotion") && !before.contains("knew"),
        "{before}"
    );
    let json = place.json("status before --format json");
    assert!(json["study"].get("warm_start").is_none() && json["study"].get("promotion").is_none());
}
