//! Search spaces with every form: drawing, encoding, writing, checking, describing.

mod grids;
pub(crate) mod kept;
mod tails;
mod texts;
pub(crate) mod wholes;

use std::collections::BTreeMap;

mod names;

use hobbit::space::{Condition, Domain, Value};
use hobbit::{Key, SearchSpace, search_space};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Shape {
    Round,
    Square,
}

const LOW: f64 = 0.5;
const HIGH: f64 = 1.5;

/// A branch for each optimizer.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Optimizer {
    Sgd {
        #[log_uniform(1e-4..=1.0)]
        lr: f64,
        #[uniform(0.0..=0.99)]
        momentum: f64,
    },
    #[weight(3)]
    Adam {
        #[log_uniform(1e-5..=1e-2)]
        lr: f64,
    },
    Plain,
}

/// Every form there is.
#[derive(Debug, Clone, PartialEq)]
#[search_space]
#[constraint(width >= depth as usize, "wide enough for its depth")]
#[constraint(!(switch && rare), "not both")]
pub(crate) struct Everything {
    /// A share.
    #[uniform(LOW..=HIGH)]
    share: f64,
    #[uniform(-1.0..=1.0, step = 0.25)]
    stepped: f32,
    #[log_uniform(1e-6..=1e3)]
    rate: f64,
    #[log_uniform(0.1..=10.0, step = 0.1)]
    log_stepped: f64,
    #[normal(2.0, 0.5)]
    normal: f64,
    #[normal(0.0, 1.0, truncated = -1.0..=2.0)]
    truncated: f64,
    #[normal(0.0, 10.0, step = 0.5)]
    normal_stepped: f64,
    #[log_normal(0.0, 1.0)]
    log_normal: f32,
    #[int(1..=64)]
    width: usize,
    #[int(1..=9, step = 2)]
    depth: u8,
    #[int(1..=4096, log)]
    batch: u32,
    #[int(-5..=5)]
    #[default = 0]
    offset: i64,
    #[int(0..=u64::MAX)]
    huge: u64,
    #[choice("adam": 3, "sgd": 1)]
    text: String,
    #[choice(Shape::Round, Shape::Square)]
    shape: Shape,
    #[choice((1, 2.0), (3, 4.0), (5, 6.0))]
    pair: (i32, f64),
    switch: bool,
    #[bool(0.1)]
    rare: bool,
    #[distribution(rand_distr::Gamma::new(2.0, 0.5)?)]
    gamma: f64,
    #[distribution(rand_distr::Poisson::new(3.0)?)]
    poisson: f64,
    #[fixed(7)]
    seven: u32,
    #[derived(width * 2)]
    double: usize,
    #[optional(0.5)]
    #[uniform(0.0..=0.5)]
    dropout: Option<f64>,
    #[length(1..=4)]
    #[int(8..=64, step = 8)]
    layers: Vec<usize>,
    #[uniform(0.0..=1.0)]
    corners: [f64; 3],
    #[nested]
    optimizer: Optimizer,
    #[optional(0.3)]
    #[nested]
    second: Option<Optimizer>,
    #[name = "renamed"]
    #[uniform(0.0..=1.0)]
    original: f64,
}

fn draw(seed: u64) -> Everything {
    Everything::draw(Key::new(seed)).unwrap()
}

/// A configuration is accepted, and comes back the same from its coordinates, from files and from names and
/// values.
pub(crate) fn every_way<H: SearchSpace + PartialEq + std::fmt::Debug>(hparams: &H) {
    hparams.check().unwrap();
    assert_eq!(H::decode(&hparams.encode()).unwrap(), *hparams);
    comes_back(hparams);
}

/// The same without coordinates, which have 53 bits.
pub(crate) fn comes_back<H: SearchSpace + PartialEq + std::fmt::Debug>(hparams: &H) {
    hparams.check().unwrap();
    let text = ron::to_string(hparams).unwrap();
    assert_eq!(ron::from_str::<H>(&text).unwrap(), *hparams, "{text}");
    let text = serde_json::to_string(hparams).unwrap();
    assert_eq!(serde_json::from_str::<H>(&text).unwrap(), *hparams, "{text}");
    let values = hparams.values();
    let text = ron::to_string(&values).unwrap();
    assert_eq!(ron::from_str::<Vec<(String, Value)>>(&text).unwrap(), values, "{text}");
    #[cfg(feature = "interop")]
    {
        assert_eq!(hobbit::space::from_values::<H>(&values).unwrap(), *hparams);
        let texts = values.into_iter().map(|(name, value)| (name, Value::Text(value.to_string())));
        assert_eq!(hobbit::space::from_values::<H>(&texts.collect::<Vec<_>>()).unwrap(), *hparams);
    }
}

#[test]
fn ten_thousand_draws_stay_in_their_domains_and_are_decoded_and_read_back() {
    let parameters = Everything::space().parameters().len();
    for seed in 0..10_000 {
        let drawn = draw(seed);
        drawn.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(drawn.width >= usize::from(drawn.depth) && !(drawn.switch && drawn.rare));
        assert_eq!((drawn.seven, drawn.double), (7, 2 * drawn.width));
        let encoded = drawn.encode();
        assert_eq!(encoded.len(), parameters);
        assert!(encoded.iter().flatten().all(|unit| (0.0..1.0).contains(unit)), "{encoded:?}");
        let mut decoded = Everything::decode(&encoded).unwrap();
        // there are more numbers of 64 bits than coordinates
        assert!(decoded.huge.abs_diff(drawn.huge) <= 1 << 11);
        decoded.huge = drawn.huge;
        assert_eq!(decoded, drawn, "seed {seed}");
        if seed % 10 == 0 {
            let text = ron::to_string(&drawn).unwrap();
            assert_eq!(ron::from_str::<Everything>(&text).unwrap(), drawn, "{text}");
            assert!(text.contains("renamed:") && !text.contains("original"));
        }
    }
}

/// What exists in a configuration is what its values and coordinates have.
#[test]
fn conditions_say_what_exists() {
    let space = Everything::space();
    for seed in 0..500 {
        let drawn = draw(seed);
        let values: BTreeMap<_, _> = drawn.values().into_iter().collect();
        for (parameter, unit) in space.parameters().iter().zip(drawn.encode()) {
            let holds = parameter.conditions().iter().all(|condition| match condition {
                Condition::Is { parameter, value } => values.get(parameter) == Some(value),
                Condition::Above { parameter, than } => {
                    matches!(values.get(parameter), Some(Value::Int(value)) if value > than)
                }
                other => panic!("{other:?}"),
            });
            assert_eq!(values.contains_key(parameter.name()), holds, "{}", parameter.name());
            assert_eq!(unit.is_some(), holds, "{}", parameter.name());
        }
        let branch = match &drawn.optimizer {
            Optimizer::Sgd { .. } => "optimizer.Sgd.momentum",
            Optimizer::Adam { .. } => "optimizer.Adam.lr",
            Optimizer::Plain => "optimizer.kind",
        };
        assert!(values.contains_key(branch));
    }
}

#[test]
fn drawing_is_the_same_everywhere() {
    let drawn = draw(1);
    assert_eq!(ron::to_string(&drawn).unwrap(), include_str!("../data/drawn_1.ron").trim_end());
}

#[test]
fn a_space_is_data() {
    let space = Everything::space();
    let text = ron::to_string(&space).unwrap();
    assert_eq!(ron::from_str::<hobbit::space::Space>(&text).unwrap(), space);
    assert_eq!(space.name(), "Everything");
    assert_eq!(space.parameters()[0].description(), "A share.");
    assert_eq!(*space.parameters()[0].domain(), Domain::Uniform { low: 0.5, high: 1.5, step: None });
    let shown = space.to_string();
    for part in [
        "optimizer.Sgd.momentum",
        "optimizer.kind is Sgd",
        "layers.len is above 2",
        "weight 3",
        "Gamma",
        "renamed",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(space.differences(&space).is_empty());
    assert!(!space.differences(&Optimizer::space()).is_empty());
}

#[test]
fn values_outside_their_domains_are_named() {
    type Change = fn(&mut Everything);
    let changes: [(&str, Change); 12] = [
        ("`share`", |e| e.share = 2.0),
        ("`stepped`", |e| e.stepped = 0.3),
        ("`rate`", |e| e.rate = f64::NAN),
        ("`truncated`", |e| e.truncated = -1.5),
        ("`width`", |e| e.width = 65),
        ("`depth`", |e| e.depth = 2),
        ("`text`", |e| e.text = "rmsprop".to_owned()),
        ("`seven`", |e| e.seven = 8),
        ("`double`", |e| e.double += 1),
        ("`layers`", |e| e.layers.clear()),
        ("`corners.2`", |e| e.corners[2] = -0.1),
        ("in `optimizer`: `Adam.lr`", |e| e.optimizer = Optimizer::Adam { lr: 1.0 }),
    ];
    for (name, change) in changes {
        let mut drawn = draw(3);
        change(&mut drawn);
        let error = drawn.check().unwrap_err().to_string();
        assert!(error.contains(name), "{name} is not in {error}");
    }
    let mut drawn = draw(3);
    (drawn.width, drawn.double, drawn.depth) = (1, 2, 9);
    assert!(drawn.check().unwrap_err().to_string().contains("wide enough for its depth"));
    assert!(Everything::decode(&[]).unwrap_err().to_string().contains("`share` is missing"));
    let mut encoded = draw(3).encode();
    encoded[0] = Some(1.0);
    assert!(Everything::decode(&encoded).unwrap_err().to_string().contains("[0, 1)"));
}

#[derive(Debug)]
#[search_space]
#[constraint(a > 2.0, "more than there is")]
struct Impossible {
    #[uniform(0.0..=1.0)]
    a: f64,
}

#[derive(Debug)]
#[search_space]
struct BadDistribution {
    #[distribution(rand_distr::Normal::new(0.0, f64::NAN)?)]
    a: f64,
}

#[test]
fn spaces_that_cannot_be_drawn_from_are_errors() {
    let error = Impossible::draw(Key::new(1)).unwrap_err().to_string();
    assert!(error.contains("`Impossible`") && error.contains("more than there is"), "{error}");
    let error = BadDistribution::draw(Key::new(1)).unwrap_err().to_string();
    assert!(error.contains("`a`"), "{error}");
}

#[search_space]
struct WithDefaults {
    #[log_uniform(1e-4..=1.0)]
    #[default = 0.01]
    rate: f64,
    #[choice("a", "b")]
    #[default = "b"]
    text: String,
    #[derived(rate / 2.0)]
    half: f64,
}

#[test]
fn defaults_are_a_configuration_or_an_error_that_names_what_is_missing() {
    let defaults = WithDefaults::defaults().unwrap();
    assert_eq!((defaults.rate, defaults.text.as_str(), defaults.half), (0.01, "b", 0.005));
    let error = Everything::defaults().unwrap_err().to_string();
    assert!(error.contains("`share`") && !error.contains("`offset`"), "{error}");
}

/// Other fields do not change what a field draws.
#[test]
fn fields_draw_by_their_names() {
    #[search_space]
    struct One {
        #[uniform(0.0..=1.0)]
        a: f64,
    }
    #[search_space]
    struct Two {
        #[int(1..=3)]
        b: u8,
        #[uniform(0.0..=1.0)]
        a: f64,
    }
    for seed in 0..100 {
        let (one, two) = (One::draw(Key::new(seed)).unwrap(), Two::draw(Key::new(seed)).unwrap());
        assert_eq!(one.a, two.a);
        assert!((1..=3).contains(&two.b));
    }
}

/// Generic spaces, whatever their names are shadowed by.
mod shadowed {
    #![allow(dead_code, non_camel_case_types)]

    struct Result;
    struct Option;
    struct Vec;
    struct String;
    mod std {}
    mod core {}
    mod serde {}

    #[hobbit::search_space]
    pub(crate) struct Generic<T: hobbit::SearchSpace> {
        #[nested]
        pub(crate) inner: T,
        #[optional(0.5)]
        #[uniform(0.0..=1.0)]
        pub(crate) maybe: ::std::option::Option<f64>,
    }
}

#[test]
fn generic_spaces_work_where_names_are_shadowed() {
    let drawn = shadowed::Generic::<Optimizer>::draw(Key::new(2)).unwrap();
    drawn.check().unwrap();
    let names: Vec<_> = drawn.values().into_iter().map(|(name, _)| name).collect();
    assert!(
        names.contains(&"inner.kind".to_owned()) && names.contains(&"maybe.some".to_owned()),
        "{names:?}"
    );
    let _: &Optimizer = &drawn.inner;
    assert!(drawn.maybe.is_none_or(|value| value < 1.0));
}

proptest! {
    /// Any point of the cube is a configuration, or breaks a constraint.
    #[test]
    fn any_point_is_decoded(units in proptest::collection::vec(0.0..1.0f64, 64)) {
        let width = Optimizer::space().parameters().len();
        let point: Vec<_> = units[..width].iter().copied().map(Some).collect();
        let decoded = Optimizer::decode(&point).unwrap();
        decoded.check().unwrap();
        prop_assert_eq!(Optimizer::decode(&decoded.encode()).unwrap(), decoded);
    }
}

/// The largest distance between the distribution of draws and the function it should be (Kolmogorov and
/// Smirnov).
fn distance(mut draws: Vec<f64>, below: impl Fn(f64) -> f64) -> f64 {
    draws.sort_by(f64::total_cmp);
    let n = draws.len() as f64;
    let at =
        |(i, &x): (usize, &f64)| (below(x) - i as f64 / n).abs().max((below(x) - (i + 1) as f64 / n).abs());
    draws.iter().enumerate().map(at).fold(0.0, f64::max)
}

fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[test]
fn draws_are_distributed_as_they_should_be() {
    let draws: Vec<Everything> = (0..20_000).map(|seed| draw(seed + 1_000_000)).collect();
    // the 0.999 quantile for so many draws
    let most = 1.95 / (draws.len() as f64).sqrt();
    let check = |name: &str, of: fn(&Everything) -> f64, below: fn(f64) -> f64| {
        let found = distance(draws.iter().map(of).collect(), below);
        assert!(found < most, "{name}: {found} > {most}");
    };
    check("uniform", |e| e.share, |x| x - 0.5);
    check("log-uniform", |e| e.rate, |x| (x.ln() - 1e-6f64.ln()) / (1e3f64.ln() - 1e-6f64.ln()));
    check("normal", |e| e.normal, |x| normal_below((x - 2.0) / 0.5));
    check("log-normal", |e| f64::from(e.log_normal), |x| normal_below(x.ln()));
    check(
        "truncated",
        |e| e.truncated,
        |x| (normal_below(x) - normal_below(-1.0)) / (normal_below(2.0) - normal_below(-1.0)),
    );
    check("gamma", |e| e.gamma, |x| 1.0 - (1.0 + 2.0 * x) * (-2.0 * x).exp());
    check("array", |e| e.corners[1], |x| x);

    // chi-squared, against its 0.999 quantile
    let fits = |name: &str, of: fn(&Everything) -> usize, shares: &[f64], quantile: f64| {
        let mut counts = vec![0.0; shares.len()];
        draws.iter().for_each(|e| counts[of(e)] += 1.0);
        let n = draws.len() as f64;
        let chi: f64 = counts.iter().zip(shares).map(|(c, s)| (c - n * s) * (c - n * s) / (n * s)).sum();
        assert!(chi < quantile, "{name}: {chi}, {counts:?}");
    };
    fits("stepped", |e| ((e.stepped + 1.0) / 0.25) as usize, &[1.0 / 9.0; 9], 26.1);
    fits("int", |e| (e.offset + 5) as usize, &[1.0 / 11.0; 11], 29.6);
    fits("choice", |e| usize::from(e.text == "sgd"), &[0.75, 0.25], 10.8);
    fits(
        "variants",
        |e| match e.optimizer {
            Optimizer::Sgd { .. } => 0,
            Optimizer::Adam { .. } => 1,
            Optimizer::Plain => 2,
        },
        &[0.2, 0.6, 0.2],
        13.8,
    );
    fits("optional", |e| usize::from(e.dropout.is_some()), &[0.5, 0.5], 10.8);
    fits("length", |e| e.layers.len() - 1, &[0.25; 4], 16.3);
    // each number has the interval of half a step to both sides of it
    let above = (4096.5f64 / 64.5).ln() / (4096.5f64 / 0.5).ln();
    fits("log int", |e| usize::from(e.batch > 64), &[1.0 - above, above], 10.8);
}

/// Ranges of an enum's variants.
mod ranges {
    use hobbit::space::{Domain, Value};
    use hobbit::{Key, SearchSpace, search_space};

    #[search_space]
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Size {
        Tiny,
        Small,
        Medium,
        Large,
    }

    #[search_space]
    struct Sizes {
        #[choice(Size::Small..=Size::Large)]
        closed: Size,
        #[choice(Size::Tiny..Size::Medium)]
        open: Size,
    }

    #[test]
    fn all_variants_of_a_range_are_drawn_and_no_others() {
        let mut counts = [[0u32; 4]; 2];
        for seed in 0..9000 {
            let sizes = Sizes::draw(Key::new(seed)).unwrap();
            sizes.check().unwrap();
            counts[0][sizes.closed as usize] += 1;
            counts[1][sizes.open as usize] += 1;
            let again = Sizes::decode(&sizes.encode()).unwrap();
            assert_eq!((again.closed, again.open), (sizes.closed, sizes.open));
        }
        assert_eq!((counts[0][0], counts[1][2], counts[1][3]), (0, 0, 0));
        assert!(counts[0][1..].iter().all(|count| count.abs_diff(3000) < 200), "{counts:?}");
        assert!(counts[1][..2].iter().all(|count| count.abs_diff(4500) < 200), "{counts:?}");
        let space = Sizes::space();
        let names = ["Small", "Medium", "Large"].map(|name| Value::Text(name.to_owned()));
        let options = Domain::Choice { options: names.to_vec(), weights: Vec::new() };
        assert_eq!(space.parameters()[0].domain(), &options);
        let error = Sizes { closed: Size::Tiny, open: Size::Tiny }.check().unwrap_err().to_string();
        assert!(error.contains("closed"), "{error}");
    }
}

/// A name that is no identifier of Rust is one of RON all the same.
#[test]
fn a_name_with_a_hyphen_is_written_and_read() {
    #[search_space]
    #[derive(Debug, PartialEq)]
    struct Hparams {
        #[name = "learning-rate"]
        #[uniform(0.0..=1.0)]
        learning_rate: f64,
        #[name = "2nd"]
        #[int(1..=9)]
        second: u8,
    }
    let drawn = Hparams::draw(Key::new(1)).unwrap();
    assert_eq!(drawn.values()[0].0, "learning-rate");
    let text = ron::to_string(&drawn).unwrap();
    assert_eq!(ron::from_str::<Hparams>(&text).unwrap(), drawn, "{text}");
}
