//! What a sampler can know of a space: which parameters exist, and which coordinates stand for the same
//! value.

use hobbit::search::Point;
use hobbit::space::Value;
use hobbit::{Key, SearchSpace, search_space};

use crate::space::{Everything, Optimizer};

/// Lists of optional branches, deep down.
#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Deep {
    #[length(0..=3)]
    #[nested]
    optimizers: Vec<Optimizer>,
    #[optional(0.5)]
    #[nested]
    inner: Option<Inner>,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[constraint(layers.len() > 1 || low < 0.9, "one layer is for low ones")]
struct Inner {
    #[length(1..=2)]
    #[int(1..=100, log)]
    layers: Vec<u32>,
    #[uniform(0.0..=1.0, step = 0.1)]
    low: f32,
}

/// What is drawn has exactly the coordinates that the tree says, and so has what is made in its order.
fn follows_the_tree<H: SearchSpace + PartialEq + std::fmt::Debug>() {
    let space = H::space();
    let tree = space.tree().unwrap();
    let (mut decoded, mut broken) = (0, 0);
    for seed in 0..1000 {
        let drawn = H::draw(Key::new(seed)).unwrap().encode();
        assert!(tree.fits(&drawn), "{drawn:?}");
        let mut rng = Key::new(seed).child(1).rng();
        let mut coordinates = Vec::new();
        for (place, (parameter, drawn)) in space.parameters().iter().zip(&drawn).enumerate() {
            assert!(tree.parents(place).all(|parent| parent < place));
            let unit = rng.unit();
            // a number that is drawn from a distribution is not uniform
            let is_uniform = parameter.domain().is_uniform_in_the_cube();
            let unit = if is_uniform { unit } else { drawn.unwrap_or(unit) };
            coordinates.push(tree.is_active(place, &coordinates).then_some(unit));
        }
        assert!(tree.fits(&coordinates));
        match H::decode(&coordinates) {
            Ok(made) => {
                let own = made.encode();
                assert!(tree.fits(&own));
                assert_eq!(H::decode(&own).unwrap(), made);
                assert_eq!(H::decode(&own).unwrap().encode(), own);
                same_cells::<H>(&coordinates, &own);
                decoded += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("constraint"), "{error}");
                broken += 1;
            }
        }
        if let Some(active) = coordinates.iter().position(Option::is_some) {
            coordinates[active] = None;
            assert!(!tree.fits(&coordinates) && H::decode(&coordinates).is_err());
        }
    }
    assert!(decoded > 100, "{decoded} decoded, {broken} broke a constraint");
}

/// Equal values have coordinates in the same cell.
fn same_cells<H: SearchSpace>(a: &[Option<f64>], b: &[Option<f64>]) {
    for ((parameter, a), b) in H::space().parameters().iter().zip(a).zip(b) {
        if let (Some(cells), Some(a), Some(b)) = (parameter.domain().cells(), a, b) {
            assert_eq!(cells.place(*a), cells.place(*b), "{}: {a} and {b}", parameter.name());
        }
    }
}

#[test]
fn the_tree_says_what_exists_and_cells_what_is_equal() {
    follows_the_tree::<Optimizer>();
    follows_the_tree::<Deep>();
    follows_the_tree::<Everything>();
}

#[test]
fn the_middle_of_a_cell_is_its_option() {
    let space = Optimizer::space();
    assert_eq!(space.position("Sgd.momentum"), Some(2));
    assert_eq!(space.position("momentum"), None);
    let cells = space.parameters()[0].domain().cells().unwrap();
    for (place, name) in ["Sgd", "Adam", "Plain"].into_iter().enumerate() {
        let interval = cells.interval(place as u64);
        let unit = (interval.start + interval.end) / 2.0;
        let tree = space.tree().unwrap();
        let mut coordinates = vec![Some(unit)];
        for place in 1..space.parameters().len() {
            coordinates.push(tree.is_active(place, &coordinates).then_some(0.5));
        }
        let values = Optimizer::decode(&coordinates).unwrap().values();
        assert_eq!(values[0].1, Value::Text(name.to_owned()));
    }
}

#[test]
fn a_point_of_any_configuration_is_written_and_read_as_the_same_bits() {
    for seed in 0..200 {
        let point = Point::new(Everything::draw(Key::new(seed)).unwrap().encode());
        let read: Point = ron::from_str(&ron::to_string(&point).unwrap()).unwrap();
        let bits = |point: &Point| point.iter().map(|unit| unit.map(f64::to_bits)).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(&point));
    }
}
