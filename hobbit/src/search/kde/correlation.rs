//! How the coordinates of good configurations go together, so that kernels lie along a line where those do.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::kernels::{Dimension, Weighted, near};
use crate::search::Point;

/// Fewer configurations than this say nothing of a correlation.
const LEAST: usize = 3;

/// The correlations of kernels: one matrix for all configurations that have the same real parameters.
pub(super) struct Correlations {
    groups: Vec<Group>,
    /// The group of each kernel; nothing if its coordinates are independent.
    of: Vec<Option<usize>>,
    /// The factors of the groups' matrices, by group and the parameters that a point has of it.
    factors: RefCell<BTreeMap<(usize, Vec<usize>), Factor>>,
}

/// The configurations that have the same real parameters.
struct Group {
    places: Vec<usize>,
    members: Vec<usize>,
    /// By place and place.
    matrix: BTreeMap<(usize, usize), f64>,
}

/// The lower triangle whose product with its transpose is a part of a correlation matrix (Cholesky), one row
/// for each parameter in turn.
#[derive(Default)]
pub(super) struct Factor {
    places: Vec<usize>,
    rows: Vec<Vec<f64>>,
}

impl Correlations {
    /// Of kernels whose coordinates are independent.
    pub(super) fn none(kernels: usize) -> Correlations {
        Correlations { groups: Vec::new(), of: vec![None; kernels], factors: RefCell::default() }
    }

    /// Of these configurations. What n of them say of d parameters is taken by n / (n + d): the fewer there
    /// are, the nearer the coordinates are to independent ones.
    pub(super) fn new(points: &[Weighted<'_>], dimensions: &[Dimension]) -> Correlations {
        let mut by_places: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (member, (point, _)) in points.iter().enumerate() {
            let is_real =
                |place: &usize| matches!(dimensions[*place], Dimension::Real(_)) && point[*place].is_some();
            by_places.entry((0..dimensions.len()).filter(is_real).collect()).or_default().push(member);
        }
        let mut all = Correlations::none(points.len());
        for (places, members) in by_places {
            if members.len() < LEAST || places.len() < 2 {
                continue;
            }
            members.iter().for_each(|&member| all.of[member] = Some(all.groups.len()));
            let matrix = matrix(points, &places, &members);
            all.groups.push(Group { places, members, matrix });
        }
        all
    }

    /// Corrects the logarithms of the kernels' densities at a point, which are those of independent
    /// coordinates. `scaled` is how far the point is from a kernel's center along a parameter, in widths.
    pub(super) fn correct(&self, point: &Point, scaled: impl Fn(usize, usize) -> f64, sums: &mut [f64]) {
        let mut factors = self.factors.borrow_mut();
        for (number, group) in self.groups.iter().enumerate() {
            let common: Vec<usize> =
                group.places.iter().copied().filter(|&place| point[place].is_some()).collect();
            if common.len() < 2 {
                continue;
            }
            let factor = factors.entry((number, common)).or_insert_with_key(|(_, common)| {
                let mut factor = Factor::default();
                common.iter().for_each(|&place| factor.push(group, place));
                factor
            });
            let log_determinant = libm::log(factor.rows.iter().flat_map(|row| row.last()).product());
            let mut whitened = Vec::with_capacity(factor.places.len());
            for &kernel in &group.members {
                whitened.clear();
                let mut independent = 0.0;
                let mut together = 0.0;
                for (&place, row) in factor.places.iter().zip(&factor.rows) {
                    let distance = scaled(place, kernel);
                    let alone = (distance - shift(row, &whitened)) / row[whitened.len()];
                    independent += distance * distance;
                    together += alone * alone;
                    whitened.push(alone);
                }
                sums[kernel] += 0.5 * (independent - together) - log_determinant;
            }
        }
    }

    /// What a coordinate is drawn by, after those before it.
    pub(super) fn chain(&self, kernel: Option<usize>) -> Option<Chain<'_>> {
        let group = &self.groups[self.of[kernel?]?];
        Some(Chain { group, factor: Factor::default(), whitened: Vec::new() })
    }
}

/// The correlations of weighted configurations along these parameters, by place and place.
fn matrix(points: &[Weighted<'_>], places: &[usize], members: &[usize]) -> BTreeMap<(usize, usize), f64> {
    let of = |place: usize| {
        members.iter().map(move |&member| (points[member].0[place].unwrap_or(0.5), points[member].1))
    };
    let all: f64 = members.iter().map(|&member| points[member].1).sum();
    let squares: f64 = members.iter().map(|&member| points[member].1 * points[member].1).sum();
    // as many as so many equal weights
    let count = all * all / squares;
    let trust = count / (count + places.len() as f64);
    let means: Vec<f64> = places
        .iter()
        .map(|&place| of(place).map(|(unit, weight)| weight * unit).sum::<f64>() / all)
        .collect();
    let moment = |i: usize, j: usize| -> f64 {
        let both = of(places[i]).zip(of(places[j]));
        both.map(|((a, weight), (b, _))| weight * (a - means[i]) * (b - means[j])).sum()
    };
    let mut matrix = BTreeMap::new();
    for (i, &a) in places.iter().enumerate() {
        for (j, &b) in places.iter().enumerate().take(i) {
            let scale = (moment(i, i) * moment(j, j)).sqrt();
            // all at one place: nothing is known
            let correlation = if scale > 0.0 { (moment(i, j) / scale).clamp(-1.0, 1.0) } else { 0.0 };
            matrix.insert((a, b), trust * correlation);
        }
    }
    matrix
}

/// The part of a coordinate that those before it explain.
fn shift(row: &[f64], whitened: &[f64]) -> f64 {
    row.iter().zip(whitened).map(|(factor, alone)| factor * alone).sum()
}

impl Factor {
    /// Goes on with one more parameter, which lies behind the others.
    fn push(&mut self, group: &Group, place: usize) {
        let mut row: Vec<f64> = Vec::with_capacity(self.rows.len() + 1);
        for (&before, other) in self.places.iter().zip(&self.rows) {
            let rest = group.matrix[&(place, before)] - shift(other, &row);
            row.push(rest / other[row.len()]);
        }
        // positive, since independent coordinates have a share
        row.push((1.0 - row.iter().map(|factor| factor * factor).sum::<f64>()).sqrt());
        self.places.push(place);
        self.rows.push(row);
    }
}

/// Draws the coordinates of one point after the other.
pub(super) struct Chain<'a> {
    group: &'a Group,
    factor: Factor,
    whitened: Vec<f64>,
}

impl Chain<'_> {
    /// The next coordinate, from a kernel with this center and width, by uniform numbers.
    pub(super) fn coordinate(
        &mut self,
        place: usize,
        center: f64,
        width: f64,
        uniform: impl FnMut() -> f64,
    ) -> f64 {
        self.factor.push(self.group, place);
        let row = &self.factor.rows[self.whitened.len()];
        let (shift, alone) = (shift(row, &self.whitened), row[self.whitened.len()]);
        let expected = center + width * shift;
        // what the others say does not count where it leads out of the range
        let is_inside = (0.0..1.0).contains(&expected);
        let unit =
            if is_inside { near(expected, width * alone, uniform) } else { near(center, width, uniform) };
        self.whitened.push(((unit - center) / width - shift) / alone);
        unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;
    use crate::search::kde::density::Mixture;
    use crate::search_space;
    use crate::space::SearchSpace;

    #[search_space]
    #[derive(Debug)]
    enum Branch {
        Plain,
        Pair {
            #[uniform(0.0..=1.0)]
            first: f64,
            #[uniform(0.0..=1.0)]
            second: f64,
        },
    }

    /// Of the branch with two parameters; their sum is 1.
    fn on_a_line() -> Vec<Point> {
        let along = [0.3, 0.4, 0.45, 0.5, 0.6, 0.65, 0.7];
        along.map(|first| Point::new([Some(0.75), Some(first), Some(1.0 - first)])).to_vec()
    }

    fn equal(points: &[Point]) -> Vec<Weighted<'_>> {
        points.iter().map(|point| (point, 1.0)).collect()
    }

    #[test]
    fn kernels_lie_along_the_line_of_the_configurations() {
        let space = Branch::space();
        let (dimensions, points) = (Dimension::all(&space), on_a_line());
        let weighted = equal(&points);
        let independent = || Mixture::new(&weighted, &dimensions, 0.1, 0.1);
        let correlated = independent().correlated(&weighted);
        let away = |mixture: &Mixture<'_>| {
            let tree = space.tree().unwrap();
            let drawn = (0..400).map(|seed| mixture.draw(1.0, &tree, None, Key::new(seed)));
            let mut away: Vec<f64> =
                drawn.filter_map(|point| Some((point[1]? + point[2]? - 1.0).abs())).collect();
            away.sort_by(f64::total_cmp);
            away[away.len() / 2]
        };
        assert!(away(&correlated) < 0.7 * away(&independent()));
        let density = |mixture: &Mixture<'_>, first, second| {
            mixture.log_density(&Point::new([Some(0.75), Some(first), Some(second)]))
        };
        let beside = |mixture: &Mixture<'_>| density(mixture, 0.5, 0.5) - density(mixture, 0.6, 0.6);
        assert!(beside(&correlated) > beside(&independent()) + 0.5);
        // what has no pair is as likely as before
        let plain = Point::new([Some(0.25), None, None]);
        assert_eq!(correlated.log_density(&plain), independent().log_density(&plain));
    }

    #[test]
    fn correlated_kernels_are_a_density() {
        let (dimensions, points) = (Dimension::all(&Branch::space()), on_a_line());
        let weighted = equal(&points);
        let mixture = Mixture::new(&weighted, &dimensions, 0.05, 1.0).correlated(&weighted);
        let cells = 100;
        let middle = |i: i32| (f64::from(i) + 0.5) / f64::from(cells);
        let pairs = (0..cells).flat_map(|i| (0..cells).map(move |j| (i, j)));
        let density = |point: [Option<f64>; 3]| libm::exp(mixture.log_density(&Point::new(point)));
        let pairs: f64 = pairs.map(|(i, j)| density([Some(0.75), Some(middle(i)), Some(middle(j))])).sum();
        let all = pairs / f64::from(cells * cells) + density([Some(0.25), None, None]);
        assert!((all - 1.0).abs() < 0.02, "{all}");
    }

    #[test]
    fn a_factor_times_itself_is_the_matrix() {
        let points = [[0.1, 0.2, 0.9], [0.3, 0.5, 0.4], [0.4, 0.3, 0.6], [0.9, 0.7, 0.2]]
            .map(|units| Point::new(units.map(Some)));
        let weighted: Vec<Weighted<'_>> = points.iter().zip([4.0, 3.0, 2.0, 1.0]).collect();
        let places = vec![0, 1, 2];
        let matrix = matrix(&weighted, &places, &[0, 1, 2, 3]);
        let group = Group { places, members: vec![0, 1, 2, 3], matrix };
        let mut factor = Factor::default();
        (0..3).for_each(|place| factor.push(&group, place));
        for (i, row) in factor.rows.iter().enumerate() {
            for (j, other) in factor.rows.iter().enumerate().take(i + 1) {
                let expected = if i == j { 1.0 } else { group.matrix[&(i, j)] };
                assert!((shift(row, other) - expected).abs() < 1e-12, "{i} {j}");
            }
        }
        // the first two rise together, the third falls
        assert!(group.matrix[&(1, 0)] > 0.3 && group.matrix[&(2, 0)] < -0.3, "{:?}", group.matrix);
    }

    #[test]
    fn few_configurations_or_parameters_say_nothing() {
        let (dimensions, points) = (Dimension::all(&Branch::space()), on_a_line());
        assert!(Correlations::new(&equal(&points[..2]), &dimensions).groups.is_empty());
        let same = vec![points[0].clone(); 3];
        let correlations = Correlations::new(&equal(&same), &dimensions);
        assert_eq!(correlations.groups[0].matrix[&(2, 1)], 0.0);
    }
}
