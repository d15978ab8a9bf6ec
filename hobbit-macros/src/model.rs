//! What was written: the item and its parameters, each with the tokens it came from.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{Expr, Generics, Item, LitStr, Type};

use crate::constant::mentions;

/// The annotated struct or enum.
pub(crate) struct Input {
    /// The item without hobbit's attributes.
    pub(crate) item: Item,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) body: Body,
    pub(crate) constraints: Vec<Constraint>,
}

impl Input {
    /// Whether there is a type parameter that no field mentions: the compiler refuses it.
    pub(crate) fn has_unused_parameter(&self) -> bool {
        let fields = match &self.body {
            Body::Struct(fields) => fields.iter().collect::<Vec<_>>(),
            Body::Enum(variants) => variants.iter().flat_map(|variant| &variant.fields).collect(),
        };
        self.generics.type_params().any(|parameter| {
            let name = parameter.ident.to_string();
            !fields.iter().any(|field| mentions(field.ty.to_token_stream(), &name, false))
        })
    }
}

pub(crate) enum Body {
    Struct(Vec<Field>),
    Enum(Vec<Variant>),
}

/// A condition that configurations have to satisfy, and what to say if they do not.
pub(crate) struct Constraint {
    pub(crate) condition: Expr,
    pub(crate) why: LitStr,
}

/// A branch of an enum.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) weight: Option<Expr>,
    pub(crate) fields: Vec<Field>,
}

/// A field and what its values are.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The parameter's name: that of the field, or another that was given.
    pub(crate) name: String,
    /// The doc comment.
    pub(crate) description: String,
    pub(crate) domain: Domain,
    pub(crate) default: Option<Expr>,
    /// Whether it is written and read as serde does by itself.
    pub(crate) is_written: bool,
}

/// The values of a field.
pub(crate) enum Domain {
    Uniform {
        bounds: Bounds,
        step: Option<Expr>,
        log: bool,
    },
    Normal {
        mean: Box<Expr>,
        std: Box<Expr>,
        bounds: Option<Bounds>,
        step: Option<Expr>,
        log: bool,
    },
    Int {
        bounds: Bounds,
        step: Option<Expr>,
        log: bool,
    },
    Choice {
        options: Vec<(Expr, Option<Expr>)>,
        span: Span,
    },
    /// The variants of a fieldless enum from one to another; whether the last counts.
    Variants {
        from: Expr,
        to: Expr,
        inclusive: bool,
        span: Span,
    },
    Bool(Option<Expr>),
    Distribution(Expr),
    Fixed(Expr),
    Derived(Expr),
    Nested,
    With(Expr),
    Optional {
        probability: Expr,
        ty: Type,
        inner: Box<Domain>,
    },
    Several {
        bounds: Bounds,
        ty: Type,
        inner: Box<Domain>,
    },
    Array {
        ty: Type,
        inner: Box<Domain>,
    },
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
    match ungrouped(expr) {
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
        _ => None,
    }
}

/// The text that an expression is, if it is a literal.
pub(crate) fn text(expr: &Expr) -> Option<&LitStr> {
    match ungrouped(expr) {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

/// An expression without parentheses, and without the groups that `macro_rules` leave around theirs.
pub(crate) fn ungrouped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => ungrouped(&inner.expr),
        Expr::Group(inner) => ungrouped(&inner.expr),
        _ => expr,
    }
}

/// A type without parentheses, and without the groups that `macro_rules` leave around theirs.
pub(crate) fn ungrouped_type(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => ungrouped_type(&inner.elem),
        Type::Group(inner) => ungrouped_type(&inner.elem),
        _ => ty,
    }
}

/// The name of a primitive type.
pub(crate) fn primitive(ty: &Type) -> Option<String> {
    let Type::Path(path) = ungrouped_type(ty) else { return None };
    let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let ident = match &names[..] {
        [name] if path.path.get_ident().is_some() => name.clone(),
        [root, module, name] if module == "primitive" && (root == "core" || root == "std") => name.clone(),
        _ => return None,
    };
    let others = ["bool", "char", "str", "u128", "i128"];
    (is_int(&ident) || is_float(&ident) || others.contains(&ident.as_str())).then_some(ident)
}

pub(crate) fn is_int(name: &str) -> bool {
    limits(name).is_some()
}

/// The smallest and the largest number of a type of whole numbers. What fits the machine's words is the
/// compiler's to say.
pub(crate) fn limits(name: &str) -> Option<(i128, i128)> {
    Some(match name {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" | "usize" => (0, u64::MAX.into()),
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" => (i64::MIN.into(), i64::MAX.into()),
        _ => return None,
    })
}

pub(crate) fn is_float(name: &str) -> bool {
    matches!(name, "f32" | "f64")
}

/// The `T` of a type written `Wrapper<T>`.
pub(crate) fn inside<'a>(ty: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(path) = ungrouped_type(ty) else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
        _ => None,
    }
}

/// The text of a name in source, without the `r#` of names that are keywords.
pub(crate) fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}
