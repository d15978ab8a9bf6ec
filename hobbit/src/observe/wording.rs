//! Configurations as people write them: lists, options and enums in one piece, `widths [48, 8, 24]`.

use std::collections::HashSet;

use super::text::{cell, short};
use crate::printable::printable;
use crate::space::{Condition, Parameter, Space, Value};

/// Writes the configurations of a search space as people do.
///
/// A list is `[48, 8, 24]`, an option that is not there is `–`, a variant has its fields in parentheses. The
/// fields of a nested struct stand by themselves, with dots in their names.
///
/// ```
/// use hobbit::observe::Wording;
/// use hobbit::{Key, SearchSpace, search_space};
///
/// #[search_space]
/// struct Net {
///     #[length(1..=3)]
///     #[int(8..=64)]
///     widths: Vec<usize>,
///     #[optional(0.5)]
///     #[uniform(0.0..=1.0)]
///     dropout: Option<f64>,
/// }
///
/// let net = Net { widths: vec![48, 8], dropout: None };
/// let wording = Wording::new(&Net::space());
/// assert_eq!(wording.line(&net.values()), "widths [48, 8], dropout –");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Wording {
    /// The names of lists.
    lists: HashSet<String>,
    /// The names of parameters that say whether an option is there.
    switches: HashSet<String>,
    /// The names of parameters that say which variant an enum is.
    kinds: HashSet<String>,
}

/// How values are written.
struct How {
    /// Those that stand alone.
    alone: fn(&Value) -> String,
    /// Those of options, where they are there.
    option: fn(&Value) -> String,
    /// Those within others.
    within: fn(&Value) -> String,
}

/// A name's part, with what is below it.
#[derive(Default)]
struct Node<'a> {
    part: &'a str,
    /// The whole name.
    name: &'a str,
    value: Option<&'a Value>,
    parts: Vec<Node<'a>>,
}

impl Wording {
    /// Creates the wording for this space. Parameters that the space does not have are written as they are.
    pub fn new(space: &Space) -> Wording {
        let mut wording = Wording::default();
        let parameters = space.parameters();
        let names: HashSet<&str> = parameters.iter().map(Parameter::name).collect();
        let is_list = |list: &str| {
            let first = format!("{list}.0");
            names.iter().any(|name| {
                name.strip_prefix(first.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        let lists = names.iter().filter_map(|name| name.strip_suffix(".len")).filter(|list| is_list(list));
        wording.lists = lists.map(str::to_owned).collect();
        for condition in parameters.iter().flat_map(Parameter::conditions) {
            match condition {
                Condition::Is { parameter, value: Value::Bool(true) } => {
                    wording.switches.insert(parameter.clone());
                }
                Condition::Is { parameter, .. } => drop(wording.kinds.insert(parameter.clone())),
                Condition::Above { .. } => {}
            }
        }
        wording
    }

    /// A configuration's fields with their values, in order.
    pub fn fields(&self, hparams: &[(String, Value)]) -> Vec<(String, String)> {
        // in a column an option's numbers have the digits of any other's
        self.written(hparams, &How { alone: cell, option: cell, within: short })
    }

    /// The fields, with how values are written that stand alone, and those within others.
    fn written(&self, hparams: &[(String, Value)], how: &How) -> Vec<(String, String)> {
        let mut root = Node::default();
        for (name, value) in hparams {
            root.add(name, 0, value);
        }
        // a space that is an enum itself has no other name
        if let Some((kind, _)) = self.kind(&root) {
            return vec![(kind.name.to_owned(), self.inline(&root, how.within))];
        }
        let mut fields = Vec::with_capacity(root.parts.len());
        root.parts.iter().for_each(|part| self.add_fields(part, how, &mut fields));
        fields
    }

    /// The same, with all digits of numbers.
    pub fn exact_fields(&self, hparams: &[(String, Value)]) -> Vec<(String, String)> {
        let exact: fn(&Value) -> String = ToString::to_string;
        self.written(hparams, &How { alone: exact, option: exact, within: exact })
    }

    /// A configuration on one line, safe for terminals.
    pub fn line(&self, hparams: &[(String, Value)]) -> String {
        let fields = self.written(hparams, &How { alone: cell, option: short, within: short });
        let fields = fields.iter().map(|(name, text)| format!("{} {}", printable(name), printable(text)));
        fields.collect::<Vec<_>>().join(", ")
    }

    fn add_fields(&self, node: &Node<'_>, how: &How, fields: &mut Vec<(String, String)>) {
        if self.is_struct(node) {
            return node.parts.iter().for_each(|part| self.add_fields(part, how, fields));
        }
        let text = match node.value {
            Some(value) if node.parts.is_empty() => (how.alone)(value),
            Some(value) if node.parts.iter().all(|part| self.is_there(part)) => (how.option)(value),
            _ => self.inline(node, how.within),
        };
        fields.push((node.name.to_owned(), text));
    }

    /// The part that says which variant a node is, and the parts beside it.
    fn kind<'n, 'a>(&self, node: &'n Node<'a>) -> Option<(&'n Node<'a>, Vec<&'n Node<'a>>)> {
        let kind = node.parts.iter().find(|part| self.kinds.contains(part.name))?;
        Some((kind, node.parts.iter().filter(|part| part.name != kind.name).collect()))
    }

    fn is_switch(&self, node: &Node<'_>) -> bool {
        self.switches.contains(node.name)
    }

    /// Whether it has named fields, and is nothing else.
    fn is_struct(&self, node: &Node<'_>) -> bool {
        let is_other = node.value.is_some()
            || self.lists.contains(node.name)
            || node.parts.iter().any(|part| self.is_switch(part) || self.kinds.contains(part.name))
            || node.is_numbered();
        !node.parts.is_empty() && !is_other
    }

    /// Whether it says that an option is there.
    fn is_there(&self, node: &Node<'_>) -> bool {
        self.is_switch(node) && matches!(node.value, Some(Value::Bool(true)))
    }

    /// What a node is, in a piece.
    fn inline(&self, node: &Node<'_>, how: fn(&Value) -> String) -> String {
        let (switches, parts): (Vec<_>, Vec<_>) = node.parts.iter().partition(|part| self.is_switch(part));
        match (switches.first().and_then(|switch| switch.value), node.value) {
            (Some(Value::Bool(false)), _) => return "–".to_owned(),
            (Some(_), None) if parts.is_empty() => return "there".to_owned(),
            (_, Some(value)) => return how(value),
            _ => {}
        }
        if self.lists.contains(node.name) || node.is_numbered() {
            let items = parts.iter().filter(|part| part.is_number()).map(|item| self.inline(item, how));
            return format!("[{}]", items.collect::<Vec<_>>().join(", "));
        }
        let Some((kind, others)) = self.kind(node) else { return format!("({})", self.inner(&parts, how)) };
        let variant = kind.value.map(how).unwrap_or_default();
        // the fields are below the variant's name
        let others: Vec<&Node<'_>> = others.into_iter().filter(|part| !self.is_switch(part)).collect();
        let fields: Vec<&Node<'_>> = others.iter().flat_map(|part| &part.parts).collect();
        if fields.is_empty() { variant } else { format!("{variant}({})", self.inner(&fields, how)) }
    }

    /// Parts with their names; numbers are no names.
    fn inner(&self, parts: &[&Node<'_>], how: fn(&Value) -> String) -> String {
        let part = |part: &&Node<'_>| match part.is_number() {
            true => self.inline(part, how),
            false => format!("{} {}", part.part, self.inline(part, how)),
        };
        parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

impl<'a> Node<'a> {
    /// Adds a value below this node, whose own name ends at `start`.
    fn add(&mut self, name: &'a str, start: usize, value: &'a Value) {
        let rest = &name[start..];
        let end = rest.find('.').map_or(name.len(), |dot| start + dot);
        let part = &name[start..end];
        // mostly the last one
        let place = self.parts.iter().rposition(|known| known.part == part).unwrap_or_else(|| {
            self.parts.push(Node { part, name: &name[..end], ..Node::default() });
            self.parts.len() - 1
        });
        match name.len() - end {
            0 => self.parts[place].value = Some(value),
            _ => self.parts[place].add(name, end + 1, value),
        }
    }

    fn is_number(&self) -> bool {
        !self.part.is_empty() && self.part.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether all its parts are numbers, as those of an array.
    fn is_numbered(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(Node::is_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SearchSpace;

    #[crate::search_space]
    struct Everything {
        #[length(0..=3)]
        #[nested]
        layers: Vec<Layer>,
        #[optional(0.5)]
        #[uniform(0.0..=1.0)]
        dropout: Option<f64>,
        #[optional(0.5)]
        #[nested]
        warmup: Option<Warmup>,
        #[nested]
        optimizer: Optimizer,
        #[nested]
        plain: Warmup,
        #[int(0..=9)]
        pair: [u8; 2],
    }

    #[crate::search_space]
    struct Layer {
        #[int(1..=64)]
        units: usize,
        #[nested]
        optimizer: Optimizer,
    }

    #[crate::search_space]
    struct Warmup {
        #[int(0..=9)]
        len: u8,
        #[bool]
        some: bool,
    }

    #[crate::search_space]
    enum Optimizer {
        Sgd,
        AdamW {
            #[log_uniform(1e-12..=1.0)]
            lr: f64,
            #[uniform(0.0..=1.0)]
            decay: f64,
        },
    }

    fn line<T: SearchSpace>(hparams: &T) -> String {
        Wording::new(&T::space()).line(&hparams.values())
    }

    #[test]
    fn lists_options_and_enums_are_in_one_piece() {
        let adam = || Optimizer::AdamW { lr: 0.003, decay: 2.5e-5 };
        let whole = Everything {
            layers: vec![
                Layer { units: 48, optimizer: Optimizer::Sgd },
                Layer { units: 8, optimizer: adam() },
            ],
            dropout: Some(0.56),
            warmup: Some(Warmup { len: 3, some: true }),
            optimizer: adam(),
            plain: Warmup { len: 0, some: false },
            pair: [1, 2],
        };
        assert_eq!(
            line(&whole),
            "layers [(units 48, optimizer Sgd), (units 8, optimizer AdamW(lr 0.003, decay 2.5e-5))], dropout 0.56, \
             warmup (len 3, some true), optimizer AdamW(lr 0.003, decay 2.5e-5), plain.len 0, plain.some false, pair [1, 2]"
        );
        let least = Everything {
            layers: Vec::new(),
            dropout: None,
            warmup: None,
            optimizer: Optimizer::Sgd,
            plain: Warmup { len: 9, some: true },
            pair: [0, 0],
        };
        assert_eq!(
            line(&least),
            "layers [], dropout –, warmup –, optimizer Sgd, plain.len 9, plain.some true, pair [0, 0]"
        );
        assert_eq!(line(&adam()), "kind AdamW(lr 0.003, decay 2.5e-5)");
    }

    #[test]
    fn in_columns_options_have_the_digits_of_other_numbers() {
        #[crate::search_space]
        struct Two {
            #[uniform(0.0..=1.0)]
            plain: f64,
            #[optional(0.5)]
            #[uniform(0.0..=1.0)]
            option: Option<f64>,
        }
        let of = |option| Wording::new(&Two::space()).fields(&Two { plain: 0.5, option }.values());
        let texts = |option| of(option).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(Some(0.25)), ["0.5000", "0.2500"]);
        assert_eq!(texts(None), ["0.5000", "–"]);
    }

    #[test]
    fn what_the_space_does_not_know_stays_as_it_is() {
        let values = [("a.len", Value::Int(2)), ("a.b", Value::Float(0.25)), ("", Value::Bool(true))];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        let space = Space::new("Other", Vec::new());
        assert_eq!(Wording::new(&space).line(&values), "a.len 2, a.b 0.2500,  true");
    }
}
