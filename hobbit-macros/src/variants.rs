//! Writes the implementation for enums, in a size that grows with the number of variants and no faster.

use proc_macro2::{Ident, Literal as LiteralToken, Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::constant::Constants;
use crate::model::{Variant, plain};
use crate::pieces::{Pieces, hash, pieces};

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
            type Itself = Self;
            const VARIANTS: &'static [(Self, &'static __hobbit::str)] = &[#((Self::#idents {}, #labels)),*];
            const TAGS: &'static [__hobbit::isize] = &[#(Self::#idents {} as __hobbit::isize),*];
        }
    }
}

/// What is written for the variants: one piece for each, in their order.
#[derive(Default)]
struct Branches {
    parameters: Vec<TokenStream>,
    draws: Vec<TokenStream>,
    values: Vec<TokenStream>,
    checks: Vec<TokenStream>,
    encodes: Vec<TokenStream>,
    decodes: Vec<TokenStream>,
    places: Vec<TokenStream>,
}

impl Branches {
    /// Adds the variant at this place.
    fn add(&mut self, place: usize, Variant { ident, .. }: &Variant, label: &str, own: &Pieces) {
        let mixed = Span::mixed_site();
        let Pieces { parameters, draws, values, checks, bindings, .. } = own;
        let key = LiteralToken::u64_suffixed(hash(label));
        self.places.push(quote_spanned!(mixed=> Self::#ident { .. } => #place,));
        if !parameters.is_empty() {
            self.parameters.push(quote_spanned!(mixed=> {
                let conditions = [__hobbit::is_kind(#label)];
                #(#parameters)*
            }));
        }
        self.draws.push(quote_spanned!(mixed=> #place => {
            let key = __hobbit::Key::child(key, #key);
            #(#draws)*
            __hobbit::StdResult::Ok(Self::#ident { #(#bindings),* })
        }));
        self.values.push(quote_spanned!(mixed=> Self::#ident { #(#bindings),* } => {
            out.push(__hobbit::kind_value(#label));
            #(#values)*
        }));
        self.checks.push(quote_spanned!(mixed=> Self::#ident { #(#bindings),* } => { #(#checks)* }));
        self.add_coordinates(place, ident, own);
    }

    /// Coordinates are there for the fields of all variants, whichever it is.
    fn add_coordinates(&mut self, place: usize, ident: &Ident, own: &Pieces) {
        let mixed = Span::mixed_site();
        let Pieces { encodes, decodes, skips, bindings, drawn, .. } = own;
        if !drawn.is_empty() {
            let absent = drawn.iter().map(|_| quote!(::core::option::Option::None));
            self.encodes.push(quote_spanned!(mixed=> {
                let (#(#drawn,)*) = match self {
                    Self::#ident { #(#bindings),* } => (#(::core::option::Option::Some(#drawn),)*),
                    _ => (#(#absent,)*),
                };
                #(#encodes)*
            }));
        }
        self.decodes.push(quote_spanned!(mixed=> let made = if place == #place {
            #(#decodes)*
            ::core::option::Option::Some(Self::#ident { #(#bindings),* })
        } else {
            #(#skips)*
            made
        };));
    }

    /// The functions of the trait that go from a key to a value and its description.
    fn drawing(&self, name: &str, labels: &[String]) -> TokenStream {
        let Branches { parameters, draws, values, checks, .. } = self;
        quote_spanned! {Span::mixed_site()=>
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
        }
    }

    /// The functions of the trait that go from a value to coordinates and back.
    fn encoding(&self) -> TokenStream {
        let Branches { encodes, decodes, .. } = self;
        quote_spanned! {Span::mixed_site()=>
            fn encode(&self) -> __hobbit::Vec<::core::option::Option<__hobbit::f64>> {
                let place = Self::__hobbit_place(self);
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
        }
    }
}

/// The function of the variants' weights.
fn weights(variants: &[Variant], constants: &mut Constants<'_>) -> TokenStream {
    let weights = if variants.iter().any(|variant| variant.weight.is_some()) {
        constants.weights(variants.iter().map(|variant| variant.weight.as_ref()))
    } else {
        let ones = variants.iter().map(|_| quote!(1.0));
        quote!(&[#(#ones),*])
    };
    let checks = constants.take_inner();
    quote_spanned! {Span::mixed_site()=>
        const fn __hobbit_weights() -> &'static [__hobbit::f64] {
            #checks
            #weights
        }
    }
}

/// Helpers, and the functions of the trait.
pub(crate) fn enumeration(
    name: &str,
    variants: &[Variant],
    constants: &mut Constants<'_>,
) -> (TokenStream, TokenStream) {
    let mixed = Span::mixed_site();
    let labels: Vec<_> = variants.iter().map(|variant| plain(&variant.ident)).collect();
    let mut helpers = weights(variants, constants);
    let conditions = quote_spanned!(mixed=> &conditions);
    let mut branches = Branches::default();
    let mut first = 0;
    for (place, (variant, label)) in variants.iter().zip(&labels).enumerate() {
        let prefix = format!("{label}.");
        let own = pieces(&variant.fields, (&prefix, &conditions), first, &mut helpers, constants);
        first += variant.fields.len();
        branches.add(place, variant, label, &own);
    }
    let places = &branches.places;
    helpers.extend(quote_spanned! {mixed=>
        fn __hobbit_place(&self) -> __hobbit::usize {
            match self { #(#places)* }
        }
    });
    let (drawing, encoding) = (branches.drawing(name, &labels), branches.encoding());
    (helpers, quote!(#drawing #encoding))
}
