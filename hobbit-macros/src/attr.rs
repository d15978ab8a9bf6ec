//! Reads the item: its attributes, its fields and variants. The names of all attributes are in this file.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Expr, Fields, FieldsNamed, Item, Type};

use crate::errors::Errors;
use crate::field::{not_empty, read_field};
use crate::model::{Body, Constraint, Field, Input, Variant, ungrouped_type};
use crate::serde::{has_own_form, is_static_text};
use crate::spelling::meant;

/// The attributes that say what a field's values are.
pub(crate) const DOMAINS: [&str; 12] = [
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

/// Of the attributes of fields, those that somebody else may have for an item.
const COMMON: [&str; 6] = ["fixed", "derived", "nested", "with", "name", "default"];

/// Whether an attribute is hobbit's, there; it may belong elsewhere.
pub(crate) fn is_ours(attribute: &Attribute, place: Place) -> bool {
    let is = |name: &str| attribute.path().is_ident(name);
    match place {
        Place::Item | Place::Variant => misplaced(attribute, place).is_some() || is(belonging(place)),
        Place::Field => {
            known().any(is) || meant(attribute).is_some() || misplaced(attribute, place).is_some()
        }
    }
}

/// The attribute that belongs to an item or a variant.
fn belonging(place: Place) -> &'static str {
    if place == Place::Item { "constraint" } else { "weight" }
}

/// What to say of an attribute of hobbit's that belongs elsewhere.
pub(crate) fn misplaced(attribute: &Attribute, place: Place) -> Option<String> {
    let name = attribute.path().get_ident()?.to_string();
    let belongs = match (&*name, place) {
        ("constraint", Place::Variant | Place::Field) => "above a struct, and mentions its fields",
        ("weight", Place::Item) => "on a variant of an enum",
        ("weight", Place::Field) => {
            "on a variant of an enum; options of a choice have theirs after them: `#[choice(\"a\": 3, \"b\": 1)]`"
        }
        (field, Place::Item) if known().any(|known| known == field) && !COMMON.contains(&field) => {
            "on a field"
        }
        _ => return None,
    };
    Some(format!("`{name}` goes {belongs}"))
}

/// The names of attributes on fields.
pub(crate) fn known() -> impl Iterator<Item = &'static str> + Clone {
    DOMAINS.into_iter().chain(MODIFIERS)
}

/// Reads the item, as far as it can be read; mistakes are added to `errors`.
pub(crate) fn parse(arguments: TokenStream, item: Item, errors: &mut Errors) -> Option<Input> {
    if !arguments.is_empty() {
        errors.on(arguments, "`search_space` takes no arguments");
    }
    // an item with lifetimes may have references, but then it is no space
    let borrows = |generics: &syn::Generics| generics.lifetimes().next().is_some();
    let (attributes, ident, generics, body) = match item.clone() {
        Item::Struct(item) => {
            let body = match item.fields {
                Fields::Named(named) => Body::Struct(fields(&named, borrows(&item.generics), errors)),
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
            if item.variants.is_empty() {
                errors.on(&item.ident, "an enum without variants has no values");
            }
            let borrows = borrows(&item.generics);
            let variants = item.variants.into_iter();
            let variants = variants.filter_map(|variant| read_variant(variant, borrows, errors)).collect();
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
    let constraints = constraints(&attributes, &body, errors);
    Some(Input { item: stripped(item, true), ident, generics, body, constraints })
}

fn constraints(attributes: &[Attribute], body: &Body, errors: &mut Errors) -> Vec<Constraint> {
    let mut constraints = Vec::new();
    for attribute in attributes {
        if attribute.path().segments.last().is_some_and(|segment| segment.ident == "search_space") {
            errors.on(attribute, "`search_space` is there already: give it once");
        }
        if !is_ours(attribute, Place::Item) {
            continue;
        }
        if let Some(message) = misplaced(attribute, Place::Item) {
            errors.on(attribute, message);
            continue;
        }
        if matches!(body, Body::Enum(_)) {
            errors.on(attribute, "constraints go on structs: put the enum into one");
            continue;
        }
        match not_empty(attribute).and_then(|()| attribute.parse_args()) {
            Ok(constraint) => constraints.push(constraint),
            Err(error) => errors.add(error),
        }
    }
    constraints
}

const ONLY: &str = "`search_space` goes on a struct with named fields, or on an enum";

/// Whether no field can have this one's type, with an error that says so.
fn is_refused(field: &syn::Field, errors: &mut Errors) -> bool {
    let mut references = References { errors, found: false };
    references.visit_field(field);
    references.found
}

/// Finds types of fields that cannot be: references (what is read from a file cannot be one, but for a text,
/// which is kept), and those without a size or a name.
struct References<'a> {
    errors: &'a mut Errors,
    found: bool,
}

impl<'ast> Visit<'ast> for References<'_> {
    fn visit_field(&mut self, field: &'ast syn::Field) {
        let instead = match ungrouped_type(&field.ty) {
            Type::Path(path) if path.path.is_ident("str") => "a `str` has no size: use a `String`",
            Type::Slice(_) => "a slice has no size: use an array, or a `Vec` with `#[length(1..=4)]`",
            Type::ImplTrait(_) | Type::TraitObject(_) | Type::Infer(_) | Type::Never(_) => {
                "a field of a search space needs a type that is written out and has a size"
            }
            // it is read as a text that is kept
            _ if is_static_text(&field.ty) => return,
            Type::Ptr(_) | Type::FnPtr(_) if !has_own_form(&field.attrs) => {
                "a configuration is written to files and read back, and what is only an address cannot be"
            }
            _ => return self.visit_type(&field.ty),
        };
        self.found = true;
        self.errors.on(&field.ty, instead);
    }

    fn visit_type_reference(&mut self, ty: &'ast syn::TypeReference) {
        let owned = match &*ty.elem {
            Type::Path(path) if path.path.is_ident("str") => "`String`",
            Type::Slice(_) => "`Vec` or an array",
            _ => "the type itself",
        };
        self.found = true;
        self.errors.on(
            ty,
            format!("a configuration is read back from files, so it owns its values: use {owned} instead of a reference"),
        );
    }

    fn visit_expr(&mut self, _: &'ast Expr) {}

    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
}

/// The item without hobbit's attributes; with `renamed`, files use the names that parameters were given.
pub(crate) fn stripped(mut item: Item, renamed: bool) -> Item {
    let strip = |fields: &mut Fields| {
        for field in fields {
            let name = field.attrs.iter().find_map(self::renamed).filter(|_| renamed);
            field.attrs.extend(name);
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
                let is_default = |attribute: &Attribute| attribute.path().is_ident("default");
                variant.attrs.retain(|attribute| {
                    let misplaced = is_ours(attribute, Place::Field) && !is_default(attribute);
                    !is_ours(attribute, Place::Variant) && !misplaced
                });
                strip(&mut variant.fields);
            }
        }
        _ => {}
    }
    item
}

/// The attribute that says to serde what this one says to hobbit about a field's name.
pub(crate) fn renamed(attribute: &Attribute) -> Option<Attribute> {
    match &attribute.meta {
        syn::Meta::NameValue(meta) if attribute.path().is_ident("name") => {
            let name = &meta.value;
            Some(syn::parse_quote!(#[serde(rename = #name)]))
        }
        _ => None,
    }
}

fn read_variant(variant: syn::Variant, borrows: bool, errors: &mut Errors) -> Option<Variant> {
    let mut weight = None;
    for attribute in &variant.attrs {
        if let Some(message) = misplaced(attribute, Place::Variant) {
            errors.on(attribute, message);
        } else if is_ours(attribute, Place::Variant) {
            match not_empty(attribute).and_then(|()| attribute.parse_args()) {
                Ok(_) if weight.is_some() => {
                    errors.on(attribute, "the weight is there already: give it once")
                }
                Ok(value) => weight = Some(value),
                Err(error) => errors.add(error),
            }
        } else if is_ours(attribute, Place::Field) && !attribute.path().is_ident("default") {
            errors.on(attribute, "a domain goes on a field; a variant can have a `#[weight(...)]`");
        }
    }
    let fields = match variant.fields {
        Fields::Unit => Vec::new(),
        Fields::Named(named) => fields(&named, borrows, errors),
        Fields::Unnamed(_) => {
            errors
                .at(variant.ident.span(), "a variant needs named fields, so that its parameters have names");
            return None;
        }
    };
    Some(Variant { ident: variant.ident, weight, fields })
}

fn fields(named: &FieldsNamed, borrows: bool, errors: &mut Errors) -> Vec<Field> {
    let mut found = Vec::new();
    for field in &named.named {
        let Some(ident) = field.ident.clone() else { continue };
        // of a type that no field can have, no more is said
        if !borrows && is_refused(field, errors) {
            continue;
        }
        let misspelled = field.attrs.iter().find_map(|attribute| Some((attribute, meant(attribute)?)));
        if let Some((attribute, meant)) = misspelled {
            let path = attribute.path();
            let written = path.to_token_stream().to_string().replace(' ', "");
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
