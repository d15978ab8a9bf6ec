//! Reads the attributes of a field.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprRange, LitStr, RangeLimits, Result, Token, Type, parse_quote};

use crate::attr::{DOMAINS, Place, is_ours, misplaced};
use crate::model::{Bounds, Constraint, Domain, Field, inside, plain, primitive, ungrouped, ungrouped_type};
use crate::serde::has_own_form;
use crate::spelling::OTHERS;

/// Keeps what an attribute says; an error if there was one already.
fn once<T>(place: &mut Option<T>, attribute: &Attribute, value: T) -> Result<()> {
    if place.is_some() {
        let name = attribute.path().to_token_stream();
        return Err(Error::new_spanned(attribute, format!("`{name}` is there already: give it once")));
    }
    *place = Some(value);
    Ok(())
}

/// The attributes of a field, each at most once.
#[derive(Default)]
struct Attributes<'a> {
    domain: Option<&'a Attribute>,
    optional: Option<(Expr, &'a Attribute)>,
    length: Option<(Bounds, &'a Attribute)>,
    default: Option<Expr>,
    name: Option<String>,
}

impl<'a> Attributes<'a> {
    fn read(ident: &Ident, field: &'a syn::Field) -> Result<Attributes<'a>> {
        let mut found = Attributes::default();
        for attribute in field.attrs.iter().filter(|attribute| is_ours(attribute, Place::Field)) {
            let path = attribute.path();
            if let Some(message) = misplaced(attribute, Place::Field) {
                return Err(Error::new_spanned(attribute, message));
            }
            not_empty(attribute)?;
            if path.is_ident("name") {
                once(&mut found.name, attribute, parameter_name(attribute)?)?;
            } else if path.is_ident("default") {
                once(&mut found.default, attribute, value(attribute, "2")?.clone())?;
            } else if path.is_ident("optional") {
                once(&mut found.optional, attribute, (attribute.parse_args::<Expr>()?, attribute))?;
            } else if path.is_ident("length") {
                once(&mut found.length, attribute, (attribute.parse_args::<Bounds>()?, attribute))?;
            } else if found.domain.is_some_and(|first| first.path() != path) {
                return Err(Error::new_spanned(attribute, format!("the field `{ident}` has two domains")));
            } else {
                once(&mut found.domain, attribute, attribute)?;
            }
        }
        Ok(found)
    }

    /// The attribute that says how much of the field there is, if there is one.
    fn how_much(&self) -> Option<&'a Attribute> {
        let optional = self.optional.as_ref().map(|(_, attribute)| *attribute);
        optional.or(self.length.as_ref().map(|(_, attribute)| *attribute))
    }
}

pub(crate) fn read_field(ident: Ident, field: &syn::Field) -> Result<Field> {
    let attributes = Attributes::read(&ident, field)?;
    let how_much = attributes.how_much();
    let Attributes { domain, optional, length, default, name } = attributes;
    // what the domain is of: the type, or what is in it
    let mut ty = field.ty.clone();
    if let Some((_, attribute)) = &optional {
        ty = element(&ty, "Option", "optional", &ident, attribute)?;
    }
    let inside_option = ty.clone();
    if let Some((_, attribute)) = &length {
        ty = element(&ty, "Vec", "length", &ident, attribute)?;
    }
    let mut domain = arrayed(domain.map(self::domain).transpose()?, &ty, &ident, field)?;
    if let (Domain::Fixed(_) | Domain::Derived(_), Some(attribute)) = (&domain, how_much) {
        return Err(Error::new_spanned(
            attribute,
            "a fixed or derived field is what its expression says, as a whole: nothing of it is drawn",
        ));
    }
    if let Some((bounds, _)) = length {
        domain = Domain::Several { bounds, ty, inner: Box::new(domain) };
    }
    if let Some((probability, _)) = optional {
        domain = Domain::Optional { probability, ty: inside_option, inner: Box::new(domain) };
    }
    let name = name.unwrap_or_else(|| plain(&ident));
    let is_written = !has_own_form(&field.attrs);
    let description = description(&field.attrs);
    Ok(Field { ident, ty: field.ty.clone(), name, description, domain, default, is_written })
}

/// The domain of a type: of arrays, that of their elements, unless their values are arrays as a whole. A
/// switch needs no attribute.
fn arrayed(read: Option<Domain>, ty: &Type, ident: &Ident, field: &syn::Field) -> Result<Domain> {
    let mut layers = vec![ty.clone()];
    while let Type::Array(array) = ungrouped_type(&layers[layers.len() - 1]) {
        if read.as_ref().is_some_and(may_be_array) {
            break;
        }
        let element = (*array.elem).clone();
        layers.push(element);
    }
    let element = &layers[layers.len() - 1];
    let mut domain = match read {
        Some(domain) => domain,
        None if primitive(element).as_deref() == Some("bool") => Domain::Bool(None),
        None => return Err(no_domain(ident, field)),
    };
    for inner in layers[1..].iter().rev() {
        domain = Domain::Array { ty: inner.clone(), inner: Box::new(domain) };
    }
    Ok(domain)
}

fn no_domain(ident: &Ident, field: &syn::Field) -> Error {
    for (wrapper, message) in [
        ("Option", "an `Option`: say how often it is there, with `#[optional(0.5)]`"),
        ("Vec", "a `Vec`: say how many elements it has, with `#[length(1..=4)]`"),
    ] {
        // a switch needs no domain
        if inside(&field.ty, wrapper).is_some_and(|inside| primitive(inside).as_deref() == Some("bool")) {
            return Error::new_spanned(&field.ty, format!("`{ident}` is {message}"));
        }
    }
    let known = DOMAINS.map(|name| format!("`#[{name}]`")).join(", ");
    match unknown(field) {
        Some(attribute) => {
            let name = attribute.path().to_token_stream();
            let message =
                format!("the field `{ident}` has no domain, and `{name}` is not one: give it one of {known}");
            Error::new_spanned(attribute.path(), message)
        }
        None => {
            Error::new(ident.span(), format!("the field `{ident}` has no domain: give it one of {known}"))
        }
    }
}

/// An attribute that nobody is known to be for, of a field without a domain.
pub(crate) fn unknown(field: &syn::Field) -> Option<&Attribute> {
    let is = |attribute: &Attribute, names: &[&str]| names.iter().any(|name| attribute.path().is_ident(name));
    if field.attrs.iter().any(|attribute| is(attribute, &DOMAINS)) {
        return None;
    }
    field.attrs.iter().find(|attribute| {
        attribute.path().get_ident().is_some() && !is_ours(attribute, Place::Field) && !is(attribute, &OTHERS)
    })
}

/// Whether a value of a domain may be an array as a whole; of others, each element is a value.
fn may_be_array(domain: &Domain) -> bool {
    match domain {
        Domain::Choice { options, .. } => {
            options.is_empty() || options.iter().any(|(option, _)| !matches!(ungrouped(option), Expr::Lit(_)))
        }
        Domain::Fixed(_) | Domain::Derived(_) | Domain::With(_) => true,
        _ => false,
    }
}

/// The type of what is in an `Option` or a `Vec`. One with another name may be an alias: then the compiler is
/// asked.
fn element(ty: &Type, wrapper: &str, what: &str, ident: &Ident, attribute: &Attribute) -> Result<Type> {
    if let Some(inner) = inside(ty, wrapper) {
        return Ok(inner.clone());
    }
    let known = ["Option", "Vec", "Box", "String"];
    let alias = primitive(ty).is_none()
        && matches!(ungrouped_type(ty), Type::Path(path) if path.path.segments.last()
            .is_some_and(|last| known.iter().all(|known| last.ident != known)));
    if alias {
        return Ok(match wrapper {
            "Option" => parse_quote!(<#ty as __hobbit::IsOption>::Inner),
            _ => parse_quote!(<#ty as __hobbit::IsVec>::Inner),
        });
    }
    Err(Error::new_spanned(
        attribute,
        format!("`{what}` needs a field of type `{wrapper}<...>`, and `{ident}` is not"),
    ))
}

/// An error with an example for an attribute with nothing in its parentheses.
pub(crate) fn not_empty(attribute: &Attribute) -> Result<()> {
    const EXAMPLES: [(&str, &str); 14] = [
        ("uniform", "0.0..=1.0"),
        ("log_uniform", "1e-4..=1e-1"),
        ("normal", "0.0, 1.0"),
        ("log_normal", "0.0, 0.5"),
        ("int", "1..=8"),
        ("bool", "0.1"),
        ("distribution", "rand_distr::Gamma::new(2.0, 0.5)?"),
        ("fixed", "10"),
        ("derived", "width * 4"),
        ("with", "MyScalar"),
        ("optional", "0.5"),
        ("length", "1..=4"),
        ("weight", "2"),
        ("constraint", "bottleneck <= width, \"why\""),
    ];
    let is_empty = matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.is_empty());
    let example = EXAMPLES.iter().find(|(name, _)| attribute.path().is_ident(name));
    match example.filter(|_| is_empty) {
        Some((name, example)) => Err(Error::new_spanned(
            attribute,
            format!("`{name}` says nothing: give it arguments, as in `#[{name}({example})]`"),
        )),
        None => Ok(()),
    }
}

/// What a RON file can have as a field; a dot would be taken for a nested parameter.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| unicode_ident::is_xid_continue(c) || c == '-')
}

/// What is behind the `=` of an attribute.
fn value<'a>(attribute: &'a Attribute, example: &str) -> Result<&'a Expr> {
    match &attribute.meta {
        syn::Meta::NameValue(meta) => Ok(&meta.value),
        _ => {
            let name = attribute.path().to_token_stream();
            let message = format!("`{name}` is written with an equals sign: `#[{name} = {example}]`");
            Err(Error::new_spanned(attribute, message))
        }
    }
}

fn parameter_name(attribute: &Attribute) -> Result<String> {
    let value: LitStr = syn::parse2(value(attribute, "\"width\"")?.to_token_stream())?;
    let name = value.value();
    if !is_name(&name) {
        return Err(Error::new(value.span(), "a name is made of letters, digits, `_` and `-`"));
    }
    Ok(name)
}

/// A range of an enum's variants.
fn variants(range: &syn::ExprRange) -> Result<Domain> {
    let inclusive = matches!(range.limits, syn::RangeLimits::Closed(_));
    match (range.start.as_deref().map(ungrouped), range.end.as_deref().map(ungrouped)) {
        (Some(from @ Expr::Path(_)), Some(to @ Expr::Path(_))) => {
            Ok(Domain::Variants { from: from.clone(), to: to.clone(), inclusive, span: range.span() })
        }
        _ => Err(Error::new_spanned(
            range,
            "`choice` takes ranges from one variant of an enum to another, as in `Size::Small..=Size::Large`; for numbers there are \
             `int` and `uniform`",
        )),
    }
}

fn domain(attribute: &Attribute) -> Result<Domain> {
    let path = attribute.path();
    let name = path.get_ident().map(ToString::to_string).unwrap_or_default();
    match &*name {
        "uniform" | "log_uniform" => attribute.parse_args_with(|input: ParseStream<'_>| {
            let bounds = input.parse()?;
            let options = Options::parse(input, &["step"])?;
            Ok(Domain::Uniform { bounds, step: options.step, log: name == "log_uniform" })
        }),
        "normal" | "log_normal" => {
            attribute.parse_args_with(|input: ParseStream<'_>| normal(input, name == "log_normal"))
        }
        "int" => attribute.parse_args_with(|input: ParseStream<'_>| {
            let bounds = input.parse()?;
            let options = Options::parse(input, &["step", "log"])?;
            Ok(Domain::Int { bounds, step: options.step, log: options.log.is_some() })
        }),
        "choice" => choice(attribute),
        "bool" => match &attribute.meta {
            syn::Meta::Path(_) => Ok(Domain::Bool(None)),
            _ => attribute.parse_args().map(|probability| Domain::Bool(Some(probability))),
        },
        "nested" => {
            if attribute.meta.require_path_only().is_err() {
                return Err(Error::new_spanned(
                    attribute,
                    "`nested` stands alone: the field's type says which space it is",
                ));
            }
            Ok(Domain::Nested)
        }
        "distribution" => attribute.parse_args().map(Domain::Distribution),
        "fixed" => attribute.parse_args().map(Domain::Fixed),
        "derived" => attribute.parse_args().map(Domain::Derived),
        _ => attribute.parse_args().map(Domain::With),
    }
}

fn normal(input: ParseStream<'_>, log: bool) -> Result<Domain> {
    let mean = Box::new(unnamed(input)?);
    let comma = input.parse::<Option<Token![,]>>()?;
    if comma.is_none() || input.is_empty() {
        return Err(Error::new(
            input.span(),
            "a mean and a standard deviation are needed: `#[normal(0.0, 1.0)]`",
        ));
    }
    let std = Box::new(unnamed(input)?);
    let options = Options::parse(input, &["truncated", "step"])?;
    Ok(Domain::Normal { mean, std, bounds: options.truncated, step: options.step, log })
}

/// The mean or the deviation of a normal distribution.
fn unnamed(input: ParseStream<'_>) -> Result<Expr> {
    match input.parse()? {
        Expr::Assign(assign) => Err(Error::new_spanned(
            assign,
            "mean and standard deviation are given without names: `#[normal(0.0, 1.0)]`",
        )),
        expr => Ok(expr),
    }
}

fn choice(attribute: &Attribute) -> Result<Domain> {
    let option = |input: ParseStream<'_>| {
        let value: Expr = input.parse()?;
        if let Expr::Assign(assign) = &value {
            return Err(Error::new_spanned(
                assign,
                "`choice` has options and nothing else; a weight goes after its option: `#[choice(\"a\": 3, \"b\": 1)]`",
            ));
        }
        let weight = if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            Some(input.parse::<Expr>()?)
        } else {
            None
        };
        Ok((value, weight))
    };
    let span = attribute.path().span();
    attribute.parse_args_with(|input: ParseStream<'_>| {
        let options = Punctuated::<_, Token![,]>::parse_terminated_with(input, option)?;
        let options: Vec<(Expr, Option<Expr>)> = options.into_iter().collect();
        let range = options.iter().find_map(|(value, weight)| match ungrouped(value) {
            Expr::Range(range) => Some((range, weight)),
            _ => None,
        });
        match range {
            Some((range, None)) if options.len() == 1 => variants(range),
            Some((range, _)) => Err(Error::new_spanned(
                range,
                "a range of variants stands alone, without weights; otherwise write the variants out",
            )),
            None => Ok(Domain::Choice { options, span }),
        }
    })
}

/// What may follow a domain's main arguments.
#[derive(Default)]
struct Options {
    step: Option<Expr>,
    truncated: Option<Bounds>,
    log: Option<()>,
}

impl Options {
    fn parse(input: ParseStream<'_>, allowed: &[&str]) -> Result<Options> {
        let mut options = Options::default();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let known = || allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
            if !input.peek(Ident::peek_any) {
                let message = format!("too much is given: all that may follow is {}, by name", known());
                return Err(Error::new_spanned(input.parse::<Expr>()?, message));
            }
            let name = input.call(Ident::parse_any)?;
            if !allowed.iter().any(|known| name == known) {
                let mut message = format!("unknown option `{name}`; there is {}", known());
                if name == "log" {
                    message += ", and for log scales `log_uniform` and `log_normal`";
                }
                return Err(Error::new(name.span(), message));
            }
            let twice = match () {
                () if name == "log" => {
                    if input.peek(Token![=]) {
                        return Err(
                            input.error("`log` stands alone: leave it out for equally likely numbers")
                        );
                    }
                    options.log.replace(()).is_some()
                }
                () => {
                    input.parse::<Token![=]>()?;
                    if name == "step" {
                        options.step.replace(input.parse()?).is_some()
                    } else {
                        options.truncated.replace(input.parse()?).is_some()
                    }
                }
            };
            if twice {
                return Err(Error::new(name.span(), format!("`{name}` is there already: give it once")));
            }
        }
        Ok(options)
    }
}

impl Parse for Bounds {
    fn parse(input: ParseStream<'_>) -> Result<Bounds> {
        let range: Expr = input.parse()?;
        match ungrouped(&range) {
            Expr::Range(ExprRange {
                start: Some(low),
                limits: RangeLimits::Closed(_),
                end: Some(high),
                ..
            }) => Ok(Bounds { low: (**low).clone(), high: (**high).clone(), range: range.clone() }),
            _ => Err(Error::new_spanned(range, "a range with both ends is needed, written `low..=high`")),
        }
    }
}

impl Parse for Constraint {
    fn parse(input: ParseStream<'_>) -> Result<Constraint> {
        let condition = input.parse()?;
        if input.is_empty() {
            return Err(Error::new(
                input.span(),
                "a constraint says why, for whoever breaks it: `#[constraint(bottleneck <= width, \"why\")]`",
            ));
        }
        input.parse::<Token![,]>()?;
        let why = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Constraint { condition, why })
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
        crate::model::text(value).map(|text| text.value().trim().to_owned())
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}
