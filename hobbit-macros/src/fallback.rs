//! When the item is wrong: the errors, the item without hobbit's attributes, and a stub of what would have been derived, so
//! that the mistake is the only error that is seen.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Fields, Item};

use crate::attr::is_ours;
use crate::expand::with_derives;

pub(crate) fn expand(mut item: Item, error: &Error) -> TokenStream {
    let errors = error.to_compile_error();
    let stub = match &mut item {
        Item::Struct(item) => {
            for field in &mut item.fields {
                field.attrs.retain(|attribute| !is_ours(attribute));
            }
            let owned = item.generics.lifetimes().next().is_none() && matches!(item.fields, Fields::Named(_));
            let item = if owned { with_derives(item) } else { quote!(#item) };
            return quote!(#errors #item);
        }
        other => quote!(#other),
    };
    quote!(#errors #stub)
}
