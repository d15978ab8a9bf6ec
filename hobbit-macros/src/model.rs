//! What was written: the item and its parameters, each with the tokens it came from.

use proc_macro2::{Ident, Span};
use syn::{Expr, ItemStruct, Type};

/// The annotated struct.
pub(crate) struct Input {
    /// The struct without hobbit's attributes.
    pub(crate) item: ItemStruct,
    pub(crate) fields: Vec<Field>,
}

/// A field and what its values are.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The doc comment.
    pub(crate) description: String,
    pub(crate) domain: Domain,
}

impl Field {
    /// The parameter's name: that of the field.
    pub(crate) fn name(&self) -> String {
        let text = self.ident.to_string();
        text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
    }
}

/// The values of a field.
pub(crate) enum Domain {
    Uniform(Bounds),
    LogUniform(Bounds),
    Int { bounds: Bounds, step: Option<Expr>, log: Option<Span> },
    Choice { options: Vec<Expr>, span: Span },
    Bool,
}

/// `low..=high`
pub(crate) struct Bounds {
    pub(crate) low: Expr,
    pub(crate) high: Expr,
    /// The whole range, as written.
    pub(crate) range: Expr,
}

/// A number that can be read off the tokens.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Literal {
    Int(i128),
    Float(f64),
}

impl Literal {
    pub(crate) fn value(self) -> f64 {
        match self {
            Literal::Int(value) => value as f64,
            Literal::Float(value) => value,
        }
    }
}

/// The number that an expression is, if it is a literal or a negated one.
pub(crate) fn literal(expr: &Expr) -> Option<Literal> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            syn::Lit::Int(value) => match value.suffix() {
                "f32" | "f64" => value.base10_parse().ok().map(Literal::Float),
                _ => value.base10_parse().ok().map(Literal::Int),
            },
            syn::Lit::Float(value) => value.base10_parse().ok().map(Literal::Float),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => match literal(&unary.expr)? {
            Literal::Int(value) => value.checked_neg().map(Literal::Int),
            Literal::Float(value) => Some(Literal::Float(-value)),
        },
        Expr::Paren(inner) => literal(&inner.expr),
        Expr::Group(inner) => literal(&inner.expr),
        _ => None,
    }
}

/// The name of a primitive type.
pub(crate) fn primitive(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let ident = path.path.get_ident()?.to_string();
    (is_int(&ident) || is_float(&ident) || ident == "bool").then_some(ident)
}

pub(crate) fn is_int(name: &str) -> bool {
    matches!(name, "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize")
}

pub(crate) fn is_float(name: &str) -> bool {
    matches!(name, "f32" | "f64")
}
