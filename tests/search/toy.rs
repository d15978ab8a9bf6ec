//! A sampler that learns: around the best configuration so far, closer and closer, and away from what is
//! under way.

use hobbit::BoxError;
use hobbit::search::{Draw, Point, Proposal, Sampler};
use hobbit::space::Value;

/// Draws the first ones at random, and one of `chance` later ones.
#[derive(Debug, Clone)]
pub(crate) struct NearBest {
    pub(crate) start: usize,
    pub(crate) chance: u64,
    pub(crate) version: u32,
}

impl Default for NearBest {
    fn default() -> Self {
        NearBest { start: 3, chance: 5, version: 1 }
    }
}

impl Sampler for NearBest {
    fn name(&self) -> &str {
        "near best"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn settings(&self) -> Vec<(String, Value)> {
        vec![
            ("start".to_owned(), Value::Int(self.start as i64)),
            ("chance".to_owned(), Value::Int(self.chance as i64)),
        ]
    }

    fn propose(&self, at: &Draw<'_>) -> Result<Proposal, BoxError> {
        if at.seen.len() < self.start || at.key.child(1).rng().below(self.chance) == 0 {
            return Ok(Proposal::Prior);
        }
        let healthy = at.seen.iter().filter(|outcome| outcome.score.is_some());
        let Some(best) = healthy.min_by(|a, b| a.compare(b, at.direction)) else {
            return Ok(Proposal::Prior);
        };
        let (space, tree) = (at.space, at.space.tree()?);
        // where numbers are from a distribution, those drawn at random say where they may be
        let random = at.prior(at.key.child(2))?;
        let away = at.pending.iter().flat_map(|point| point.iter().flatten()).sum::<f64>() * 1e-3;
        let width = 0.5 / (1.0 + at.seen.len() as f64 / 4.0);
        let mut coordinates = Vec::new();
        for (place, parameter) in space.parameters().iter().enumerate() {
            if !tree.is_active(place, &coordinates) {
                coordinates.push(None);
                continue;
            }
            let mut rng = at.key.child(3).child(place as u64).rng();
            let unit = match best.point[place] {
                _ if !parameter.domain().is_uniform_in_the_cube() => {
                    best.point[place].or(random[place]).unwrap_or(0.5)
                }
                Some(center) if parameter.domain().is_categorical() && rng.below(4) > 0 => center,
                Some(center) if !parameter.domain().is_categorical() => {
                    (center + width * (rng.unit() - 0.5) + away).rem_euclid(1.0)
                }
                _ => rng.unit(),
            };
            coordinates.push(Some(unit.min(1.0 - f64::EPSILON)));
        }
        Ok(Proposal::Point(Point::new(coordinates)))
    }
}
