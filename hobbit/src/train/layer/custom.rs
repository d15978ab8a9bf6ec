//! Layers of users' own and modules of dfdx as data: what descriptions of networks have to know of them.

use std::any::Any;
use std::fmt::{self, Write};
use std::sync::Arc;

use super::describe::{Describe, Over};
use crate::random::Key;
use crate::train::parameter::ParameterSpec;
use crate::train::written::{float, sides};

/// A layer that only one engine knows, as data. The engine finds by its type what it is.
pub(in crate::train) trait Opaque: Any + fmt::Debug + Send + Sync {
    fn name(&self) -> &str;
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String>;
    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec>;
    /// What it is, as text that another layer does not have.
    fn describe(&self) -> String;
    /// First values of the parameters, if the layer knows them better than their descriptions.
    fn initial(&self, key: Key) -> Option<Vec<Vec<f32>>>;
}

/// A [`CustomLayer`](crate::train::CustomLayer) or a `Module`, as [`Layer::Custom`](super::Layer::Custom)
/// holds it.
#[derive(Debug, Clone)]
pub struct Custom(Arc<dyn Opaque>);

impl Custom {
    pub(in crate::train) fn new(layer: impl Opaque) -> Custom {
        Custom(Arc::new(layer))
    }

    pub(in crate::train) fn opaque(&self) -> &(dyn Opaque + 'static) {
        &*self.0
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || format!("{:?}", self.0) == format!("{:?}", other.0)
    }
}

impl Describe for Custom {
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.0.output(input)
    }

    fn parameters(&self, input: &[usize], _: bool) -> Vec<ParameterSpec> {
        self.0.parameters(input)
    }

    fn uses(&self, _: &[usize]) -> usize {
        1
    }

    fn normalizes(&self) -> Option<Over> {
        None
    }

    /// The layer says its name itself.
    fn write(&self, text: &mut String, _: &str, input: Option<&[usize]>) -> fmt::Result {
        text.push_str(&without_addresses(&self.0.describe()));
        let specs = input.map(|input| self.0.parameters(input)).unwrap_or_default();
        specs.iter().try_for_each(|spec| write_parameter(text, spec))
    }
}

fn write_parameter(text: &mut String, spec: &ParameterSpec) -> fmt::Result {
    let ParameterSpec { name, shape, role, init, fans } = spec;
    write!(text, " {name} {} {role:?}{}", sides(shape), init.written())?;
    write!(text, " {}/{}", float(fans.0), float(fans.1))
}

/// A text without the addresses in memory that it has for function pointers and the like, which are others in
/// each process.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean += "0x";
        let digits = part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len());
        // shorter ones are numbers
        clean += if digits >= 8 { &part[digits..] } else { part };
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_left_out() {
        assert_eq!(without_addresses("Scale(0x55d0c0ffee10, 0x1f) 0x7f0011223344"), "Scale(0x, 0x1f) 0x");
        assert_eq!(without_addresses("no 0 x"), "no 0 x");
    }
}
