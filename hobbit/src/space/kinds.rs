//! The one place that knows all kinds of domains: from data to the values that answer what is asked of them.

use std::fmt;

use super::asked::Asked;
use super::cells::Cells;
use super::choice::{Options, Switch};
use super::describe::Domain;
use super::normal::Normal;
use super::sampled::Drawn;
use super::uniform::{LogUniform, Uniform};
use super::value::Value;
use super::whole::Int;

impl Domain {
    /// Asks the kind that this domain is.
    pub(crate) fn ask<R>(&self, question: impl FnOnce(&dyn Asked) -> R) -> R {
        match self {
            &Domain::Uniform { low, high, step } => question(&Uniform { low, high, step }),
            &Domain::LogUniform { low, high, step } => question(&LogUniform { low, high, step }),
            &Domain::Normal { mean, std, log, low, high, step } => {
                question(&Normal { mean, std, log, low, high, step })
            }
            &Domain::Int { low, high, step, log } => {
                question(&Int { low: low.into(), high: high.into(), step: step.into(), log })
            }
            &Domain::UInt { low, high, step, log } => {
                question(&Int { low: low.into(), high: high.into(), step: step.into(), log })
            }
            Domain::Choice { options, weights } => question(&Options { options, weights }),
            &Domain::Bool { probability } => question(&Switch { probability }),
            Domain::Distribution(text) => question(&Drawn(text)),
        }
    }

    /// Whether it is natural to show the values on a logarithmic axis.
    pub fn is_log(&self) -> bool {
        self.ask(|kind| kind.is_log())
    }

    /// Whether the values are options without an order.
    pub fn is_categorical(&self) -> bool {
        self.ask(|kind| kind.is_categorical())
    }

    /// Whether values drawn at random have coordinates that are uniform in `[0, 1)`. That holds for all
    /// domains but a [`Distribution`](Domain::Distribution): of its numbers, only the order is known.
    pub fn is_uniform_in_the_cube(&self) -> bool {
        self.ask(|kind| kind.is_uniform_in_the_cube())
    }

    /// The values as intervals of the parameter's coordinate; `None` if there are too many of them to be
    /// counted (2⁵³ or more), as with real numbers without a step, or if that is not known, as with a
    /// [`Distribution`](Domain::Distribution).
    pub fn cells(&self) -> Option<Cells> {
        self.ask(|kind| kind.cells())
    }

    /// Whether a value of this domain is `recorded`, but for the last digits that hobbit 0.1.0 got wrong on
    /// grids.
    pub(super) fn is_near(&self, value: &Value, recorded: &Value) -> bool {
        let (Value::Float(value), Value::Float(recorded)) = (value, recorded) else { return false };
        let grid = self.ask(|kind| kind.grid());
        grid.is_some_and(|grid| (value - recorded).abs() <= grid.tolerance(4.0 * f64::EPSILON, *value))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ask(|kind| kind.write(f))
    }
}
