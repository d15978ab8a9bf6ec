//! Narrower ranges for some parameters of a search space, as people write them in arguments and files.

use std::fmt;
use std::str::FromStr;

use super::SearchSpace;
use super::describe::{Domain, Parameter, Space};
use super::wanted::Wanted;
use crate::error::{Error, Result};

/// Parts of the ranges and choices of some parameters. A study that is [narrowed](crate::Hyperband::narrow)
/// by it has no configurations with other values, though its search space allows for them.
///
/// A range is written `0.1..0.5`, with both ends in it, also for whole numbers; `0.1..` and `..0.5` keep the
/// end that was declared, and `0.5` is one value. Options are written one after the other: `adam, sgd`; those
/// of a switch are `true` and `false`. Grids, logarithms and weights stay as they were declared. Values of a
/// [`Distribution`](Domain::Distribution) cannot be narrowed.
///
/// Parameters have the names that [`Space`] shows, dotted where they are nested; `*` stands for the number of
/// any element, so that `widths.*` are all elements of a list.
///
/// ```
/// use hobbit::search_space;
/// use hobbit::space::Narrowing;
///
/// #[search_space]
/// struct Hparams {
///     #[log_uniform(1e-5..=1e-1)]
///     rate: f64,
///     #[choice("sgd", "adam", "lion")]
///     optimizer: String,
/// }
///
/// let narrowing = Narrowing::new().with("rate", "1e-4..1e-2").with("optimizer", "adam, sgd");
/// let space = narrowing.space::<Hparams>()?;
/// assert_eq!(space.parameters()[0].domain().to_string(), "log-uniform 0.0001 to 0.01");
/// let wider = Narrowing::new().with("rate", "1e-4..1.0").space::<Hparams>().unwrap_err();
/// assert!(wider.to_string().contains("1.0 is above 0.1; it is declared as log-uniform 1e-5 to 0.1"));
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing(Vec<(String, Vec<String>)>);

impl Narrowing {
    /// Leaves everything as it was declared.
    pub fn new() -> Narrowing {
        Narrowing::default()
    }

    /// Also narrows this parameter to these values. If a parameter is narrowed several times, the last one
    /// counts.
    #[must_use]
    pub fn with(self, parameter: impl Into<String>, values: impl Into<String>) -> Narrowing {
        self.with_each(parameter, [values.into()])
    }

    /// Also narrows this parameter to these options, each written whole: they may contain commas.
    #[must_use]
    pub fn with_each(
        mut self,
        parameter: impl Into<String>,
        options: impl IntoIterator<Item = String>,
    ) -> Narrowing {
        let parameter = parameter.into();
        self.0.retain(|(known, _)| *known != parameter);
        self.0.push((parameter, options.into_iter().collect()));
        self
    }

    /// Adds everything of another one, which takes precedence where both narrow the same parameter.
    #[must_use]
    pub fn and(self, other: Narrowing) -> Narrowing {
        other.0.into_iter().fold(self, |all, (parameter, options)| all.with_each(parameter, options))
    }

    /// Whether everything stays as it was declared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The search space that is left.
    ///
    /// # Errors
    /// A parameter that the space does not have, or values that are not all in its domain.
    pub fn space<H: SearchSpace>(&self) -> Result<Space> {
        let mut space = H::space();
        for (name, options) in &self.0 {
            let mut found = false;
            for parameter in space.parameters_mut().iter_mut().filter(|one| is_named(one.name(), name)) {
                found = true;
                parameter.narrow(options)?;
            }
            if !found {
                return Err(unknown(name, &space));
            }
        }
        Ok(space)
    }
}

/// Whether a name is that of a parameter; `*` stands for the number of any element.
fn is_named(parameter: &str, name: &str) -> bool {
    let parts = parameter.split('.').count() == name.split('.').count();
    parts
        && parameter
            .split('.')
            .zip(name.split('.'))
            .all(|(part, name)| part == name || name == "*" && part.bytes().all(|it| it.is_ascii_digit()))
}

fn unknown(name: &str, space: &Space) -> Error {
    let names: Vec<String> = space.parameters().iter().map(|one| format!("`{}`", one.name())).collect();
    let below = space.parameters().iter().find(|one| one.name().strip_prefix(name).is_some_and(is_below));
    let hint = below.map_or(".".to_owned(), |one| format!("; did you mean `{}`?", one.name()));
    Error::setting(format!(
        "`{name}` cannot be narrowed, because the search space `{}` has no such parameter{hint} Its parameters are {}",
        space.name(),
        names.join(", ")
    ))
}

fn is_below(rest: &str) -> bool {
    rest.starts_with('.')
}

impl Parameter {
    /// Leaves these values of the parameter.
    fn narrow(&mut self, options: &[String]) -> Result<()> {
        let narrowed = self.domain().narrowed(options).map_err(|why| {
            Error::setting(format!(
                "`{}` cannot be narrowed to `{}`: {why}; it is declared as {}",
                self.name(),
                options.join(", "),
                self.domain()
            ))
        })?;
        self.set_domain(narrowed);
        Ok(())
    }
}

impl Domain {
    /// The part of the domain that these texts name.
    pub(super) fn narrowed(&self, options: &[String]) -> std::result::Result<Domain, String> {
        self.ask(|kind| kind.narrowed(&Wanted(options)))
    }

    /// Whether this domain is what is left of another one after it was narrowed.
    pub(super) fn is_part_of(&self, declared: &Domain) -> bool {
        let range = |low: &dyn fmt::Debug, high: &dyn fmt::Debug| vec![format!("{low:?}..{high:?}")];
        let texts = match self {
            Domain::Uniform { low, high, .. }
            | Domain::LogUniform { low, high, .. }
            | Domain::Normal { low, high, .. } => range(low, high),
            Domain::Int { low, high, .. } => range(low, high),
            Domain::UInt { low, high, .. } => range(low, high),
            Domain::Choice { options, .. } => options.iter().map(ToString::to_string).collect(),
            Domain::Bool { probability: 0.0 } => vec!["false".to_owned()],
            Domain::Bool { probability: 1.0 } => vec!["true".to_owned()],
            Domain::Bool { .. } | Domain::Distribution(_) => return self == declared,
        };
        declared.narrowed(&texts).is_ok_and(|narrowed| narrowed == *self)
    }
}

/// `NAME=VALUES`, as in `rate=1e-4..1e-2`.
impl FromStr for Narrowing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Narrowing> {
        match text.split_once('=') {
            Some((name, values)) if !name.trim().is_empty() && !name.trim().ends_with("..") => {
                Ok(Narrowing::new().with(name.trim(), values.trim()))
            }
            _ => Err(Error::setting(format!(
                "`{text}` does not say which parameter is narrowed to what: it has to be like `rate=1e-4..1e-2`"
            ))),
        }
    }
}
