//! Densities over the unit cube, made of kernels around configurations.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::correlation::Correlations;
use super::kernels::{Dimension, Weighted, log_norm, log_share, mass, near, probability, spread, widths};
use crate::random::Key;
use crate::search::Point;
use crate::space::{Cells, Tree};

/// A kernel around each of some configurations, and the space's own distribution.
pub(super) struct Mixture<'a> {
    points: Vec<&'a Point>,
    dimensions: &'a [Dimension],
    columns: Vec<Column>,
    correlations: Correlations,
    /// The weights of the kernels, which with that of the space's own distribution make 1.
    weights: Vec<f64>,
    log_weights: Vec<f64>,
    /// The logarithm of the weight of the space's own distribution.
    log_prior: f64,
    /// The logarithms of the kernels of values that can be counted, by dimension and value.
    counted: RefCell<BTreeMap<(usize, u64), Vec<f64>>>,
}

/// The kernels along one dimension, in arrays, since a proposal goes over them thousands of times.
struct Column {
    centers: Vec<f64>,
    widths: Vec<f64>,
    /// The widths' inverses; 0 for a configuration without the parameter, whose kernel is 1 everywhere.
    sharpness: Vec<f64>,
    /// See [`log_norm`]; 0 for a configuration without the parameter.
    norms: Vec<f64>,
    /// Where values are in an order, what of each kernel is within the range.
    masses: Vec<f64>,
}

impl Column {
    fn new(points: &[Weighted<'_>], place: usize, dimension: &Dimension, narrowest: f64) -> Column {
        let n = points.len();
        let mut column = Column {
            centers: vec![0.0; n],
            widths: vec![1.0; n],
            sharpness: vec![0.0; n],
            norms: vec![0.0; n],
            masses: vec![1.0; n],
        };
        let present = points.iter().enumerate().filter_map(|(i, (point, _))| Some((i, point[place]?)));
        let (places, units): (Vec<usize>, Vec<f64>) = present.unzip();
        for ((i, center), width) in places.into_iter().zip(&units).zip(widths(&units, narrowest)) {
            column.centers[i] = *center;
            column.widths[i] = width;
            match dimension {
                Dimension::Real(_) => {
                    column.sharpness[i] = 1.0 / width;
                    column.norms[i] = log_norm(*center, width);
                }
                Dimension::Steps(_) => column.masses[i] = mass(*center, width, &(0.0..1.0)),
                Dimension::Options(_) | Dimension::Unknown => {}
            }
        }
        column
    }
}

impl<'a> Mixture<'a> {
    /// `prior` is the weight of the space's own distribution, where the kernels have 1 each on the average.
    pub(super) fn new(
        points: &[Weighted<'a>],
        dimensions: &'a [Dimension],
        narrowest: f64,
        prior: f64,
    ) -> Mixture<'a> {
        let column = |(place, dimension)| Column::new(points, place, dimension, narrowest);
        let columns = dimensions.iter().enumerate().map(column).collect();
        let kernels: f64 = points.iter().map(|(_, weight)| weight).sum();
        let prior = prior * kernels / points.len() as f64;
        let weights: Vec<f64> = points.iter().map(|(_, weight)| weight / (kernels + prior)).collect();
        Mixture {
            points: points.iter().map(|(point, _)| *point).collect(),
            dimensions,
            columns,
            correlations: Correlations::none(points.len()),
            log_weights: weights.iter().map(|weight| libm::log(*weight)).collect(),
            weights,
            log_prior: libm::log(prior / (kernels + prior)),
            counted: RefCell::new(BTreeMap::new()),
        }
    }

    /// The same with kernels that lie along the line, if the configurations lie along one.
    pub(super) fn correlated(mut self, points: &[Weighted<'_>]) -> Mixture<'a> {
        self.correlations = Correlations::new(points, self.dimensions);
        self
    }

    /// The configuration whose kernel a number in `[0, 1)` falls on; nothing for the space's own
    /// distribution.
    fn component(&self, unit: f64) -> Option<usize> {
        let mut sum = 0.0;
        self.weights.iter().position(|weight| {
            sum += weight;
            unit < sum
        })
    }

    /// A point drawn from the mixture with kernels that are wider by a factor. What the configuration that it
    /// is near to does not have is drawn at random; numbers of a distribution of the user's own are those of
    /// `prior`, for only those that are drawn say where they may be.
    pub(super) fn draw(&self, widening: f64, tree: &Tree, prior: Option<&Point>, key: Key) -> Point {
        let near_to = self.component(key.child(0).rng().unit());
        let mut chain = self.correlations.chain(near_to);
        let mut coordinates: Vec<Option<f64>> = Vec::with_capacity(self.dimensions.len());
        for (place, dimension) in self.dimensions.iter().enumerate() {
            let coordinate = tree.is_active(place, &coordinates).then(|| {
                let mut rng = key.child(1).child(place as u64).rng();
                let center = near_to.and_then(|i| Some((i, self.points[i][place]?)));
                match (center, dimension) {
                    (center, Dimension::Unknown) => prior
                        .and_then(|prior| prior[place])
                        .or(center.map(|(_, unit)| unit))
                        .unwrap_or_else(|| rng.unit()),
                    (None, _) => rng.unit(),
                    (Some((_, center)), Dimension::Options(cells)) => {
                        if rng.unit() < spread(cells, self.points.len()) { rng.unit() } else { center }
                    }
                    (Some((i, center)), dimension) => {
                        let width = widening * self.columns[place].widths[i];
                        match (dimension, &mut chain) {
                            (Dimension::Real(_), Some(chain)) => {
                                chain.coordinate(place, center, width, || rng.unit())
                            }
                            _ => near(center, width, || rng.unit()),
                        }
                    }
                }
            });
            coordinates.push(coordinate);
        }
        Point::new(coordinates)
    }

    /// The logarithm of the density at a point; for values that can be counted, of their probability.
    pub(super) fn log_density(&self, point: &Point) -> f64 {
        let mut sums = self.log_weights.clone();
        for (place, dimension) in self.dimensions.iter().enumerate() {
            let Some(unit) = point[place] else { continue };
            match dimension {
                Dimension::Unknown => {}
                Dimension::Real(_) => self.columns[place].add(unit, &mut sums),
                Dimension::Options(cells) | Dimension::Steps(cells) => {
                    self.add_counted(place, cells.place(unit), cells, &mut sums);
                }
            }
        }
        let scaled = |place: usize, kernel: usize| {
            let Column { centers, sharpness, .. } = &self.columns[place];
            point[place].map_or(0.0, |unit| (unit - centers[kernel]) * sharpness[kernel])
        };
        self.correlations.correct(point, scaled, &mut sums);
        sums.push(self.log_prior(point));
        log_sum(&sums)
    }

    /// What of it is the space's own distribution: no more than [`log_density`](Mixture::log_density), rounded
    /// as it is, and found much sooner.
    pub(super) fn log_prior(&self, point: &Point) -> f64 {
        let mut prior = self.log_prior;
        for (place, dimension) in self.dimensions.iter().enumerate() {
            if let (Some(unit), Dimension::Options(cells) | Dimension::Steps(cells)) =
                (point[place], dimension)
            {
                prior += libm::log(probability(cells, cells.place(unit)));
            }
        }
        prior
    }

    /// Adds the logarithms of the probabilities that kernels give to a value.
    fn add_counted(&self, place: usize, value: u64, cells: &Cells, sums: &mut [f64]) {
        let mut counted = self.counted.borrow_mut();
        let kernels = counted.entry((place, value)).or_insert_with(|| match self.dimensions[place] {
            Dimension::Options(_) => self.option(place, value, cells),
            _ => self.step(place, value, cells),
        });
        sums.iter_mut().zip(&*kernels).for_each(|(sum, kernel)| *sum += kernel);
    }

    /// The logarithms of the probabilities that kernels give to an option.
    fn option(&self, place: usize, option: u64, cells: &Cells) -> Vec<f64> {
        let own = probability(cells, option);
        let spread = spread(cells, self.points.len());
        let kernel = |point: &&Point| match point[place] {
            None => libm::log(own),
            Some(center) => {
                let same = f64::from(u8::from(cells.place(center) == option));
                libm::log((1.0 - spread) * same + spread * own)
            }
        };
        self.points.iter().map(kernel).collect()
    }

    /// The logarithms of the probabilities that kernels give to one of the values in an order.
    fn step(&self, place: usize, value: u64, cells: &Cells) -> Vec<f64> {
        let (own, interval) = (libm::log(probability(cells, value)), cells.interval(value));
        let Column { widths, masses, .. } = &self.columns[place];
        let kernel = |(point, (width, whole)): (&&Point, (&f64, &f64))| match point[place] {
            None => own,
            Some(center) => log_share(mass(center, *width, &interval), *whole),
        };
        self.points.iter().zip(widths.iter().zip(masses)).map(kernel).collect()
    }
}

impl Column {
    /// Adds the logarithms of the kernels' densities at a coordinate.
    fn add(&self, unit: f64, sums: &mut [f64]) {
        let kernels = self.centers.iter().zip(&self.sharpness).zip(&self.norms);
        for (sum, ((center, sharpness), norm)) in sums.iter_mut().zip(kernels) {
            let distance = (unit - center) * sharpness;
            *sum -= 0.5 * distance * distance + norm;
        }
    }
}

/// The logarithm of the sum of what these are the logarithms of.
fn log_sum(logarithms: &[f64]) -> f64 {
    /// What is smaller than the largest by this factor's logarithm changes no bit that matters.
    const FAR: f64 = -40.0;
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let near = logarithms.iter().map(|logarithm| logarithm - largest).filter(|below| *below > FAR);
    largest + libm::log(near.map(libm::exp).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search_space;
    use crate::space::SearchSpace;

    #[search_space]
    #[derive(Debug)]
    enum Branch {
        Left {
            #[uniform(0.0..=1.0)]
            left: f64,
        },
        Middle,
        Right {
            #[int(1..=3)]
            right: u32,
        },
    }

    /// The variant, the parameter of the left one, and that of the right one.
    fn points() -> Vec<Point> {
        let point = |variant: f64, left, right| Point::new([Some((variant + 0.5) / 3.0), left, right]);
        vec![
            point(0.0, Some(0.2), None),
            point(0.0, Some(0.9), None),
            point(1.0, None, None),
            point(2.0, None, Some(0.5)),
        ]
    }

    #[test]
    fn a_mixture_is_a_density_over_all_branches() {
        let space = Branch::space();
        let dimensions = Dimension::all(&space);
        let points = points();
        let weighted: Vec<Weighted<'_>> = points.iter().zip([4.0, 3.0, 2.0, 1.0]).collect();
        let mixture = Mixture::new(&weighted, &dimensions, 0.05, 1.0);
        let density = |variant: f64, left, right| {
            libm::exp(mixture.log_density(&Point::new([Some((variant + 0.5) / 3.0), left, right])))
        };
        let left: f64 = (0..1000).map(|i| density(0.0, Some((f64::from(i) + 0.5) / 1000.0), None)).sum();
        let right: f64 = (0..3).map(|i| density(2.0, None, Some((f64::from(i) + 0.5) / 3.0))).sum();
        let all = left / 1000.0 + density(1.0, None, None) + right;
        assert!((all - 1.0).abs() < 1e-4, "{all}");
    }

    #[test]
    fn draws_are_points_of_the_space_where_the_mixture_has_most() {
        let space = Branch::space();
        let (dimensions, tree) = (Dimension::all(&space), space.tree().unwrap());
        let points = points();
        let mixture = Mixture::new(&[(&points[0], 1.0), (&points[1], 1.0)], &dimensions, 0.05, 0.5);
        let drawn: Vec<Point> = (0..400).map(|seed| mixture.draw(1.0, &tree, None, Key::new(seed))).collect();
        assert!(drawn.iter().all(|point| tree.fits(point)));
        assert!(drawn.iter().all(|point| mixture.log_prior(point) <= mixture.log_density(point)));
        let left = drawn.iter().filter(|point| point[1].is_some()).count();
        // 0.8 of the mixture are kernels, which give the variant 0.4 and a third of 0.6; the space gives it a
        // third
        assert!((180..260).contains(&left), "{left}");
    }
}
