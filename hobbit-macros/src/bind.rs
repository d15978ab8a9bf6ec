//! Says to serde's derives what they may assume of the types of fields, so that a type that lacks it is no error
//! there: see `needs`.

use std::collections::HashSet;

use proc_macro2::{Span, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Item, LitStr, Type, parse_quote};

use crate::constant::at;
use crate::domain::is_projected;
use crate::expand::hobbit;
use crate::model::{Domain, Field, Input, inside, text};
use crate::named::{TypeNames, conditions};
use crate::needs::{
    Scope, all_fields, attributes, default_of, fields, half_written, innermost, is_default, is_defaulted,
    is_said,
};
use crate::serde::has_own_form;
use crate::settings::parts;
use crate::stored::is_plain;

/// Says to serde's derives what they may assume of the types of fields: that they can be written and read, and
/// have a default if serde is to take it.
pub(crate) fn bind(item: &mut Item, names: &TypeNames) {
    let scope = Scope::of_item(item);
    let private = private();
    let conditions = conditions(item);
    let is_own = has_own_form(attributes(item));
    // what is said of a type for one field holds for all, and costs the compiler time whenever it is said
    let mut said = HashSet::new();
    for ((is_written, field), conditions) in all_fields(item).into_iter().zip(conditions) {
        if !scope.is_users(&field.ty) {
            continue;
        }
        let is_defaulted = !is_own && is_defaulted(field);
        let (writes, reads) = half_written(field, is_written, is_own);
        if !(is_defaulted || writes || reads) {
            continue;
        }
        let ty = names.text(&field.ty, &conditions);
        // a field that is not there says nothing
        let when = quote!(#(#conditions)*).to_string();
        let mut is_new = |predicate: &str| said.insert(format!("{when} {predicate}"));
        let mut reading = Vec::new();
        if is_defaulted {
            name_function(&mut field.attrs);
            reading.push(format!("for<'hobbit> {ty}: {private}::Defaulted<'hobbit>"));
        }
        if reads {
            // for any lifetime: what can be read for `'static` alone would pass for what can be read
            reading.push(format!("for<'hobbit> {ty}: {private}::serde::Deserialize<'hobbit>"));
        }
        reading.retain(|predicate| is_new(predicate));
        let text = |predicate: &str| LitStr::new(predicate, last(&field.ty));
        let reading = (!reading.is_empty()).then(|| text(&reading.join(", ")));
        let reading = reading.map(|reading| quote!(deserialize = #reading,));
        let writing = format!("for<'hobbit> {ty}: {private}::Written<'hobbit>");
        let writing = (writes && is_new(&writing)).then(|| text(&writing));
        let writing = writing.map(|writing| quote!(serialize = #writing));
        let function = LitStr::new(&format!("{private}::written"), Span::mixed_site());
        let function = writes.then(|| quote!(serialize_with = #function,));
        let bound = (reading.is_some() || writing.is_some()).then(|| quote!(bound(#reading #writing)));
        field.attrs.push(parse_quote!(#[serde(#function #bound)]));
    }
}

/// Lets texts that are chosen from be read whatever name their type is given: it may be `&'static str`, which
/// serde would take for a part of what it reads.
pub(crate) fn bind_texts(input: &Input, item: &mut Item, names: &TypeNames) {
    if !is_plain(&input.generics) {
        return;
    }
    let scope = Scope::of(&input.ident, &input.generics);
    let private = private();
    for ((is_written, field), Field { domain, .. }) in all_fields(item).into_iter().zip(fields(&input.body)) {
        let (domain, inner) = innermost(domain, &field.ty);
        let Domain::Choice { options, .. } = domain else { continue };
        let is_text = options.iter().all(|(option, _)| text(option).is_some());
        let is_default = parts(&field.attrs).iter().any(is_default);
        let (option, list) = (inside(&field.ty, "Option"), inside(&field.ty, "Vec"));
        let is_readable = [Some(&field.ty), option, list, option.and_then(|ty| inside(ty, "Vec"))]
            .into_iter()
            .flatten()
            .any(|ty| ty == inner);
        if is_written && is_text && is_readable && scope.is_users(&field.ty) {
            if option.is_some() && !is_default {
                // as serde does it where it reads options itself
                field.attrs.push(parse_quote!(#[serde(default)]));
            }
            let ty = names.text(&field.ty, &[]);
            let text = |predicate: String| LitStr::new(&predicate, last(&field.ty));
            let writing = text(format!("for<'hobbit> {ty}: {private}::Written<'hobbit>"));
            let reading = text(format!("for<'hobbit> {ty}: {private}::ReadText<'hobbit>"));
            let write = LitStr::new(&format!("{private}::written"), Span::mixed_site());
            let read = LitStr::new(&format!("{private}::read_text"), Span::mixed_site());
            field.attrs.push(parse_quote!(#[serde(
                serialize_with = #write,
                deserialize_with = #read,
                bound(serialize = #writing, deserialize = #reading)
            )]));
        }
    }
}

/// Says to serde's derives that type parameters are spaces, where they are nested.
pub(crate) fn bind_nested(input: &Input, item: &mut Item) {
    if input.generics.type_params().next().is_none() {
        return;
    }
    let scope = Scope::of(&input.ident, &input.generics);
    let private = private();
    for ((is_written, field), Field { domain, .. }) in all_fields(item).into_iter().zip(fields(&input.body)) {
        let (domain, inner) = innermost(domain, &field.ty);
        let tokens = inner.to_token_stream();
        if is_written
            && matches!(domain, Domain::Nested)
            && !is_projected(inner)
            && !is_said(inner, &input.generics)
            && !scope.is_closed(tokens.clone())
        {
            // not as if the user had written it, who may have bounds of the same parameter elsewhere
            let bound = LitStr::new(&format!("{tokens}: {private}::SearchSpace"), at(last(&field.ty)));
            field.attrs.push(parse_quote!(#[serde(bound = #bound)]));
        }
    }
}

fn private() -> String {
    format!("{}::__private", hobbit()).replace(' ', "")
}

/// The place of the last name in a type, where the compiler says that it does not know it: the same error is
/// reported once.
fn last(ty: &Type) -> Span {
    let mut span = ty.span();
    let mut tokens: Vec<TokenTree> = ty.to_token_stream().into_iter().collect();
    while let Some(token) = tokens.pop() {
        match token {
            TokenTree::Ident(ident) => {
                span = ident.span();
                break;
            }
            TokenTree::Group(group) => tokens.extend(group.stream()),
            _ => {}
        }
    }
    span
}

/// Aliases hobbit's function in serde's `default`; serde's own way would be an error wherever it is used.
fn name_function(attributes: &mut [Attribute]) {
    // serde gives the place of this to names of its own
    let function = LitStr::new(&format!("{}::defaulted", private()), Span::call_site());
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("serde")) {
        let mut parts = parts(std::slice::from_ref(attribute));
        if parts.iter().any(is_default) {
            for part in parts.iter_mut().filter(|part| is_default(part)) {
                *part = parse_quote!(default = #function);
            }
            let serde = attribute.path();
            *attribute = parse_quote!(#[#serde(#(#parts),*)]);
        }
    }
}

/// Says to serde's derives that the whole struct has a default, if it says so itself.
pub(crate) fn bind_default(item: &mut Item) {
    if default_of(item).is_none() {
        return;
    }
    if let Item::Struct(item) = item {
        name_function(&mut item.attrs);
        let bound = format!("for<'hobbit> {}: {}::Defaulted<'hobbit>", item.ident, private());
        let bound = LitStr::new(&bound, at(item.ident.span()));
        item.attrs.push(parse_quote!(#[serde(bound(deserialize = #bound))]));
    }
}
