//! Writes the implementation for structs.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::constant::{Constants, at};
use crate::model::{Constraint, Domain, Field};
use crate::named::TypeNames;
use crate::pieces::{Pieces, converted, local, mentioned, naming, pieces};

/// Helpers, and the functions of the trait.
pub(crate) fn structure(
    name: &str,
    fields: &[Field],
    constraints: &[Constraint],
    constants: &mut Constants<'_>,
) -> (TokenStream, TokenStream) {
    let mut helpers = TokenStream::new();
    let no_conditions = quote!(&[]);
    let pieces = pieces(fields, ("", &no_conditions), 0, &mut helpers, constants);
    let constrained = if constraints.is_empty() {
        Constrained::without(&pieces)
    } else {
        helpers.extend(broken(fields, constraints, constants.names));
        Constrained::new(name, &pieces)
    };
    let (drawing, encoding) = (drawing(name, &pieces, &constrained), encoding(&pieces, &constrained));
    let defaults = defaults(name, fields, constants.names);
    (helpers, quote!(#drawing #encoding #defaults))
}

/// What depends on whether there are constraints.
struct Constrained {
    draw: TokenStream,
    check: TokenStream,
    decode: TokenStream,
}

impl Constrained {
    fn without(Pieces { draws, bindings, .. }: &Pieces) -> Constrained {
        let made = quote_spanned!(Span::mixed_site()=> __hobbit::StdResult::Ok(Self { #(#bindings),* }));
        Constrained { draw: quote!(#(#draws)* #made), check: TokenStream::new(), decode: made }
    }

    fn new(name: &str, Pieces { draws, bindings, .. }: &Pieces) -> Constrained {
        let mixed = Span::mixed_site();
        Constrained {
            draw: quote_spanned!(mixed=> __hobbit::constrained(
                key,
                #name,
                |key| { #(#draws)* __hobbit::StdResult::Ok(Self { #(#bindings),* }) },
                Self::__hobbit_broken
            )),
            check: quote_spanned!(mixed=> __hobbit::present(#name, Self::__hobbit_broken(self))?;),
            decode: quote_spanned!(mixed=>
                let this = Self { #(#bindings),* };
                __hobbit::present(#name, Self::__hobbit_broken(&this))?;
                __hobbit::StdResult::Ok(this)
            ),
        }
    }
}

/// The functions of a struct that go from a key to a value and its description.
fn drawing(name: &str, pieces: &Pieces, Constrained { draw, check, .. }: &Constrained) -> TokenStream {
    let Pieces { parameters, values, checks, bindings, .. } = pieces;
    quote_spanned! {Span::mixed_site()=>
        fn space() -> __hobbit::Space {
            let mut out = __hobbit::Vec::new();
            #(#parameters)*
            __hobbit::Space::new(#name, out)
        }

        fn draw(key: __hobbit::Key) -> __hobbit::Result<Self> {
            #draw
        }

        fn values(&self) -> __hobbit::Vec<(__hobbit::String, __hobbit::Value)> {
            let Self { #(#bindings),* } = self;
            let mut out = __hobbit::Vec::new();
            #(#values)*
            out
        }

        fn check(&self) -> __hobbit::Result<()> {
            let Self { #(#bindings),* } = self;
            #(#checks)*
            #check
            __hobbit::StdResult::Ok(())
        }
    }
}

/// The functions of a struct that go from a value to coordinates and back.
fn encoding(pieces: &Pieces, Constrained { decode, .. }: &Constrained) -> TokenStream {
    let Pieces { encodes, decodes, bindings, drawn, .. } = pieces;
    quote_spanned! {Span::mixed_site()=>
        fn encode(&self) -> __hobbit::Vec<::core::option::Option<__hobbit::f64>> {
            let Self { #(#bindings),* } = self;
            #(let #drawn = ::core::option::Option::Some(#drawn);)*
            let mut out = __hobbit::Vec::new();
            #(#encodes)*
            out
        }

        fn decode(coordinates: &[::core::option::Option<__hobbit::f64>]) -> __hobbit::Result<Self> {
            let mut coordinates = __hobbit::Coordinates(coordinates);
            #(#decodes)*
            coordinates.finish()?;
            #decode
        }
    }
}

/// The function that finds the first constraint that is broken.
fn broken(fields: &[Field], constraints: &[Constraint], names: &TypeNames) -> TokenStream {
    let conditions: TokenStream = constraints
        .iter()
        .map(|Constraint { condition, why }| {
            quote_spanned!(at(condition.span())=>
                // whatever it leaves by, it leaves this condition alone
                if !__hobbit::holds(|| #condition) {
                    return ::core::option::Option::Some(#why);
                }
            )
        })
        .collect();
    let (named, conditions) = naming(fields, names, conditions, |place| {
        let ident = &fields[place].ident;
        quote_spanned!(Span::mixed_site()=> &this.#ident)
    });
    quote_spanned! {Span::mixed_site()=>
        fn __hobbit_broken(this: &Self) -> ::core::option::Option<&'static __hobbit::str> {
            #named
            #conditions
            ::core::option::Option::None
        }
    }
}

/// The configuration of the defaults, where there are any.
fn defaults(name: &str, fields: &[Field], names: &TypeNames) -> TokenStream {
    if fields.iter().all(|field| field.default.is_none()) {
        return TokenStream::new();
    }
    let mixed = Span::mixed_site();
    let follows =
        |field: &Field| matches!(field.domain, Domain::Fixed(_) | Domain::Derived(_) | Domain::Nested);
    let missing: Vec<_> = fields
        .iter()
        .filter(|field| field.default.is_none() && !follows(field))
        .map(|field| &field.name)
        .collect();
    if !missing.is_empty() {
        return quote_spanned! {mixed=>
            fn defaults() -> __hobbit::Result<Self> {
                __hobbit::StdResult::Err(__hobbit::missing_defaults(#name, &[#(#missing),*]))
            }
        };
    }
    let bindings = fields.iter().enumerate().map(|(place, Field { ident, .. })| {
        let value = local(place);
        quote!(#ident: #value)
    });
    let made = (0..fields.len()).map(|place| default(fields, place, names));
    quote_spanned! {mixed=>
        fn defaults() -> __hobbit::Result<Self> {
            #(#made)*
            let this = Self { #(#bindings),* };
            __hobbit::SearchSpace::check(&this)?;
            __hobbit::StdResult::Ok(this)
        }
    }
}

/// The statement that gives a field its default.
fn default(fields: &[Field], place: usize, names: &TypeNames) -> TokenStream {
    let mixed = Span::mixed_site();
    let Field { ty, default, domain, .. } = &fields[place];
    let ty = names.name(ty);
    let value = local(place);
    match (default, domain) {
        (Some(default), _) => {
            let default = converted(default, &ty);
            let (named, default) = naming(&fields[..place], names, default, |place| {
                let value = local(place);
                quote!(&#value)
            });
            quote_spanned!(mixed=> let #value: #ty = { #named #default };)
        }
        (None, Domain::Fixed(expr) | Domain::Derived(expr)) => {
            let function = format_ident!("__hobbit_made_{place}");
            let before = mentioned(fields, place, expr).into_iter().map(local);
            quote_spanned!(mixed=> let #value: #ty = Self::#function((#(&#before,)*))?;)
        }
        (None, _) => {
            let function = format_ident!("__hobbit_domain_{place}");
            quote_spanned!(mixed=> let #value: #ty = __hobbit::Field::<#ty>::defaults(&Self::#function())?;)
        }
    }
}
