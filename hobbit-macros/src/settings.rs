//! The settings of serde's that there are, where they go and how they are written. Of a wrong one, serde's own
//! error would be followed by others: the implementation of its traits would be missing.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::punctuated::Punctuated;
use syn::{Attribute, Field, Fields, Item, LitStr, Meta, Token};

use crate::case::{CASES, Case};
use crate::configure::each_attributes;
use crate::constant::at;
use crate::errors::Errors;
use crate::model::{plain, text, ungrouped_type};
use crate::spelling::nearest;
use crate::stored::is_plain;

/// Where an attribute of serde's stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Struct,
    Enum,
    Variant,
    Field,
}

use Place::{Enum, Struct, Variant};

/// How a setting is written.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `name`
    Word,
    /// `name = "..."`
    Text,
    /// Either of both.
    WordOrText,
    /// `name = "..."`, or `name(serialize = "...", deserialize = "...")`
    TextOrTwo,
    /// However it is written, it is refused elsewhere.
    Any,
}

const CONTAINER: &[Place] = &[Struct, Enum];
const INNER: &[Place] = &[Variant, Place::Field];
const ANYWHERE: &[Place] = &[Struct, Enum, Variant, Place::Field];

const SETTINGS: [(&str, &[Place], Form); 30] = [
    ("alias", INNER, Form::Text),
    ("borrow", INNER, Form::WordOrText),
    ("bound", ANYWHERE, Form::TextOrTwo),
    ("content", &[Enum], Form::Text),
    ("crate", CONTAINER, Form::Text),
    ("default", &[Struct, Place::Field], Form::WordOrText),
    ("deny_unknown_fields", CONTAINER, Form::Word),
    ("deserialize_with", INNER, Form::Text),
    ("expecting", CONTAINER, Form::Text),
    ("field_identifier", &[], Form::Any),
    ("flatten", &[Place::Field], Form::Any),
    ("from", CONTAINER, Form::Text),
    ("getter", &[], Form::Any),
    ("into", CONTAINER, Form::Text),
    ("other", &[Variant], Form::Word),
    ("remote", CONTAINER, Form::Any),
    ("rename", ANYWHERE, Form::TextOrTwo),
    ("rename_all", &[Struct, Enum, Variant], Form::TextOrTwo),
    ("rename_all_fields", &[Enum], Form::TextOrTwo),
    ("serialize_with", INNER, Form::Text),
    ("skip", INNER, Form::Any),
    ("skip_deserializing", INNER, Form::Any),
    ("skip_serializing", INNER, Form::Any),
    ("skip_serializing_if", &[Place::Field], Form::Text),
    ("tag", CONTAINER, Form::Text),
    ("transparent", &[Struct], Form::Word),
    ("try_from", CONTAINER, Form::Text),
    ("untagged", &[Struct, Enum, Variant], Form::Any),
    ("variant_identifier", &[], Form::Any),
    ("with", INNER, Form::Text),
];

/// The parts of all `#[serde(...)]` attributes, but for what does not parse.
pub(crate) fn parts(attributes: &[Attribute]) -> Vec<Meta> {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.filter_map(|attribute| parsed(attribute).ok()).flatten().collect()
}

fn parsed(attribute: &Attribute) -> syn::Result<Punctuated<Meta, Token![,]>> {
    attribute.parse_args_with(Punctuated::parse_terminated)
}

/// Adds an error for each setting that is none, there.
pub(crate) fn check(item: &Item, errors: &mut Errors) {
    check_attributes(item, errors);
    check_container(item, errors);
}

/// Whether there is a setting that is none, whatever the item is like.
pub(crate) fn is_wrong(item: &Item) -> bool {
    let mut errors = Errors::default();
    check_attributes(item, &mut errors);
    errors.finish().is_err()
}

fn check_attributes(item: &Item, errors: &mut Errors) {
    let check_fields = |fields: &Fields, errors: &mut Errors| {
        for field in fields {
            check_all(&field.attrs, Place::Field, errors);
        }
    };
    match item {
        Item::Struct(item) => {
            check_all(&item.attrs, Struct, errors);
            check_fields(&item.fields, errors);
        }
        Item::Enum(item) => {
            check_all(&item.attrs, Enum, errors);
            for variant in &item.variants {
                check_all(&variant.attrs, Variant, errors);
                check_fields(&variant.fields, errors);
            }
        }
        _ => {}
    }
}

fn check_all(attributes: &[Attribute], place: Place, errors: &mut Errors) {
    let mut seen: HashMap<String, bool> = HashMap::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        if !matches!(attribute.meta, Meta::List(_)) {
            errors.on(attribute, "serde's settings go into parentheses: `#[serde(rename = \"...\")]`");
            continue;
        }
        let parts = match parsed(attribute) {
            Ok(parts) => parts,
            Err(error) => {
                let message =
                    "serde's settings are written `name` or `name = \"...\"`, with commas between them";
                errors.at(error.span(), message);
                continue;
            }
        };
        for part in &parts {
            let Some(name) = part.path().get_ident().map(ToString::to_string) else {
                errors.on(part, "serde has no such setting");
                continue;
            };
            check_setting(part, &name, place, errors);
            // of a setting in two parts, each may stand alone
            let is_whole = !matches!(part, Meta::List(_));
            let before = seen.insert(name.clone(), is_whole);
            if name != "alias" && before.is_some_and(|before| before || is_whole) {
                errors.on(part.path(), format!("serde's `{name}` is there already: give it once"));
            }
        }
    }
}

fn check_setting(part: &Meta, name: &str, place: Place, errors: &mut Errors) {
    let Some((_, places, form)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
        let meant = nearest(name, SETTINGS.iter().map(|(known, ..)| *known));
        let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        return errors.on(part.path(), format!("serde has no setting `{name}`{hint}"));
    };
    if places.is_empty() {
        return errors.on(part.path(), format!("serde's `{name}` is not for search spaces: leave it out"));
    }
    if !places.contains(&place) {
        return errors.on(part.path(), format!("serde's `{name}` goes {}", belongs(places)));
    }
    if let Some(written) = wrong_form(part, name, *form) {
        return errors.on(part, format!("serde's `{name}` is written {written}"));
    }
    if name.starts_with("rename_all")
        && let Some(rule) = given(part)
        && Case::of(&rule.value()).is_none()
    {
        let known = CASES.map(|(rule, _)| format!("`{rule}`")).join(", ");
        errors.on(rule, format!("serde has no rule `{}` for names; there are {known}", rule.value()));
    }
}

/// Where a setting goes.
fn belongs(places: &[Place]) -> String {
    let name = |place: &Place| match place {
        Struct => "above a struct",
        Enum => "above an enum",
        Variant => "on a variant",
        Place::Field => "on a field",
    };
    places.iter().map(name).collect::<Vec<_>>().join(" or ")
}

/// How a setting is written, if it is not.
fn wrong_form(part: &Meta, name: &str, form: Form) -> Option<String> {
    let is_right = match part {
        Meta::Path(_) => matches!(form, Form::Word | Form::WordOrText | Form::Any),
        Meta::NameValue(meta) => form == Form::Any || form != Form::Word && text(&meta.value).is_some(),
        Meta::List(_) => matches!(form, Form::TextOrTwo | Form::Any),
    };
    let text = format!("`{name} = \"...\"`");
    match form {
        _ if is_right => None,
        Form::Word => Some(format!("`{name}`, and nothing else")),
        Form::WordOrText => Some(format!("`{name}` or {text}")),
        _ => Some(text),
    }
}

/// What settings of the whole ask of its parts.
fn check_container(item: &Item, errors: &mut Errors) {
    let (attributes, all) = match item {
        Item::Struct(item) => (&item.attrs, vec![&item.fields]),
        Item::Enum(item) => (&item.attrs, item.variants.iter().map(|variant| &variant.fields).collect()),
        _ => return,
    };
    let parts = parts(attributes);
    let find = |name: &str| parts.iter().find(|part| part.path().is_ident(name));
    if let (Some(part), Item::Struct(item)) = (find("transparent"), item)
        && item.fields.iter().filter(|field| !is_phantom(field)).count() != 1
    {
        errors.on(part, "serde's `transparent` is for a struct with one field");
    }
    if let (Some(part), Item::Enum(_), None) = (find("content"), item, find("tag")) {
        errors.on(part, "serde's `content` goes beside `tag`");
    }
    let Some(tag) = find("tag").and_then(given) else { return };
    if let Some(content) = find("content").and_then(given) {
        if content.value() == tag.value() {
            errors.on(content, "`tag` and `content` need different names");
        }
        return;
    }
    if find("rename_all").is_none() && find("rename_all_fields").is_none() {
        check_tag(tag, &all, errors);
    }
}

fn is_phantom(field: &Field) -> bool {
    matches!(ungrouped_type(&field.ty), syn::Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "PhantomData"))
}

/// Takes serde's bounds off an item that has nothing to bind, where they are conditions that hold or do not:
/// what is left is a check of them.
pub(crate) fn take_bounds(item: &mut Item) -> TokenStream {
    let is_plain = match item {
        Item::Struct(item) => is_plain(&item.generics),
        Item::Enum(item) => is_plain(&item.generics),
        _ => false,
    };
    let mut checks = TokenStream::new();
    each_attributes(item, |attributes, _| {
        attributes.retain_mut(|attribute| {
            if !is_plain || !attribute.path().is_ident("serde") {
                return true;
            }
            let Ok(parts) = parsed(attribute) else { return true };
            let (bounds, others): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|part| check_of(part).is_some());
            if !bounds.is_empty() {
                let serde = attribute.path();
                *attribute = syn::parse_quote!(#[#serde(#(#others),*)]);
            }
            checks.extend(bounds.iter().filter_map(check_of));
            !others.is_empty()
        });
    });
    checks
}

/// The check of a bound, if it is one that can be read.
fn check_of(part: &Meta) -> Option<TokenStream> {
    if !part.path().is_ident("bound") {
        return None;
    }
    let texts = match part {
        Meta::NameValue(meta) => vec![text(&meta.value)?.clone()],
        Meta::List(list) => {
            let two =
                list.parse_args_with(Punctuated::<syn::MetaNameValue, Token![,]>::parse_terminated).ok()?;
            two.iter().map(|one| text(&one.value).cloned()).collect::<Option<_>>()?
        }
        Meta::Path(_) => return None,
    };
    let check = |text: LitStr| {
        let bounds = text.parse_with(Punctuated::<syn::WherePredicate, Token![,]>::parse_terminated).ok()?;
        Some(quote_spanned!(at(text.span())=>
            const _: () = {
                fn bound<'de>() where #bounds {}
            };
        ))
    };
    texts.into_iter().map(check).collect()
}

/// The text of a setting.
pub(crate) fn given(part: &Meta) -> Option<&LitStr> {
    let Meta::NameValue(meta) = part else { return None };
    text(&meta.value)
}

/// An error where the name of the variant stands under that of a field.
fn check_tag(tag: &LitStr, all: &[&Fields], errors: &mut Errors) {
    let name = |field: &Field| {
        let parts = parts(&field.attrs);
        let renamed = parts.iter().find(|part| part.path().is_ident("rename")).and_then(given);
        let named = field.attrs.iter().find(|attribute| attribute.path().is_ident("name"));
        let named = named.and_then(|attribute| given(&attribute.meta));
        named.or(renamed).map(LitStr::value).or_else(|| field.ident.as_ref().map(plain))
    };
    let taken = tag.value();
    if all.iter().flat_map(|fields| fields.iter()).any(|field| name(field).as_ref() == Some(&taken)) {
        errors.on(tag, format!("a field has the name `{taken}` in files: give the tag another one"));
    }
}
