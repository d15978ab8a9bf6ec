//! Where configurations are from, as `hobbit show` and `hobbit export` say it.

use hobbit::Hyperband;
use hobbit::repository::{Origin, Reader};
use hobbit::search::Kde;

use super::Place;
use crate::support::Curve;

#[test]
fn a_study_with_a_sampler_says_what_it_proposed() {
    let place = Place::new();
    let study = Hyperband::of(Curve::default()).quiet().seed(3).iterations(3).repo_dir(place.path("study"));
    study.sampler(Kde::new()).run(9, 3).unwrap();
    let overview = Reader::open(place.path("study")).unwrap().overview().unwrap();
    let proposed: Vec<_> =
        overview.trials.iter().filter(|trial| trial.origin == Some(Origin::Proposed)).collect();
    assert!(proposed.len() > 5 && proposed.len() < overview.trials.len());
    let all = place.stdout("show study -n 0");
    assert!(all.lines().next().unwrap().contains("origin"), "{all}");
    let some = place.stdout("show study -n 0 --where origin=proposed");
    assert_eq!(some.lines().count(), 1 + proposed.len(), "{some}");
    let one = place.stdout(&format!("show study {}", proposed[0].id));
    assert!(
        one.contains("Configuration: proposed by the sampler kde (version 2, random_share 0.1)"),
        "{one}"
    );
    let json = place.json("show study -n 0 --format json");
    let origins = json["trials"].as_array().unwrap().iter().map(|trial| trial["origin"].as_str().unwrap());
    assert_eq!(origins.filter(|origin| *origin == "proposed").count(), proposed.len());
    let csv = place.stdout("export study --csv");
    assert_eq!(csv.matches(",proposed,").count(), proposed.len());
}

#[test]
fn a_study_without_one_says_nothing() {
    let place = Place::with_study();
    for words in ["show study -n 0", "show study 1-1", "show study --format json", "export study --csv"] {
        assert!(!place.stdout(words).contains("origin"), "{words}");
    }
}
