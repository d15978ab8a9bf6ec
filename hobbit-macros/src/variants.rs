//! Writes the implementation for enums, in a size that grows with the number of variants and no faster.

use proc_macro2::{Ident, Literal as LiteralToken, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use crate::constant::Constants;
use crate::expand::{Pieces, hash, pieces};
use crate::model::{Variant, plain};

/// What `choice` takes ranges of, if no variant has fields.
pub(crate) fn listed(ident: &Ident, variants: &[Variant]) -> TokenStream {
    if !variants.iter().all(|variant| variant.fields.is_empty()) {
        return TokenStream::new();
    }
    let idents: Vec<_> = variants.iter().map(|variant| &variant.ident).collect();
    let labels = variants.iter().map(|variant| plain(&variant.ident));
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl __hobbit::Variants for #ident {
            const VARIANTS: &'static [(Self, &'static __hobbit::str)] = &[#((Self::#idents {}, #labels)),*];
            const TAGS: &'static [__hobbit::isize] = &[#(Self::#idents {} as __hobbit::isize),*];
        }
    }
}

/// Helpers, and the functions of the trait.
pub(crate) fn enumeration(
    name: &str,
    variants: &[Variant],
    constants: &mut Constants,
) -> (TokenStream, TokenStream) {
    let mixed = Span::mixed_site();
    let mut helpers = TokenStream::new();
    let weights = if variants.iter().any(|variant| variant.weight.is_some()) {
        constants.weights(variants.iter().map(|variant| variant.weight.as_ref()))
    } else {
        let ones = variants.iter().map(|_| quote!(1.0));
        quote!(&[#(#ones),*])
    };
    let labels: Vec<_> = variants.iter().map(|variant| plain(&variant.ident)).collect();
    let checks_of_weights = constants.take_inner();
    helpers.extend(quote_spanned! {mixed=>
        const fn __hobbit_weights() -> &'static [__hobbit::f64] {
            #checks_of_weights
            #weights
        }
    });
    let conditions = quote_spanned!(mixed=> &conditions);
    let (mut parameters, mut draws, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let (mut checks, mut encodes, mut decodes, mut places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for (place, (variant, label)) in variants.iter().zip(&labels).enumerate() {
        let ident = &variant.ident;
        let own =
            pieces(&variant.fields, (&format!("{label}."), &conditions), first, &mut helpers, constants);
        first += variant.fields.len();
        let Pieces {
            parameters: listed,
            draws: drawing,
            values: shown,
            checks: checked,
            encodes: encoded,
            decodes: decoded,
            skips,
            bindings,
            drawn,
        } = &own;
        let key = LiteralToken::u64_suffixed(hash(label));
        places.push(quote_spanned!(mixed=> Self::#ident { .. } => #place,));
        if !listed.is_empty() {
            parameters.push(quote_spanned!(mixed=> {
                let conditions = [__hobbit::is_kind(#label)];
                #(#listed)*
            }));
        }
        draws.push(quote_spanned!(mixed=> #place => {
            let key = __hobbit::Key::child(key, #key);
            #(#drawing)*
            __hobbit::StdResult::Ok(Self::#ident { #(#bindings),* })
        }));
        values.push(quote_spanned!(mixed=> Self::#ident { #(#bindings),* } => {
            out.push(__hobbit::kind_value(#label));
            #(#shown)*
        }));
        checks.push(quote_spanned!(mixed=> Self::#ident { #(#bindings),* } => { #(#checked)* }));
        if !drawn.is_empty() {
            let absent = drawn.iter().map(|_| quote!(::core::option::Option::None));
            encodes.push(quote_spanned!(mixed=> {
                let (#(#drawn,)*) = match self {
                    Self::#ident { #(#bindings),* } => (#(::core::option::Option::Some(#drawn),)*),
                    _ => (#(#absent,)*),
                };
                #(#encoded)*
            }));
        }
        decodes.push(quote_spanned!(mixed=> let made = if place == #place {
            #(#decoded)*
            ::core::option::Option::Some(Self::#ident { #(#bindings),* })
        } else {
            #(#skips)*
            made
        };));
    }
    let place_of = format_ident!("__hobbit_place", span = mixed);
    helpers.extend(quote_spanned! {mixed=>
        fn #place_of(&self) -> __hobbit::usize {
            match self { #(#places)* }
        }
    });
    let body = quote_spanned! {mixed=>
        fn space() -> __hobbit::Space {
            let mut out = __hobbit::Vec::new();
            out.push(__hobbit::kind(&[#(#labels),*], Self::__hobbit_weights()));
            #(#parameters)*
            __hobbit::Space::new(#name, out)
        }

        fn draw(key: __hobbit::Key) -> __hobbit::Result<Self> {
            match __hobbit::draw_kind(key, Self::__hobbit_weights()) {
                #(#draws)*
                _ => ::core::unreachable!("there is a branch for each variant"),
            }
        }

        fn values(&self) -> __hobbit::Vec<(__hobbit::String, __hobbit::Value)> {
            let mut out = __hobbit::Vec::new();
            match self { #(#values)* }
            out
        }

        fn check(&self) -> __hobbit::Result<()> {
            match self { #(#checks)* }
            __hobbit::StdResult::Ok(())
        }

        fn encode(&self) -> __hobbit::Vec<::core::option::Option<__hobbit::f64>> {
            let place = Self::#place_of(self);
            let mut out = __hobbit::Vec::new();
            out.push(::core::option::Option::Some(__hobbit::variant_unit(Self::__hobbit_weights(), place)));
            #(#encodes)*
            out
        }

        fn decode(coordinates: &[::core::option::Option<__hobbit::f64>]) -> __hobbit::Result<Self> {
            let mut coordinates = __hobbit::Coordinates(coordinates);
            let place = __hobbit::weighted(Self::__hobbit_weights(), coordinates.take("kind")?);
            let made = ::core::option::Option::None;
            #(#decodes)*
            coordinates.finish()?;
            match made {
                ::core::option::Option::Some(made) => __hobbit::StdResult::Ok(made),
                ::core::option::Option::None => ::core::unreachable!("there is a branch for each variant"),
            }
        }
    };
    (helpers, body)
}
