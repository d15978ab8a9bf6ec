//! Items of which parts are conditional: `cfg` and `cfg_attr` on fields and variants.
//!
//! An attribute sees them undecided; a derive sees only what is left. So the item is written without hobbit's
//! attributes, and beside it a shadow of it with nothing but them, from which a derive writes the
//! implementation for the item itself.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Item, Meta, Token, parse_quote};

use crate::attr::{self, Place, is_ours};
use crate::errors::Errors;
use crate::expand::{hobbit, implementation};
use crate::named::TypeNames;
use crate::spelling::meant;
use crate::{bind, check, fallback, serde, settings};

/// The name of what is derived from.
const SHADOW: &str = "__HobbitShadow";

/// The attribute of a shadow that says which item it is of.
const SHADOW_OF: &str = "hobbit_shadow_of";

/// Whether there is a `cfg` or `cfg_attr` within.
pub(crate) fn is_conditional(tokens: TokenStream) -> bool {
    let mut after_hash = false;
    tokens.into_iter().any(|token| {
        let was_after_hash = std::mem::replace(
            &mut after_hash,
            matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#'),
        );
        let TokenTree::Group(group) = token else { return false };
        let name = group.stream().into_iter().next();
        let is_cfg = |token: &TokenTree| {
            matches!(token, TokenTree::Ident(ident) if ident == "cfg" || ident == "cfg_attr")
        };
        was_after_hash && name.as_ref().is_some_and(is_cfg) || is_conditional(group.stream())
    })
}

/// Whether an item is wrong whatever its conditions say, as far as the compiler or serde would say so too: that
/// is reported without a look at what is conditional.
pub(crate) fn is_wrong(item: &Item) -> bool {
    let generics = match item {
        Item::Struct(item) => &item.generics,
        Item::Enum(item) => &item.generics,
        _ => return false,
    };
    generics.lifetimes().next().is_some() || is_misspelled(item) || settings::is_wrong(item)
}

/// Whether an attribute of a field is misspelled.
fn is_misspelled(item: &Item) -> bool {
    let mut found = false;
    each_attributes(&mut item.clone(), |attributes, place| {
        found |= place == Place::Field && attributes.iter().any(|attribute| meant(attribute).is_some());
    });
    found
}

/// Writes the item and its shadow.
pub(crate) fn split(mut item: Item) -> TokenStream {
    // a check of a bound might be of what is not there
    settings::take_bounds(&mut item);
    let mut shadow = item.clone();
    each_attributes(&mut shadow, |attributes, place| {
        filter(attributes, &|attribute: &Attribute| {
            is_ours(attribute, place)
                || ["doc", "cfg", "serde"].iter().any(|name| attribute.path().is_ident(name))
        });
        attributes.iter_mut().for_each(wrap);
    });
    let ident = match &mut shadow {
        Item::Struct(item) => &mut item.ident,
        Item::Enum(item) => &mut item.ident,
        other => return other.to_token_stream(),
    };
    // the compiler says of a type in it what it says of it in the item
    let shadow_ident = Ident::new(SHADOW, ident.span());
    let name = std::mem::replace(ident, shadow_ident);
    let of = Ident::new(SHADOW_OF, Span::call_site());
    let mut own = item;
    each_attributes(&mut own, |attributes, place| {
        rename(attributes, place);
        filter(attributes, &|attribute: &Attribute| !is_ours(attribute, place));
    });
    let mut bound = own.clone();
    let names = TypeNames::of_item(&bound);
    bind::bind(&mut bound, &names);
    let stored = serde::stored(&own, bound, &names);
    let hobbit = hobbit();
    quote! {
        #stored
        const _: () = {
            #[::core::prelude::v1::derive(#hobbit::__private::Configured)]
            #[#of(#name)]
            #shadow
        };
    }
}

/// Writes the implementation for the item whose shadow this is.
pub(crate) fn derive(tokens: TokenStream) -> TokenStream {
    match syn::parse2::<Item>(tokens).and_then(|mut item| {
        let (ident, attributes) = match &mut item {
            Item::Struct(item) => (&mut item.ident, &mut item.attrs),
            Item::Enum(item) => (&mut item.ident, &mut item.attrs),
            other => return Err(Error::new_spanned(other, "not a shadow")),
        };
        let shadow = attributes.iter().find(|attribute| attribute.path().is_ident(SHADOW_OF));
        let Some(shadow) = shadow else {
            return Err(Error::new_spanned(
                ident,
                "`Configured` is not for use by itself: use `#[search_space]`",
            ));
        };
        *ident = shadow.parse_args()?;
        attributes.retain(|attribute| !attribute.path().is_ident(SHADOW_OF));
        each_attributes(&mut item, |attributes, _| attributes.iter_mut().for_each(unwrap));
        Ok(item)
    }) {
        Ok(item) => {
            let mut errors = Errors::default();
            let input = attr::parse(TokenStream::new(), item.clone(), &mut errors);
            if let Some(input) = &input {
                check::check(input, &mut errors);
                serde::check(&item, &mut errors);
            }
            match (input, errors.finish()) {
                (Some(input), Ok(())) => implementation(&input),
                (_, Err(error)) => {
                    let stub = fallback::stub(&item, false);
                    let error = error.to_compile_error();
                    quote!(#error #stub)
                }
                (None, Ok(())) => TokenStream::new(),
            }
        }
        Err(error) => error.to_compile_error(),
    }
}

/// The attributes of the item, its variants, and its fields.
pub(crate) fn each_attributes(item: &mut Item, mut change: impl FnMut(&mut Vec<Attribute>, Place)) {
    match item {
        Item::Struct(item) => {
            change(&mut item.attrs, Place::Item);
            item.fields.iter_mut().for_each(|field| change(&mut field.attrs, Place::Field));
        }
        Item::Enum(item) => {
            change(&mut item.attrs, Place::Item);
            for variant in &mut item.variants {
                change(&mut variant.attrs, Place::Variant);
                variant.fields.iter_mut().for_each(|field| change(&mut field.attrs, Place::Field));
            }
        }
        _ => {}
    }
}

/// Writes `default = value` as `default(= value)`: what a derive sees may have nothing but literals there.
fn wrap(attribute: &mut Attribute) {
    if let Some((condition, mut inner)) = conditional(attribute) {
        inner.iter_mut().for_each(wrap);
        *attribute = joined(&condition, &inner);
    } else if let (true, Meta::NameValue(given)) = (attribute.path().is_ident("default"), &attribute.meta) {
        let (name, equals, value) = (&given.path, &given.eq_token, &given.value);
        *attribute = parse_quote!(#[#name(#equals #value)]);
    }
}

/// Undoes [`wrap`].
fn unwrap(attribute: &mut Attribute) {
    if let (true, Meta::List(list)) = (attribute.path().is_ident("default"), &attribute.meta)
        && matches!(list.tokens.clone().into_iter().next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '=')
    {
        let (name, tokens) = (&list.path, &list.tokens);
        *attribute = parse_quote!(#[#name #tokens]);
    }
}

/// What a `cfg_attr` says: the condition, and the attributes.
fn conditional(attribute: &Attribute) -> Option<(Meta, Vec<Attribute>)> {
    if !attribute.path().is_ident("cfg_attr") {
        return None;
    }
    let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    let mut parts = parts.into_iter();
    let condition = parts.next()?;
    Some((condition, parts.map(|meta| parse_quote!(#[#meta])).collect()))
}

/// A `cfg_attr` of this condition and these attributes.
fn joined(condition: &Meta, attributes: &[Attribute]) -> Attribute {
    let metas = attributes.iter().map(|attribute| &attribute.meta);
    parse_quote!(#[cfg_attr(#condition, #(#metas),*)])
}

/// Keeps attributes, those within `cfg_attr` too.
pub(crate) fn filter(attributes: &mut Vec<Attribute>, keep: &dyn Fn(&Attribute) -> bool) {
    attributes.retain_mut(|attribute| match conditional(attribute) {
        Some((condition, mut inner)) => {
            filter(&mut inner, keep);
            *attribute = joined(&condition, &inner);
            !inner.is_empty()
        }
        None => keep(attribute),
    });
}

/// Files use the names that parameters are given.
fn rename(attributes: &mut Vec<Attribute>, place: Place) {
    if place != Place::Field {
        return;
    }
    let mut added = Vec::new();
    for attribute in attributes.iter_mut() {
        if let Some((condition, mut inner)) = conditional(attribute) {
            rename(&mut inner, place);
            *attribute = joined(&condition, &inner);
        } else if let Some(name) = attr::renamed(attribute) {
            added.push(name);
        }
    }
    attributes.append(&mut added);
}
