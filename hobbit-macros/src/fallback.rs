//! When the item is wrong: the errors, the item without hobbit's attributes, and a stub of what would have
//! been derived, so that the mistake is the only error that is seen.

use std::collections::HashSet;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, Fields, Item, Type, parse_quote};

use crate::attr::{is_ours, stripped};
use crate::configure::{each_attributes, filter};
use crate::constant::mentions;
use crate::expand::hobbit;
use crate::field::unknown;
use crate::model::{inside, ungrouped_type};
use crate::needs::written;
use crate::serde::with_stubs;
use crate::stored::is_plain;

/// `above` are those of serde's traits that are there already.
pub(crate) fn expand(item: Item, error: Option<&Error>, above: &[&str]) -> TokenStream {
    let errors = error.map(Error::to_compile_error);
    let mut item = item;
    without_follow_ups(&mut item);
    let mut item = stripped(item, false);
    // what is ours in a `cfg_attr`
    each_attributes(&mut item, |attributes, place| {
        filter(attributes, &|attribute: &Attribute| !is_ours(attribute, place));
    });
    let attributes = match &mut item {
        Item::Struct(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        other => return quote!(#errors #other),
    };
    // given twice: once is enough for the errors
    let is_again = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "search_space");
    attributes.retain(|attribute| !is_again(attribute.path()));
    let stored = with_stubs(item.clone(), above);
    let stub = stub(&item, !above.is_empty());
    quote!(#errors #stored #stub)
}

/// Takes out what the compiler would complain about too.
fn without_follow_ups(item: &mut Item) {
    let (ident, all) = match item {
        Item::Struct(item) => (&item.ident, vec![&mut item.fields]),
        Item::Enum(item) => {
            let mut seen = HashSet::new();
            item.variants = std::mem::take(&mut item.variants)
                .into_iter()
                .filter(|variant| seen.insert(variant.ident.clone()))
                .collect();
            (&item.ident, item.variants.iter_mut().map(|variant| &mut variant.fields).collect())
        }
        _ => return,
    };
    for fields in all {
        let Fields::Named(named) = fields else { continue };
        let mut seen = HashSet::new();
        named.named = std::mem::take(&mut named.named)
            .into_iter()
            .filter(|field| seen.insert(field.ident.clone()))
            .map(|mut field| {
                field.ty = sized(&field.ty, ident);
                if let Some(unknown) = unknown(&field).cloned() {
                    field.attrs.retain(|attribute| *attribute != unknown);
                }
                field
            })
            .collect();
    }
}

/// A type instead of one that no field can have.
fn sized(ty: &Type, space: &Ident) -> Type {
    match ungrouped_type(ty) {
        Type::Slice(slice) => {
            let element = &slice.elem;
            parse_quote!(::std::vec::Vec<#element>)
        }
        Type::Path(path) if path.path.is_ident("str") => parse_quote!(::std::string::String),
        Type::ImplTrait(_) | Type::TraitObject(_) | Type::Infer(_) | Type::Never(_) => parse_quote!(()),
        Type::Path(path) if path.path.is_ident("Vec") || path.path.is_ident("Option") => parse_quote!(()),
        // not every trait can be an object
        _ if mentions(ty.to_token_stream(), "dyn", false) => parse_quote!(()),
        _ if mentions_reference(ty.to_token_stream()) => {
            syn::parse2(with_lifetimes(ty.to_token_stream())).unwrap_or_else(|_| ty.clone())
        }
        // a space within itself
        Type::Path(_)
            if [&*space.to_string(), "Self"]
                .iter()
                .any(|name| mentions(ty.to_token_stream(), name, false))
                && inside(ty, "Vec").is_none() =>
        {
            parse_quote!(())
        }
        _ => ty.clone(),
    }
}

/// Takes out the fields that cannot be read back: that has been said.
fn without_references(item: &mut Item) {
    let all = match item {
        Item::Struct(item) => vec![&mut item.fields],
        Item::Enum(item) => item.variants.iter_mut().map(|variant| &mut variant.fields).collect(),
        _ => return,
    };
    for fields in all {
        if let Fields::Named(named) = fields {
            let fields = std::mem::take(&mut named.named).into_iter();
            named.named = fields.filter(|field| !mentions_reference(field.ty.to_token_stream())).collect();
        }
    }
}

fn is(token: &TokenTree, what: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == what)
}

/// Whether a type is or has a reference, but for those in types of functions.
fn mentions_reference(tokens: TokenStream) -> bool {
    !mentions(tokens.clone(), "fn", false)
        && tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => mentions_reference(group.stream()),
            token => is(&token, '&'),
        })
}

/// A type in which each reference has a lifetime: without one, the compiler would ask for it.
fn with_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let elided = is(&token, '&') && !tokens.peek().is_some_and(|next| is(next, '\''));
        let token = match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), with_lifetimes(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            token => token,
        };
        let lifetime = elided.then(|| quote!('static));
        out.extend(quote!(#token #lifetime));
    }
    out
}

/// An implementation that says nothing; `is_foreign` if what writes and reads the item is not hobbit's.
pub(crate) fn stub(item: &Item, is_foreign: bool) -> TokenStream {
    let (ident, generics) = match item {
        Item::Struct(item) => (&item.ident, &item.generics),
        Item::Enum(item) => (&item.ident, &item.generics),
        _ => return TokenStream::new(),
    };
    let hobbit = hobbit();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let private = quote!(#hobbit::__private);
    let given = where_clause.map(|clause| &clause.predicates).filter(|given| !given.is_empty());
    let comma = given.filter(|given| !given.trailing_punct()).map(|_| quote!(,));
    let mut asked = item.clone();
    without_references(&mut asked);
    // without generics, it can be written whatever its fields are
    let mut written = if is_plain(generics) {
        TokenStream::new()
    } else {
        written(&asked, &private, ToTokens::to_token_stream)
    };
    if is_foreign {
        // whether it can be is the compiler's to say
        written.extend(quote!(for<'hobbit> #ident #type_generics: #private::Stored<'hobbit>,));
    }
    quote! {
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #private::SearchSpace for #ident #type_generics where #given #comma #written {
                fn space() -> #private::Space { ::core::unreachable!() }
                fn draw(_: #private::Key) -> #private::Result<Self> { ::core::unreachable!() }
                fn values(&self) -> #private::Vec<(#private::String, #private::Value)> { ::core::unreachable!() }
                fn check(&self) -> #private::Result<()> { ::core::unreachable!() }
                fn encode(&self) -> #private::Vec<::core::option::Option<f64>> { ::core::unreachable!() }
                fn decode(_: &[::core::option::Option<f64>]) -> #private::Result<Self> { ::core::unreachable!() }
            }
        };
    }
}
