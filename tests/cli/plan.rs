//! `hobbit plan` against a computation of its own.

use super::Place;

#[test]
fn the_golden_table() {
    assert_eq!(Place::new().stdout("plan 81 3"), include_str!("../data/schedule_81_3.txt"));
}

/// The brackets for R and eta as pairs of trials and epochs, by counting: no formula is that of the library.
fn brackets(r: u64, eta: u64) -> Vec<Vec<(u64, u64)>> {
    let mut powers = vec![1u128];
    while powers[powers.len() - 1] * u128::from(eta) <= u128::from(r) {
        powers.push(powers[powers.len() - 1] * u128::from(eta));
    }
    let count = powers.len() as u128;
    let bracket = |s: usize| {
        let share = count * powers[s];
        let each = s as u128 + 1;
        let mut trials = share / each + u128::from(!share.is_multiple_of(each));
        let mut stages = Vec::new();
        for divisor in powers[..=s].iter().rev() {
            let (whole, rest) = (u128::from(r) / divisor, u128::from(r) % divisor);
            let epochs = whole + u128::from(rest >= divisor - rest);
            stages.push((trials as u64, epochs as u64));
            trials /= u128::from(eta);
        }
        stages
    };
    (0..powers.len()).rev().map(bracket).collect()
}

#[test]
fn a_thousand_plans_are_exact() {
    let rs: Vec<u64> =
        (1..=30).chain([81, 100, 243, 256, 625, 729, 1000, 6561, 1_000_000, 4_294_967_295]).collect();
    let etas: Vec<u64> = (2..=25).chain([1000]).collect();
    let list = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let plans = Place::new().json(&format!("plan {} {} --format json", list(&rs), list(&etas)));
    let pairs: Vec<(u64, u64)> = rs.iter().flat_map(|&r| etas.iter().map(move |&eta| (r, eta))).collect();
    assert_eq!((pairs.len(), plans.as_array().unwrap().len()), (1000, 1000));
    for ((r, eta), plan) in pairs.into_iter().zip(plans.as_array().unwrap()) {
        assert_eq!((plan["max_epochs"].as_u64(), plan["eta"].as_u64()), (Some(r), Some(eta)));
        let expected = brackets(r, eta);
        let printed: Vec<Vec<(u64, u64)>> = plan["brackets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bracket| {
                let stages = bracket["stages"].as_array().unwrap().iter();
                stages.map(|s| (s["trials"].as_u64().unwrap(), s["epochs"].as_u64().unwrap())).collect()
            })
            .collect();
        assert_eq!(printed, expected, "R = {r}, eta = {eta}");
        let stages = || expected.iter().flatten();
        assert_eq!(plan["total_epochs"].as_u64(), Some(stages().map(|(n, r)| n * r).sum()));
        assert_eq!(plan["total_evaluations"].as_u64(), Some(stages().map(|(n, _)| n).sum()));
        assert_eq!(plan["total_trials"].as_u64(), Some(expected.iter().map(|bracket| bracket[0].0).sum()));
    }
}

#[test]
fn with_cumulative_epochs_stages_add_what_is_missing() {
    let plan = Place::new().json("plan 27 3 --cumulative --format json");
    let stages = plan[0]["brackets"][0]["stages"].as_array().unwrap();
    let of = |name: &str| stages.iter().map(|s| s[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((of("trained"), of("epochs")), (vec![1, 3, 9, 27], vec![1, 2, 6, 18]));
}
