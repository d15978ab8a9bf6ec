//! When the item is wrong: the errors, the item without hobbit's attributes, and a stub of what would have been derived, so
//! that the mistake is the only error that is seen.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Item};

use crate::attr::stripped;
use crate::expand::hobbit;
use crate::serde::with_stubs;

pub(crate) fn expand(item: Item, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    let mut item = stripped(item, false);
    let attributes = match &mut item {
        Item::Struct(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        other => return quote!(#errors #other),
    };
    // given twice: once is enough for the errors
    let is_again = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "search_space");
    attributes.retain(|attribute| !is_again(attribute.path()));
    let stored = with_stubs(item.clone());
    let stub = stub(&item);
    quote!(#errors #stored #stub)
}

/// An implementation that says nothing.
pub(crate) fn stub(item: &Item) -> TokenStream {
    let (ident, generics) = match item {
        Item::Struct(item) => (&item.ident, &item.generics),
        Item::Enum(item) => (&item.ident, &item.generics),
        _ => return TokenStream::new(),
    };
    let hobbit = hobbit();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let private = quote!(#hobbit::__private);
    quote! {
        const _: () = {
            #[automatically_derived]
            impl #impl_generics #private::SearchSpace for #ident #type_generics #where_clause {
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
