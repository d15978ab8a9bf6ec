//! When the item is wrong: the errors, the item without hobbit's attributes, and a stub of what would have been derived, so
//! that the mistake is the only error that is seen.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Item};

use crate::attr::stripped;
use crate::expand::{hobbit, with_derives};

pub(crate) fn expand(item: Item, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    let item = stripped(item, false);
    let (ident, generics) = match &item {
        Item::Struct(item) => (&item.ident, &item.generics),
        Item::Enum(item) => (&item.ident, &item.generics),
        other => return quote!(#errors #other),
    };
    if generics.lifetimes().next().is_some() {
        return quote!(#errors #item);
    }
    let hobbit = hobbit();
    let derived = with_derives(&item);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #errors
        #derived
        const _: () = {
            use #hobbit::__private as __h;
            #[automatically_derived]
            impl #impl_generics __h::SearchSpace for #ident #type_generics #where_clause {
                fn space() -> __h::Space { ::core::unreachable!() }
                fn draw(_: __h::Key) -> __h::Result<Self> { ::core::unreachable!() }
                fn values(&self) -> __h::Vec<(__h::String, __h::Value)> { ::core::unreachable!() }
                fn check(&self) -> __h::Result<()> { ::core::unreachable!() }
                fn encode(&self) -> __h::Vec<::core::option::Option<f64>> { ::core::unreachable!() }
                fn decode(_: &[::core::option::Option<f64>]) -> __h::Result<Self> { ::core::unreachable!() }
            }
        };
    }
}
