//! Which parameters of a space exist in a configuration, decided from coordinates alone.

use std::collections::HashMap;
use std::ops::Range;

use super::cells::Cells;
use super::describe::{Condition, Domain, Parameter, Space};
use super::value::Value;
use crate::error::{Error, Result};

/// The conditions of a space's parameters, by the places of the parameters they look at: of an enum's fields
/// the choice of the variant, of optional fields the switch, of a list's elements its length.
///
/// A parameter always comes after those it depends on, so that a point can be made in the order of the
/// parameters:
///
/// ```
/// use hobbit::{SearchSpace, search_space};
///
/// #[search_space]
/// enum Optimizer {
///     Plain,
///     Momentum {
///         #[uniform(0.5..=0.99)]
///         momentum: f64,
///     },
/// }
///
/// let space = Optimizer::space();
/// let tree = space.tree()?;
/// let mut coordinates = Vec::new();
/// for place in 0..space.parameters().len() {
///     let active = tree.is_active(place, &coordinates);
///     coordinates.push(active.then_some(0.25));
/// }
/// // a quarter is the first variant, which has no momentum
/// assert_eq!(coordinates, [Some(0.25), None]);
/// # Ok::<(), hobbit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tree {
    needs: Vec<Vec<Need>>,
}

/// One condition: another parameter exists, and has one of these values.
#[derive(Debug, Clone)]
struct Need {
    parameter: usize,
    cells: Cells,
    places: Range<u64>,
}

impl Space {
    /// The conditions of the parameters, to be decided from coordinates.
    ///
    /// # Errors
    /// A condition on a parameter that does not come before, or whose values cannot be counted. Spaces of
    /// `#[search_space]` have none.
    pub fn tree(&self) -> Result<Tree> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut needs = Vec::with_capacity(self.parameters().len());
        for (place, parameter) in self.parameters().iter().enumerate() {
            let of =
                |condition| need(condition, &places, self.parameters()).ok_or_else(|| unclear(parameter));
            needs.push(parameter.conditions().iter().map(of).collect::<Result<_>>()?);
            places.insert(parameter.name(), place);
        }
        Ok(Tree { needs })
    }

    /// The place of a parameter with this name among all, counted from 0.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameters().iter().position(|parameter| parameter.name() == name)
    }
}

fn unclear(parameter: &Parameter) -> Error {
    Error::space(format!(
        "when the parameter `{}` exists cannot be told from the parameters before it",
        parameter.name()
    ))
}

fn need(condition: &Condition, places: &HashMap<&str, usize>, parameters: &[Parameter]) -> Option<Need> {
    let (Condition::Is { parameter, .. } | Condition::Above { parameter, .. }) = condition;
    let parameter = *places.get(parameter.as_str())?;
    let domain = parameters[parameter].domain();
    let cells = domain.cells()?;
    let places = match (condition, domain) {
        (Condition::Is { value, .. }, Domain::Choice { options, .. }) => {
            match options.iter().position(|option| option == value) {
                Some(place) => place as u64..place as u64 + 1,
                // an option that the space was narrowed without
                None => 0..0,
            }
        }
        (Condition::Is { value: Value::Bool(on), .. }, Domain::Bool { .. }) => {
            let place = u64::from(!on);
            place..place + 1
        }
        (Condition::Above { than, .. }, &Domain::Int { low, step, .. }) => {
            let above = i128::from(*than) - i128::from(low);
            // the values up to it
            let skipped = if above < 0 { 0 } else { above / i128::from(step.max(1)) + 1 };
            u64::try_from(skipped).ok()?..u64::MAX
        }
        _ => return None,
    };
    Some(Need { parameter, cells, places })
}

impl Tree {
    /// Whether the parameter at this place exists, given the coordinates of those before it.
    pub fn is_active(&self, place: usize, coordinates: &[Option<f64>]) -> bool {
        let holds = |need: &Need| {
            let unit = coordinates.get(need.parameter).copied().flatten();
            unit.is_some_and(|unit| need.places.contains(&need.cells.place(unit)))
        };
        self.needs.get(place).is_some_and(|needs| needs.iter().all(holds))
    }

    /// The places of the parameters that decide whether the one at this place exists.
    pub fn parents(&self, place: usize) -> impl Iterator<Item = usize> {
        self.needs.get(place).into_iter().flatten().map(|need| need.parameter)
    }

    /// Whether these coordinates are those of a configuration: a number in `[0, 1)` for each parameter that
    /// exists in it, `None` for the others. Constraints are not looked at.
    pub fn fits(&self, coordinates: &[Option<f64>]) -> bool {
        coordinates.len() == self.needs.len()
            && coordinates.iter().enumerate().all(|(place, coordinate)| match coordinate {
                Some(unit) => (0.0..1.0).contains(unit) && self.is_active(place, coordinates),
                None => !self.is_active(place, coordinates),
            })
    }
}
