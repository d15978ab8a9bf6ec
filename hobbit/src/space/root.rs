//! A search space as a study has it: as it is declared, or narrowed. The one place where that is told apart.
//!
//! A narrowed space has the same parameters, with coordinates of its own: a coordinate of the narrowed domain
//! stands for a value, and that for a coordinate of the declared one.

use std::sync::Arc;

use super::SearchSpace;
use super::describe::{Domain, Space};
use super::field::{decode_exactly, scaled_key};
use super::narrowing::Narrowing;
use super::outside::{number, whole};
use super::scalar::{LAST, STEPS};
use super::tree::Tree;
use super::value::Value;
use crate::error::{Error, Result};
use crate::random::Key;

/// How often a configuration of a narrowed space is drawn before it is said that there is none.
const ATTEMPTS: u64 = 10_000;

/// The search space of a study: nothing in it is the space as it is declared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root(Option<Arc<Narrowed>>);

#[derive(Debug)]
struct Narrowed {
    space: Space,
    tree: Tree,
    /// The domains as they are declared, of those parameters that are narrowed.
    declared: Vec<Option<Domain>>,
}

impl Root {
    /// The space of `H` with what is left of it.
    ///
    /// # Errors
    /// As [`Narrowing::space`].
    pub(crate) fn new<H: SearchSpace>(narrowing: &Narrowing) -> Result<Root> {
        if narrowing.is_empty() { Ok(Root::default()) } else { Root::between::<H>(narrowing.space::<H>()?) }
    }

    /// The space of `H` as it is in a repository; nothing if that is no part of it.
    pub(crate) fn recorded<H: SearchSpace>(recorded: &Space) -> Result<Option<Root>> {
        let mut space = H::space();
        for parameter in space.parameters_mut() {
            let theirs = recorded.parameters().iter().find(|theirs| theirs.name() == parameter.name());
            let theirs = theirs.map(|theirs| theirs.domain());
            if let Some(theirs) = theirs.filter(|theirs| theirs.is_part_of(parameter.domain())) {
                parameter.set_domain(theirs.clone());
            }
        }
        if !space.differences(recorded).is_empty() {
            return Ok(None);
        }
        Root::between::<H>(space).map(Some)
    }

    fn between<H: SearchSpace>(space: Space) -> Result<Root> {
        let declared = H::space();
        let pairs = declared.parameters().iter().zip(space.parameters());
        let domain = |domain: &Domain, narrowed: &Domain| (domain != narrowed).then(|| domain.clone());
        let declared: Vec<_> = pairs.map(|(from, to)| domain(from.domain(), to.domain())).collect();
        if declared.iter().all(Option::is_none) {
            return Ok(Root::default());
        }
        let tree = space.tree()?;
        Ok(Root(Some(Arc::new(Narrowed { space, tree, declared }))))
    }

    /// The parameters, as data.
    pub(crate) fn space<H: SearchSpace>(&self) -> Space {
        self.0.as_ref().map_or_else(H::space, |narrowed| narrowed.space.clone())
    }

    /// See [`SearchSpace::draw`].
    pub(crate) fn draw<H: SearchSpace>(&self, key: Key) -> Result<H> {
        self.0.as_ref().map_or_else(|| H::draw(key), |narrowed| narrowed.draw(key))
    }

    /// See [`SearchSpace::decode`].
    pub(crate) fn decode<H: SearchSpace>(&self, coordinates: &[Option<f64>]) -> Result<H> {
        self.0.as_ref().map_or_else(|| H::decode(coordinates), |narrowed| narrowed.decode(coordinates))
    }

    /// See [`SearchSpace::encode`].
    pub(crate) fn encode<H: SearchSpace>(&self, hparams: &H) -> Vec<Option<f64>> {
        self.0.as_ref().map_or_else(|| hparams.encode(), |narrowed| narrowed.encode(hparams))
    }

    /// See [`SearchSpace::check`].
    pub(crate) fn check<H: SearchSpace>(&self, hparams: &H) -> Result<()> {
        hparams.check()?;
        self.0.as_ref().map_or(Ok(()), |narrowed| narrowed.check(hparams))
    }
}

impl Narrowing {
    /// Whether every value of a configuration is in its domain and in what is left of it, and every constraint
    /// holds.
    ///
    /// # Errors
    /// The first value that is not, with its field and what is allowed; or as [`space`](Narrowing::space).
    pub fn check<H: SearchSpace>(&self, hparams: &H) -> Result<()> {
        Root::new::<H>(self)?.check(hparams)
    }
}

impl Narrowed {
    /// Each parameter that exists is drawn from a key of its own, made of its name.
    fn draw<H: SearchSpace>(&self, key: Key) -> Result<H> {
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            let key = scaled_key(key, attempt);
            let mut coordinates = Vec::with_capacity(self.declared.len());
            for (place, parameter) in self.space.parameters().iter().enumerate() {
                let unit = match self.tree.is_active(place, &coordinates) {
                    false => None,
                    true if parameter.domain().is_uniform_in_the_cube() => {
                        Some(named(key, parameter.name()).rng().unit())
                    }
                    true => Some(declared_unit::<H>(key, place, parameter.name())?),
                };
                coordinates.push(unit);
            }
            let drawn: Result<H> = self.decode(&coordinates);
            match drawn.and_then(|drawn| self.check(&drawn).map(|()| drawn)) {
                Ok(drawn) => return Ok(drawn),
                // a constraint
                Err(error) => last = Some(error),
            }
        }
        let why = last.map_or(String::new(), |error| error.to_string());
        Err(Error::space(format!(
            "almost no configuration of `{}` is left as it was narrowed: {ATTEMPTS} were drawn in vain, the last one because {why}",
            self.space.name()
        )))
    }

    fn decode<H: SearchSpace>(&self, coordinates: &[Option<f64>]) -> Result<H> {
        let mut whole_numbers = Vec::new();
        let mut placed = coordinates.to_vec();
        for (place, declared) in self.declared.iter().enumerate() {
            if let (Some(declared), Some(Some(unit))) = (declared, placed.get_mut(place))
                && (0.0..1.0).contains(unit)
            {
                let narrowed = self.space.parameters()[place].domain();
                let value = narrowed.ask(|kind| kind.value_at(*unit));
                *unit = within(declared, narrowed, &value).ok_or_else(|| self.beside(place, &value))?;
                let exact = declared.ask(|kind| kind.is_exact());
                whole_numbers.extend(whole(&value).filter(|_| exact).map(|whole| (place, whole)));
            }
        }
        decode_exactly(&placed, &whole_numbers)
    }

    fn encode<H: SearchSpace>(&self, hparams: &H) -> Vec<Option<f64>> {
        let mut coordinates = hparams.encode();
        let values = hparams.values();
        for (place, _) in self.declared.iter().enumerate().filter(|(_, declared)| declared.is_some()) {
            let parameter = &self.space.parameters()[place];
            let value = values.iter().find(|(name, _)| name == parameter.name());
            if let (Some(Some(unit)), Some((_, value))) = (coordinates.get_mut(place), value)
                && let Some((placed, _)) = parameter.domain().ask(|kind| kind.placed(value))
            {
                *unit = placed;
            }
        }
        coordinates
    }

    fn check<H: SearchSpace>(&self, hparams: &H) -> Result<()> {
        let values = hparams.values();
        for (place, _) in self.declared.iter().enumerate().filter(|(_, declared)| declared.is_some()) {
            let parameter = &self.space.parameters()[place];
            if let Some((_, value)) = values.iter().find(|(name, _)| name == parameter.name())
                && parameter.domain().ask(|kind| kind.placed(value)).is_none()
            {
                return Err(self.beside(place, value));
            }
        }
        Ok(())
    }

    fn beside(&self, place: usize, value: &Value) -> Error {
        let parameter = &self.space.parameters()[place];
        Error::space(format!(
            "`{}` is {value}; it has to be {}, to which it is narrowed",
            parameter.name(),
            parameter.domain()
        ))
    }
}

/// The key of a parameter with this name.
fn named(key: Key, name: &str) -> Key {
    name.bytes().fold(key, |key, byte| key.child(byte.into())).child(u64::MAX)
}

/// A coordinate of a parameter that only its space can draw: that of a configuration in which it exists.
fn declared_unit<H: SearchSpace>(key: Key, place: usize, name: &str) -> Result<f64> {
    for attempt in 0..ATTEMPTS {
        let drawn = H::draw(named(key, name).child(attempt))?.encode();
        if let Some(Some(unit)) = drawn.get(place) {
            return Ok(*unit);
        }
    }
    Err(Error::space(format!("`{name}` was drawn {ATTEMPTS} times in vain: it nearly never exists")))
}

/// The coordinate of a domain that stands for a value of a narrower one, and for no value beside that, though
/// numbers are rounded.
fn within(declared: &Domain, narrowed: &Domain, value: &Value) -> Option<f64> {
    let (mut unit, _) = declared.ask(|kind| kind.placed(value))?;
    let (Domain::Uniform { low, high, .. }
    | Domain::LogUniform { low, high, .. }
    | Domain::Normal { low, high, .. }) = narrowed
    else {
        return Some(unit);
    };
    // a few steps are enough wherever the quantile is not flat
    for _ in 0..64 {
        let value = number(&declared.ask(|kind| kind.value_at(unit)))?;
        let step = 1.0 / STEPS as f64;
        unit = match () {
            () if value > *high => (unit - step).max(0.0),
            () if value < *low => (unit + step).min(LAST),
            () => break,
        };
    }
    Some(unit)
}
