//! Writes the implementation.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::constant::{Constants, mentions};
use crate::model::{Body, Input};
use crate::needs::{self, Predicates};
use crate::serde::with_derives;
use crate::structure::structure;
use crate::variants::{enumeration, listed};

/// The path of hobbit, by the name that the user's Cargo.toml gives it.
pub(crate) fn hobbit() -> TokenStream {
    match crate_name("hobbit") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            quote!(::#name)
        }
        _ => quote!(::hobbit),
    }
}

pub(crate) fn expand(input: &Input) -> TokenStream {
    let mut item = input.item.clone();
    needs::bind_nested(input, &mut item);
    needs::bind(&mut item);
    let item = with_derives(&item);
    let implementation = implementation(input);
    quote!(#item #implementation)
}

/// Lets what is written beside the item use what is deprecated in it.
fn allowed(input: &Input) -> TokenStream {
    match mentions(input.item.to_token_stream(), "deprecated", false) {
        true => quote!(#[allow(deprecated)]),
        false => TokenStream::new(),
    }
}

/// What is written beside the item.
pub(crate) fn implementation(input: &Input) -> TokenStream {
    let hobbit = hobbit();
    let ident = &input.ident;
    let name = crate::model::plain(ident);
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let given = where_clause.map(|clause| &clause.predicates).filter(|given| !given.is_empty());
    let comma = given.filter(|given| !given.trailing_punct()).map(|_| quote!(,));
    let Predicates { domains, space } = needs::predicates(input);
    let predicates = quote!(#given #comma #domains);
    // a generic item is a space wherever it can be written and read
    let stored = (!input.generics.params.is_empty()).then(
        || quote!(#ident #type_generics: __hobbit::serde::Serialize + __hobbit::serde::de::DeserializeOwned,),
    );
    let mut constants = Constants::new(&input.generics);
    let (helpers, body) = match &input.body {
        Body::Struct(fields) => structure(&name, fields, &input.constraints, &mut constants),
        Body::Enum(variants) => enumeration(&name, variants, &mut constants),
    };
    let variants = match &input.body {
        Body::Enum(variants) if input.generics.params.is_empty() => listed(ident, variants),
        _ => TokenStream::new(),
    };
    let constants = &constants.items;
    let allowed = allowed(input);
    quote_spanned! {Span::mixed_site()=>
        #allowed
        const _: () = {
            use #hobbit::__private as __hobbit;

            #(#constants)*

            #variants

            impl #impl_generics #ident #type_generics where #stored #predicates {
                #helpers
            }

            #[automatically_derived]
            impl #impl_generics __hobbit::SearchSpace for #ident #type_generics where #stored #predicates #space {
                #body
            }
        };
    }
}
