//! Reads hobbit's attributes off the item. All attribute names are in this file.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprRange, Fields, Ident, Item, RangeLimits, Result, Token};

use crate::model::{Bounds, Domain, Field, Input, primitive};

/// The attributes that say what a field's values are.
pub(crate) const DOMAINS: [&str; 4] = ["uniform", "log_uniform", "int", "choice"];

/// Whether an attribute is hobbit's.
pub(crate) fn is_ours(attribute: &Attribute) -> bool {
    DOMAINS.iter().any(|name| attribute.path().is_ident(name))
}

/// Reads the item; all mistakes at once.
pub(crate) fn parse(arguments: TokenStream, item: Item) -> Result<Input> {
    let mut errors = Errors::default();
    if !arguments.is_empty() {
        errors.add(Error::new(arguments.span(), "`search_space` takes no arguments"));
    }
    let mut item = match item {
        Item::Struct(item) => item,
        other => {
            return Err(
                errors.with(Error::new(other.span(), "`search_space` goes on a struct with named fields"))
            );
        }
    };
    for lifetime in item.generics.lifetimes() {
        errors.add(Error::new(
            lifetime.span(),
            "a search space owns its values: lifetimes are not supported, use owned types",
        ));
    }
    let Fields::Named(named) = &mut item.fields else {
        let message =
            "`search_space` needs named fields: `struct Hparams { #[uniform(0.0..=1.0)] dropout: f64 }`";
        return Err(errors.with(Error::new(item.ident.span(), message)));
    };
    let mut fields = Vec::new();
    for field in &mut named.named {
        let attributes = std::mem::take(&mut field.attrs);
        let (ours, others): (Vec<_>, Vec<_>) = attributes.into_iter().partition(is_ours);
        field.attrs = others;
        let Some(ident) = field.ident.clone() else { continue };
        let description = description(&field.attrs);
        let domain = match ours.as_slice() {
            [] if primitive(&field.ty).as_deref() == Some("bool") => Ok(Domain::Bool),
            [] => Err(Error::new(
                ident.span(),
                format!(
                    "the field `{ident}` has no domain: give it one of {}",
                    DOMAINS.map(|name| format!("`#[{name}(...)]`")).join(", ")
                ),
            )),
            [attribute] => domain(attribute),
            [_, second, ..] => Err(Error::new(second.span(), format!("the field `{ident}` has two domains"))),
        };
        match domain {
            Ok(domain) => fields.push(Field { ident, ty: field.ty.clone(), description, domain }),
            Err(error) => errors.add(error),
        }
    }
    errors.finish(Input { item, fields })
}

fn domain(attribute: &Attribute) -> Result<Domain> {
    let path = attribute.path();
    if path.is_ident("uniform") {
        attribute.parse_args().map(Domain::Uniform)
    } else if path.is_ident("log_uniform") {
        attribute.parse_args().map(Domain::LogUniform)
    } else if path.is_ident("int") {
        attribute.parse_args_with(int)
    } else {
        let options = attribute.parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated)?;
        Ok(Domain::Choice { options: options.into_iter().collect(), span: attribute.span() })
    }
}

/// `low..=high`, then `step = n` and `log` in any order.
fn int(input: ParseStream<'_>) -> Result<Domain> {
    let bounds = input.parse()?;
    let (mut step, mut log) = (None, None);
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let option: Ident = input.parse()?;
        if option == "step" {
            input.parse::<Token![=]>()?;
            step = Some(input.parse()?);
        } else if option == "log" {
            log = Some(option.span());
        } else {
            return Err(Error::new(
                option.span(),
                format!("unknown option `{option}`: `int` takes `step = n` and `log`"),
            ));
        }
    }
    Ok(Domain::Int { bounds, step, log })
}

impl Parse for Bounds {
    fn parse(input: ParseStream<'_>) -> Result<Bounds> {
        let range: Expr = input.parse()?;
        match &range {
            Expr::Range(ExprRange {
                start: Some(low),
                limits: RangeLimits::Closed(_),
                end: Some(high),
                ..
            }) => Ok(Bounds { low: (**low).clone(), high: (**high).clone(), range }),
            _ => Err(Error::new(range.span(), "a range with both ends is needed, written `low..=high`")),
        }
    }
}

/// The text of doc comments.
fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let value = &attribute
            .path()
            .is_ident("doc")
            .then(|| attribute.meta.require_name_value().ok())
            .flatten()?
            .value;
        match value {
            Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        }
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Mistakes, gathered so that all are reported.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(Error::new(span, message));
    }

    fn with(mut self, error: Error) -> Error {
        self.add(error.clone());
        self.0.unwrap_or(error)
    }

    pub(crate) fn finish<T>(self, value: T) -> Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}
