//! Writes what lets no space be within itself, by way of others: a value that each space makes of those of the
//! spaces nested in it.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

use crate::constant::at;
use crate::domain::is_projected;
use crate::model::{Domain, Input};
use crate::named::TypeNames;
use crate::needs::{fields, innermost};
use crate::stored::is_plain;

/// The types of nested fields, each with its place. What is in a type with another name is not known here: then
/// it is the type as a whole.
fn nested(input: &Input) -> Vec<(&Type, Span)> {
    let nested = fields(&input.body).filter_map(|field| match innermost(&field.domain, &field.ty) {
        (Domain::Nested, ty) if is_projected(ty) => Some(&field.ty),
        (Domain::Nested, ty) => Some(ty),
        _ => None,
    });
    nested.map(|ty| (ty, at(ty.span()))).collect()
}

/// The static of an item without generics that is made of those of nested spaces: the compiler cannot make it
/// of itself, and says its name. A type that is no space is an error elsewhere.
pub(crate) fn finite(input: &Input, names: &TypeNames) -> TokenStream {
    let parts = parts(input, names);
    quote_spanned! {Span::mixed_site()=>
        static A_SPACE_WITHIN_ITSELF_HAS_PARAMETERS_WITHOUT_END: __hobbit::bool = true #(#parts)*;
    }
}

/// The same of an item with generics, among the functions of `SearchSpace`.
pub(crate) fn finite_of_generic(input: &Input, names: &TypeNames) -> TokenStream {
    if is_plain(&input.generics) {
        return TokenStream::new();
    }
    let parts = parts(input, names);
    quote_spanned!(Span::mixed_site()=> const IS_FINITE: __hobbit::bool = true #(#parts)*;)
}

fn parts(input: &Input, names: &TypeNames) -> Vec<TokenStream> {
    let part = |(ty, span): (&Type, Span)| {
        let ty = names.name(ty);
        quote_spanned!(span=> && { use __hobbit::Endless as _; __hobbit::Finite::<#ty>::IS_FINITE })
    };
    nested(input).into_iter().map(part).collect()
}
