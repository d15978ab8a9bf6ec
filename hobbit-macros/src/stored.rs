//! Writes how items without generics are written and read by serde.
//!
//! Serde's derives stand on a copy of the item, for which it is a `remote` one: they give functions, and no
//! implementations of serde's traits. Those are there in any case, and use the functions where the types of all
//! fields allow it, as `space/functions.rs` of hobbit says.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Fields, Generics, Item, LitStr, Meta, Type, Visibility, parse_quote};

use crate::bind;
use crate::configure::{each_attributes, filter};
use crate::constant::{at, mentions};
use crate::expand::{allowed, hobbit};
use crate::model::plain;
use crate::named::{TypeNames, conditions};
use crate::needs::all_fields;
use crate::serde::{derives, keep_texts, settings, used};
use crate::settings::parts;

/// The name of the copy.
const STORED: &str = "__HobbitStored";

/// Whether an item has nothing that a copy could not mention.
pub(crate) fn is_plain(generics: &Generics) -> bool {
    generics.params.is_empty() && generics.where_clause.is_none()
}

/// The item, and how it is written and read; `bound` is the item with what serde may assume.
pub(crate) fn stored(item: &Item, bound: Item, types: &TypeNames) -> TokenStream {
    let (mut item, mut copy) = (item.clone(), bound);
    let used = used(&take_derives(&mut item));
    let (Item::Struct(syn::ItemStruct { ident, .. }) | Item::Enum(syn::ItemEnum { ident, .. })) = &item
    else {
        return item.into_token_stream();
    };
    let ident = ident.clone();
    bind::bind_default(&mut copy);
    keep_texts(&mut copy);
    keep_settings(&mut copy);
    let names = names(&copy, &ident);
    let aliases = &types.items;
    let settings = settings(&copy);
    name_types(&mut copy, types);
    unnamed(&mut copy, &ident);
    let hobbit = hobbit();
    let derives = derives();
    let registered =
        has_settings(&item).then(|| quote!(#[::core::prelude::v1::derive(#hobbit::__private::Settled)]));
    let allowed = allowed(&item);
    let implementations = implementations(&ident);
    quote_spanned! {Span::mixed_site()=>
        #registered
        #item

        #allowed
        const _: () = {
            use #hobbit::__private as __hobbit;

            #used
            #aliases

            #derives
            #[serde(#names, #settings)]
            #copy

            #implementations
        };
    }
}

fn implementations(ident: &Ident) -> TokenStream {
    let stored = Ident::new(STORED, Span::mixed_site());
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl __hobbit::serde::Serialize for #ident {
            fn serialize<__S: __hobbit::serde::Serializer>(
                &self,
                serializer: __S,
            ) -> __hobbit::StdResult<__S::Ok, __S::Error> {
                use __hobbit::Unstored as _;
                #stored::serialize(self, serializer)
            }
        }

        #[automatically_derived]
        impl<'de> __hobbit::serde::Deserialize<'de> for #ident {
            fn deserialize<__D: __hobbit::serde::Deserializer<'de>>(
                deserializer: __D,
            ) -> __hobbit::StdResult<Self, __D::Error> {
                use __hobbit::Unstored as _;
                #stored::deserialize(deserializer)
            }
        }
    }
}

/// Takes serde's derives off the item.
pub(crate) fn take_derives(item: &mut Item) -> Vec<syn::Path> {
    let attributes = match item {
        Item::Struct(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        _ => return Vec::new(),
    };
    let mut taken = Vec::new();
    attributes.retain_mut(|attribute| {
        if !attribute.path().is_ident("derive") {
            return true;
        }
        let all = attribute
            .parse_args_with(syn::punctuated::Punctuated::<syn::Path, syn::Token![,]>::parse_terminated);
        // what does not parse is the compiler's to complain about
        let Ok(all) = all else { return true };
        let (serde, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|path| {
            path.segments.last().is_some_and(|last| last.ident == "Serialize" || last.ident == "Deserialize")
        });
        if !serde.is_empty() {
            let derive = attribute.path();
            *attribute = parse_quote!(#[#derive(#(#others),*)]);
        }
        taken.extend(serde);
        !others.is_empty()
    });
    taken
}

/// Takes off what is not serde's, nor says whether something is there.
fn keep_settings(copy: &mut Item) {
    each_attributes(copy, |attributes, _| {
        filter(attributes, &|attribute: &Attribute| {
            ["serde", "cfg"].iter().any(|name| attribute.path().is_ident(name))
        });
    });
}

/// Whether something of serde's is said on the item or in it.
fn has_settings(item: &Item) -> bool {
    let mut found = false;
    each_attributes(&mut item.clone(), |attributes, _| {
        found |= attributes.iter().any(|attribute| mentions(attribute.to_token_stream(), "serde", false));
    });
    found
}

/// The settings that say whose copy it is: in files and errors it has the item's name.
fn names(copy: &Item, ident: &Ident) -> TokenStream {
    let attributes = match copy {
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        _ => return TokenStream::new(),
    };
    let remote = LitStr::new(&ident.to_string(), at(ident.span()));
    let mut ways = vec!["serialize", "deserialize"];
    for part in parts(attributes).iter().filter(|part| part.path().is_ident("rename")) {
        match part {
            Meta::List(list) => ways.retain(|way| !mentions(list.tokens.clone(), way, false)),
            _ => ways.clear(),
        }
    }
    let ways = ways.into_iter().map(|way| Ident::new(way, Span::mixed_site()));
    let name = plain(ident);
    quote!(remote = #remote #(, rename(#ways = #name))*)
}

/// Lets the copy mention types by their names.
fn name_types(copy: &mut Item, types: &TypeNames) {
    let conditions = conditions(copy);
    for ((_, field), conditions) in all_fields(copy).into_iter().zip(conditions) {
        field.ty = Type::Verbatim(types.name_within(&field.ty, &conditions));
    }
}

/// Gives the copy its own name, and makes it a thing of ours, which no lint looks at.
fn unnamed(copy: &mut Item, ident: &Ident) {
    let stored = Ident::new(STORED, Span::mixed_site());
    let change = |fields: &mut Fields| {
        if let Fields::Named(named) = fields {
            named.brace_token = syn::token::Brace(at(named.brace_token.span.join()));
        }
        for field in fields {
            field.vis = Visibility::Inherited;
            if let Some(ident) = &mut field.ident {
                ident.set_span(at(ident.span()));
            }
            if mentions(field.ty.to_token_stream(), "Self", false) {
                let ty = syn::parse2::<Type>(without_self(field.ty.to_token_stream(), ident));
                field.ty = ty.unwrap_or_else(|_| field.ty.clone());
            }
        }
    };
    match copy {
        Item::Struct(item) => {
            item.vis = Visibility::Inherited;
            item.struct_token.span = Span::mixed_site();
            item.ident = stored;
            change(&mut item.fields);
        }
        Item::Enum(item) => {
            item.vis = Visibility::Inherited;
            item.enum_token.span = Span::mixed_site();
            item.brace_token = syn::token::Brace(at(item.brace_token.span.join()));
            item.ident = stored;
            for variant in &mut item.variants {
                variant.ident.set_span(at(variant.ident.span()));
                variant.discriminant = None;
                change(&mut variant.fields);
            }
        }
        _ => {}
    }
}

/// A type in which the item has its name instead of `Self`.
fn without_self(tokens: TokenStream, item: &Ident) -> TokenStream {
    let named = |token: TokenTree| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut item = item.clone();
            item.set_span(ident.span());
            item.into()
        }
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), without_self(group.stream(), item));
            inner.set_span(group.span());
            inner.into()
        }
        token => token,
    };
    tokens.into_iter().map(named).collect()
}
