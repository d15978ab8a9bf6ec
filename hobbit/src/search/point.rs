//! Configurations as points of the unit cube.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A configuration as a point of the unit cube: a number in `[0, 1)` for each parameter of the space, in its
/// order; `None` where the parameter does not exist in this configuration.
///
/// Along a coordinate, values are equally likely: that of a logarithmic range is the place of the logarithm,
/// that of a choice with weights gives each option an interval as long as its weight. What a coordinate
/// stands for is told by [`Domain::cells`](crate::space::Domain::cells) where values can be counted.
///
/// A copy shares its numbers with the original. Written to a file, a point reads back as the same bits.
///
/// ```
/// use hobbit::search::Point;
///
/// let point = Point::new([Some(0.1), None]);
/// assert_eq!(point[0], Some(0.1));
/// let text = ron::to_string(&point)?;
/// assert_eq!(text, "[Some(0.1),None]");
/// assert_eq!(ron::from_str::<Point>(&text)?, point);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Point(Arc<[Option<f64>]>);

impl Point {
    /// A point with these coordinates. They are not looked at before the point is decoded.
    pub fn new(coordinates: impl IntoIterator<Item = Option<f64>>) -> Point {
        Point(coordinates.into_iter().collect())
    }
}

impl Deref for Point {
    type Target = [Option<f64>];

    fn deref(&self) -> &[Option<f64>] {
        &self.0
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Point, D::Error> {
        struct Coordinates;
        impl<'de> Visitor<'de> for Coordinates {
            type Value = Point;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a point of the unit cube")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
                let mut coordinates = Vec::new();
                while let Some(coordinate) = seq.next_element::<Option<f64>>()? {
                    if let Some(unit) = coordinate
                        && !(0.0..1.0).contains(&unit)
                    {
                        return Err(A::Error::custom(format!(
                            "a coordinate is {unit}; it has to be in [0, 1)"
                        )));
                    }
                    coordinates.push(coordinate);
                }
                Ok(Point::new(coordinates))
            }
        }
        deserializer.deserialize_seq(Coordinates)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_point_reads_back_as_the_same_bits(
            bits in proptest::collection::vec(proptest::option::of(0u64..0x3ff0_0000_0000_0000), 0..20)
        ) {
            let point = Point::new(bits.into_iter().map(|bits| bits.map(f64::from_bits)));
            let read: Point = ron::from_str(&ron::to_string(&point).unwrap()).unwrap();
            let bits = |point: &Point| point.iter().map(|unit| unit.map(f64::to_bits)).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read), bits(&point));
        }
    }

    #[test]
    fn a_point_outside_of_the_cube_does_not_read() {
        for text in ["[Some(1.0)]", "[Some(-0.5)]", "[Some(NaN)]", "[Some(inf)]", "[Some(0.5)", "[0.5]", "7"]
        {
            assert!(ron::from_str::<Point>(text).is_err(), "{text}");
        }
        let error = ron::from_str::<Point>("[None,Some(1.5)]").unwrap_err().to_string();
        assert!(error.contains("a coordinate is 1.5; it has to be in [0, 1)"), "{error}");
    }
}
