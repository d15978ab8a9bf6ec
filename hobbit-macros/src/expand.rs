//! Writes the implementation.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Item;

use crate::bind;
use crate::constant::{Constants, mentions};
use crate::finite;
use crate::model::{Body, Input};
use crate::named::TypeNames;
use crate::needs::{self, Predicates};
use crate::serde::stored;
use crate::stored::is_plain;
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
    let mut bound = input.item.clone();
    bind::bind_nested(input, &mut bound);
    let names = TypeNames::of_item(&bound);
    bind::bind_texts(input, &mut bound, &names);
    bind::bind(&mut bound, &names);
    let item = stored(&input.item, bound, &names);
    let implementation = implementation(input);
    quote!(#item #implementation)
}

/// Lets what is written beside the item use what is deprecated in it.
pub(crate) fn allowed(item: &Item) -> TokenStream {
    match mentions(item.to_token_stream(), "deprecated", false) {
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
    let names = TypeNames::of(input);
    let Predicates { domains, space, apart } = needs::predicates(input, &names);
    let asked = (!apart.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> fn asked() where #apart {}));
    let predicates = quote!(#given #comma #domains);
    // a generic item is a space wherever it can be written and read
    let stored = (!input.generics.params.is_empty()).then(
        || quote!(#ident #type_generics: __hobbit::serde::Serialize + __hobbit::serde::de::DeserializeOwned,),
    );
    let mut constants = Constants::new(&input.generics, &names);
    let (helpers, body) = match &input.body {
        Body::Struct(fields) => structure(&name, fields, &input.constraints, &mut constants),
        Body::Enum(variants) => enumeration(&name, variants, &mut constants),
    };
    let variants = match &input.body {
        Body::Enum(variants) if input.generics.params.is_empty() => listed(ident, variants),
        _ => TokenStream::new(),
    };
    let (of, forwarded) = if is_plain(&input.generics) {
        (quote!(__hobbit::Functions), forwarded(ident, &finite::finite(input, &names)))
    } else {
        (quote!(__hobbit::SearchSpace), TokenStream::new())
    };
    let finite = finite::finite_of_generic(input, &names);
    let constants = &constants.items;
    let types = &names.items;
    let allowed = allowed(&input.item);
    quote_spanned! {Span::mixed_site()=>
        #allowed
        const _: () = {
            use #hobbit::__private as __hobbit;

            #types

            #(#constants)*

            #variants

            #asked

            impl #impl_generics #ident #type_generics where #stored #predicates {
                #helpers
            }

            #[automatically_derived]
            impl #impl_generics #of for #ident #type_generics where #stored #predicates #space {
                #finite
                #body
            }

            #forwarded
        };
    }
}

/// The implementation for an item without generics: it says nothing of the types of fields, so that where one
/// of them lacks something, no use of the item is an error too.
fn forwarded(ident: &Ident, finite: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl __hobbit::SearchSpace for #ident {
            const IS_FINITE: __hobbit::bool = A_SPACE_WITHIN_ITSELF_HAS_PARAMETERS_WITHOUT_END;

            fn space() -> __hobbit::Space {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::space()
            }

            fn draw(key: __hobbit::Key) -> __hobbit::Result<Self> {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::draw(key)
            }

            fn values(&self) -> __hobbit::Vec<(__hobbit::String, __hobbit::Value)> {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::values(self)
            }

            fn check(&self) -> __hobbit::Result<()> {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::check(self)
            }

            fn encode(&self) -> __hobbit::Vec<::core::option::Option<__hobbit::f64>> {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::encode(self)
            }

            fn decode(coordinates: &[::core::option::Option<__hobbit::f64>]) -> __hobbit::Result<Self> {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::decode(coordinates)
            }

            fn defaults() -> __hobbit::Result<Self> {
                use __hobbit::Lacking as _;
                __hobbit::Calls::<Self>::defaults()
            }
        }

        #finite
    }
}
