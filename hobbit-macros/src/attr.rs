//! Reads hobbit's attributes off the item. All attribute names are in this file.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprRange, Fields, FieldsNamed, Ident, Item, LitStr, RangeLimits, Result, Token,
    Type,
};

use crate::model::{Body, Bounds, Constraint, Domain, Field, Input, Variant, inside, primitive};

/// The attributes that say what a field's values are.
const DOMAINS: [&str; 12] = [
    "uniform",
    "log_uniform",
    "normal",
    "log_normal",
    "int",
    "choice",
    "bool",
    "distribution",
    "fixed",
    "derived",
    "nested",
    "with",
];

/// The attributes that say more about a field.
const MODIFIERS: [&str; 4] = ["optional", "length", "name", "default"];

/// Where an attribute stands.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Item,
    Variant,
    Field,
}

/// Whether an attribute is hobbit's, there.
pub(crate) fn is_ours(attribute: &Attribute, place: Place) -> bool {
    let is = |name: &&str| attribute.path().is_ident(name);
    match place {
        Place::Item => is(&"constraint"),
        Place::Variant => is(&"weight"),
        Place::Field => known().any(|name| is(&name)) || meant(attribute).is_some(),
    }
}

/// Reads the item, as far as it can be read; mistakes are added to `errors`.
pub(crate) fn parse(arguments: TokenStream, item: Item, errors: &mut Errors) -> Option<Input> {
    if !arguments.is_empty() {
        errors.on(arguments, "`search_space` takes no arguments");
    }
    let (attributes, ident, generics, body) = match item.clone() {
        Item::Struct(item) => {
            let body = match item.fields {
                Fields::Named(mut named) => Body::Struct(fields(&mut named, errors)),
                _ => {
                    errors.at(
                        item.ident.span(),
                        "`search_space` needs named fields: `struct Hparams { #[uniform(0.0..=1.0)] dropout: f64 }`",
                    );
                    Body::Struct(Vec::new())
                }
            };
            (item.attrs, item.ident, item.generics, body)
        }
        Item::Enum(item) => {
            let variants =
                item.variants.into_iter().filter_map(|variant| read_variant(variant, errors)).collect();
            (item.attrs, item.ident, item.generics, Body::Enum(variants))
        }
        Item::Union(item) => {
            errors.on(item.union_token, ONLY);
            return None;
        }
        other => {
            errors.on(other, ONLY);
            return None;
        }
    };
    for lifetime in generics.lifetimes() {
        errors.at(
            lifetime.span(),
            "a search space owns its values: lifetimes are not supported, use owned types",
        );
    }
    let mut constraints = Vec::new();
    for attribute in attributes.iter().filter(|attribute| is_ours(attribute, Place::Item)) {
        if matches!(body, Body::Enum(_)) {
            errors.on(attribute, "constraints go on structs: put the enum into one");
            continue;
        }
        match attribute.parse_args() {
            Ok(constraint) => constraints.push(constraint),
            Err(error) => errors.add(error),
        }
    }
    Some(Input { item: stripped(item, true), ident, generics, body, constraints })
}

const ONLY: &str = "`search_space` goes on a struct with named fields, or on an enum";

/// The item without hobbit's attributes; with `renamed`, files use the names that parameters were given.
pub(crate) fn stripped(mut item: Item, renamed: bool) -> Item {
    let strip = |fields: &mut Fields| {
        for field in fields {
            let name = field.attrs.iter().find(|attribute| renamed && attribute.path().is_ident("name"));
            if let Some(syn::Meta::NameValue(meta)) = name.map(|attribute| &attribute.meta) {
                let name = &meta.value;
                field.attrs.push(syn::parse_quote!(#[serde(rename = #name)]));
            }
            field.attrs.retain(|attribute| !is_ours(attribute, Place::Field));
        }
    };
    match &mut item {
        Item::Struct(item) => {
            item.attrs.retain(|attribute| !is_ours(attribute, Place::Item));
            strip(&mut item.fields);
        }
        Item::Enum(item) => {
            item.attrs.retain(|attribute| !is_ours(attribute, Place::Item));
            for variant in &mut item.variants {
                variant.attrs.retain(|attribute| !is_ours(attribute, Place::Variant));
                strip(&mut variant.fields);
            }
        }
        _ => {}
    }
    item
}

fn read_variant(variant: syn::Variant, errors: &mut Errors) -> Option<Variant> {
    let mut weight = None;
    for attribute in &variant.attrs {
        if is_ours(attribute, Place::Variant) {
            match attribute.parse_args() {
                Ok(value) => weight = Some(value),
                Err(error) => errors.add(error),
            }
        } else if is_ours(attribute, Place::Field) && !attribute.path().is_ident("default") {
            errors.on(attribute, "a domain goes on a field; a variant can have a `#[weight(...)]`");
        }
    }
    let fields = match variant.fields {
        Fields::Unit => Vec::new(),
        Fields::Named(mut named) => fields(&mut named, errors),
        Fields::Unnamed(_) => {
            errors
                .at(variant.ident.span(), "a variant needs named fields, so that its parameters have names");
            return None;
        }
    };
    Some(Variant { ident: variant.ident, weight, fields })
}

fn fields(named: &mut FieldsNamed, errors: &mut Errors) -> Vec<Field> {
    let mut found = Vec::new();
    for field in &mut named.named {
        let Some(ident) = field.ident.clone() else { continue };
        let misspelled = field.attrs.iter().find_map(|attribute| Some((attribute, meant(attribute)?)));
        if let Some((attribute, meant)) = misspelled {
            let path = attribute.path();
            let written = path.get_ident().map(ToString::to_string).unwrap_or_default();
            errors.on(path, format!("unknown attribute `{written}`; did you mean `{meant}`?"));
            continue;
        }
        match read_field(ident, field) {
            Ok(field) => found.push(field),
            Err(error) => errors.add(error),
        }
    }
    found
}

fn read_field(ident: Ident, field: &syn::Field) -> Result<Field> {
    let (mut domain_attribute, mut optional, mut length, mut default) = (None, None, None, None);
    let text = ident.to_string();
    let mut name = text.strip_prefix("r#").unwrap_or(&text).to_owned();
    for attribute in field.attrs.iter().filter(|attribute| is_ours(attribute, Place::Field)) {
        let path = attribute.path();
        if path.is_ident("name") {
            let value: LitStr =
                syn::parse2(ToTokens::to_token_stream(&attribute.meta.require_name_value()?.value))?;
            name = value.value();
            if name.is_empty() || name.contains('.') {
                return Err(Error::new(value.span(), "a name has at least one letter, and no dot"));
            }
        } else if path.is_ident("default") {
            default = Some(attribute.meta.require_name_value()?.value.clone());
        } else if path.is_ident("optional") {
            optional = Some((attribute.parse_args::<Expr>()?, attribute.span()));
        } else if path.is_ident("length") {
            length = Some((attribute.parse_args::<Bounds>()?, attribute.span()));
        } else if domain_attribute.is_some() {
            return Err(Error::new_spanned(attribute, format!("the field `{ident}` has two domains")));
        } else {
            domain_attribute = Some(attribute);
        }
    }
    // what the domain is of: the type, or what is in it
    let mut ty = &field.ty;
    if let Some((_, span)) = optional {
        ty = inside(ty, "Option").ok_or_else(|| {
            Error::new(span, format!("`optional` needs a field of type `Option<...>`, and `{ident}` is not"))
        })?;
    }
    if let Some((_, span)) = length {
        ty = inside(ty, "Vec").ok_or_else(|| {
            Error::new(span, format!("`length` needs a field of type `Vec<...>`, and `{ident}` is not"))
        })?;
    }
    let mut layers = vec![ty.clone()];
    while let Type::Array(array) = &layers[layers.len() - 1] {
        // an option may be an array as a whole
        if domain_attribute.is_some_and(|attribute| {
            ["choice", "fixed", "derived", "with"].iter().any(|n| attribute.path().is_ident(n))
        }) {
            break;
        }
        layers.push((*array.elem).clone());
    }
    let element = &layers[layers.len() - 1];
    let mut domain = match domain_attribute {
        Some(attribute) => domain(attribute)?,
        None if primitive(element).as_deref() == Some("bool") => Domain::Bool(None),
        None => {
            return Err(Error::new(
                ident.span(),
                format!(
                    "the field `{ident}` has no domain: give it one of {}",
                    DOMAINS.map(|name| format!("`#[{name}]`")).join(", ")
                ),
            ));
        }
    };
    for inner in layers[1..].iter().rev() {
        domain = Domain::Array { ty: inner.clone(), inner: Box::new(domain) };
    }
    if let Some((bounds, _)) = length {
        domain = Domain::Several { bounds, ty: ty.clone(), inner: Box::new(domain) };
    }
    if let Some((probability, _)) = optional {
        let ty = inside(&field.ty, "Option").unwrap_or(ty).clone();
        domain = Domain::Optional { probability, ty, inner: Box::new(domain) };
    }
    Ok(Field { ident, ty: field.ty.clone(), name, description: description(&field.attrs), domain, default })
}

/// A range of an enum's variants.
fn variants(range: &syn::ExprRange) -> Result<Domain> {
    let inclusive = matches!(range.limits, syn::RangeLimits::Closed(_));
    match (range.start.as_deref(), range.end.as_deref()) {
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
    let is = |name: &str| path.is_ident(name);
    if is("uniform") || is("log_uniform") {
        let log = is("log_uniform");
        attribute.parse_args_with(|input: ParseStream<'_>| {
            let bounds = input.parse()?;
            let options = Options::parse(input, &["step"])?;
            Ok(Domain::Uniform { bounds, step: options.step, log })
        })
    } else if is("normal") || is("log_normal") {
        let log = is("log_normal");
        attribute.parse_args_with(|input: ParseStream<'_>| {
            let mean = input.parse()?;
            input.parse::<Token![,]>()?;
            let std = input.parse()?;
            let options = Options::parse(input, &["truncated", "step"])?;
            Ok(Domain::Normal {
                mean: Box::new(mean),
                std: Box::new(std),
                bounds: options.truncated,
                step: options.step,
                log,
            })
        })
    } else if is("int") {
        attribute.parse_args_with(|input: ParseStream<'_>| {
            let bounds = input.parse()?;
            let options = Options::parse(input, &["step", "log"])?;
            Ok(Domain::Int { bounds, step: options.step, log: options.log })
        })
    } else if is("choice") {
        let option = |input: ParseStream<'_>| {
            let value: Expr = input.parse()?;
            let weight = if input.peek(Token![:]) {
                input.parse::<Token![:]>()?;
                Some(input.parse::<Expr>()?)
            } else {
                None
            };
            Ok((value, weight))
        };
        let span = attribute.span();
        attribute.parse_args_with(|input: ParseStream<'_>| {
            let options = Punctuated::<_, Token![,]>::parse_terminated_with(input, option)?;
            let options: Vec<(Expr, Option<Expr>)> = options.into_iter().collect();
            match options.iter().find(|(value, _)| matches!(value, Expr::Range(_))) {
                Some((Expr::Range(range), None)) if options.len() == 1 => variants(range),
                Some((range, _)) => Err(Error::new_spanned(
                    range,
                    "a range of variants stands alone, without weights; otherwise write the variants out",
                )),
                None => Ok(Domain::Choice { options, span }),
            }
        })
    } else if is("bool") {
        match &attribute.meta {
            syn::Meta::Path(_) => Ok(Domain::Bool(None)),
            _ => attribute.parse_args().map(|probability| Domain::Bool(Some(probability))),
        }
    } else if is("nested") {
        attribute.meta.require_path_only()?;
        Ok(Domain::Nested)
    } else {
        let expr: Expr = attribute.parse_args()?;
        Ok(match () {
            () if is("distribution") => Domain::Distribution(expr),
            () if is("fixed") => Domain::Fixed(expr),
            () if is("derived") => Domain::Derived(expr),
            () => Domain::With(expr),
        })
    }
}

/// What may follow a domain's main arguments.
#[derive(Default)]
struct Options {
    step: Option<Expr>,
    truncated: Option<Bounds>,
    log: bool,
}

impl Options {
    fn parse(input: ParseStream<'_>, allowed: &[&str]) -> Result<Options> {
        let mut options = Options::default();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let name: Ident = input.parse()?;
            if !allowed.iter().any(|known| name == known) {
                let known: Vec<_> = allowed.iter().map(|known| format!("`{known}`")).collect();
                return Err(Error::new(
                    name.span(),
                    format!("unknown option `{name}`; there is {}", known.join(" and ")),
                ));
            }
            if name == "log" {
                options.log = true;
                continue;
            }
            input.parse::<Token![=]>()?;
            if name == "step" {
                options.step = Some(input.parse()?);
            } else {
                options.truncated = Some(input.parse()?);
            }
        }
        Ok(options)
    }
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
            _ => Err(Error::new_spanned(range, "a range with both ends is needed, written `low..=high`")),
        }
    }
}

impl Parse for Constraint {
    fn parse(input: ParseStream<'_>) -> Result<Constraint> {
        let condition = input.parse()?;
        input.parse::<Token![,]>()?;
        Ok(Constraint { condition, why: input.parse()? })
    }
}

/// The names of attributes on fields.
fn known() -> impl Iterator<Item = &'static str> {
    DOMAINS.into_iter().chain(MODIFIERS)
}

/// What an attribute that is nearly one of hobbit's was meant to be; the compiler would complain about it without a hint.
fn meant(attribute: &Attribute) -> Option<&'static str> {
    const OTHERS: [&str; 8] = ["doc", "serde", "cfg", "cfg_attr", "allow", "expect", "warn", "deny"];
    let written = attribute.path().get_ident()?.to_string();
    if OTHERS.contains(&written.as_str()) || known().any(|name| name == written) {
        return None;
    }
    let nearest = known().map(|name| (distance(name, &written), name)).min();
    nearest.filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}

/// The number of letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    table[a.len()][b.len()]
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

    /// A mistake in all of these tokens.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(Error::new_spanned(tokens, message));
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
