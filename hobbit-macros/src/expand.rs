//! Writes the implementation.
//!
//! A field's value is behind a name that no field can have: what users' names mean where the item stands (a
//! constant, a static, a unit struct) is of no matter, but to expressions that mention fields.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Literal as LiteralToken, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Type};

use crate::constant::{Constants, at, mentions, replaced};
use crate::domain::{Of, domain};
use crate::model::{Body, Constraint, Domain, Field, Input, text};
use crate::needs::{self, Predicates};
use crate::serde::with_derives;
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
    quote_spanned! {Span::mixed_site()=>
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

/// What is written for a list of fields: one piece for each, in their order.
#[derive(Default)]
pub(crate) struct Pieces {
    pub(crate) parameters: Vec<TokenStream>,
    pub(crate) draws: Vec<TokenStream>,
    pub(crate) values: Vec<TokenStream>,
    pub(crate) checks: Vec<TokenStream>,
    pub(crate) encodes: Vec<TokenStream>,
    pub(crate) decodes: Vec<TokenStream>,
    pub(crate) skips: Vec<TokenStream>,
    /// `field: name` of all fields, in patterns and expressions.
    pub(crate) bindings: Vec<TokenStream>,
    /// The names of fields with parameters.
    pub(crate) drawn: Vec<Ident>,
}

/// The name behind which the value of a field is.
pub(crate) fn local(place: usize) -> Ident {
    format_ident!("field_{place}", span = Span::mixed_site())
}

/// Tokens that the compiler takes for being elsewhere when it complains.
fn located(tokens: TokenStream, span: Span) -> TokenStream {
    let located = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            let inner = located(group.stream(), span);
            token = proc_macro2::Group::new(group.delimiter(), inner).into();
        }
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(located).collect()
}

/// An expression in which the earlier fields that it mentions have their own names: the statements that make
/// it so, and it.
///
/// A name in capitals might be that of a constant or a variant where the item stands, which no statement can
/// make another; so it is replaced.
fn naming(
    fields: &[Field],
    mut expr: TokenStream,
    value: impl Fn(usize) -> TokenStream,
) -> (TokenStream, TokenStream) {
    let mut statements = TokenStream::new();
    for (place, Field { ident, ty, .. }) in fields.iter().enumerate() {
        if !mentions(expr.clone(), &ident.to_string(), true) {
            continue;
        }
        let value = value(place);
        let is_capital = ident.to_string().starts_with(char::is_uppercase);
        let name = if is_capital {
            format_ident!("named_{place}", span = Span::mixed_site())
        } else {
            ident.clone()
        };
        if is_capital {
            expr = replaced(expr, ident, &name);
        }
        let value = located(value, ty.span());
        statements.extend(quote_spanned!(at(ident.span())=>
            #[allow(unused_variables, non_snake_case)]
            let #name: #ty = __hobbit::Mentioned::mentioned(#value);
        ));
    }
    (statements, expr)
}

/// An expression as a value of this type; a literal text becomes a `String`.
fn converted(expr: &Expr, ty: &Type) -> TokenStream {
    match text(expr) {
        Some(text) => quote_spanned!(at(text.span())=> <#ty as ::core::convert::From<_>>::from(#text)),
        None => expr.to_token_stream(),
    }
}

/// The places of the earlier fields that the expression of a field mentions.
fn mentioned(fields: &[Field], place: usize, expr: &Expr) -> Vec<usize> {
    let tokens = expr.to_token_stream();
    (0..place).filter(|&place| mentions(tokens.clone(), &fields[place].ident.to_string(), true)).collect()
}

/// The function that makes a fixed or derived field of those before it.
fn made(fields: &[Field], place: usize, expr: &Expr, helpers: &mut TokenStream, number: usize) -> Ident {
    let Field { ident, ty, .. } = &fields[place];
    let function = format_ident!("__hobbit_made_{number}", span = at(ident.span()));
    let of = mentioned(fields, place, expr);
    let locals = of.iter().map(|&place| local(place));
    let types = of.iter().map(|&place| &fields[place].ty);
    let (named, value) =
        naming(&fields[..place], converted(expr, ty), |place| local(place).to_token_stream());
    // one argument, however many parts it has
    helpers.extend(quote_spanned! {at(ident.span())=>
        #[allow(clippy::type_complexity)]
        fn #function((#(#locals,)*): (#(&#types,)*)) -> __hobbit::Result<#ty> {
            #named
            let value: #ty = #value;
            __hobbit::StdResult::Ok(value)
        }
    });
    function
}

/// In `values`, `checks` and `encodes`, a field's value is behind a reference; in `draws` and `decodes` it is
/// made, by value. `prefix` goes before names, `conditions` is a slice of conditions, `first` is the number
/// of the first field among all.
pub(crate) fn pieces(
    fields: &[Field],
    (prefix, conditions): (&str, &TokenStream),
    first: usize,
    helpers: &mut TokenStream,
    constants: &mut Constants,
) -> Pieces {
    let mut out = Pieces::default();
    let mixed = Span::mixed_site();
    for (place, field) in fields.iter().enumerate() {
        let Field { ident, ty, description, .. } = field;
        let name = format!("{prefix}{}", field.name);
        let value = local(place);
        out.bindings.push(quote!(#ident: #value));
        if let Domain::Fixed(expr) | Domain::Derived(expr) = &field.domain {
            let function = made(fields, place, expr, helpers, first + place);
            let before: Vec<_> = mentioned(fields, place, expr).into_iter().map(local).collect();
            let make = quote_spanned!(mixed=> let #value: #ty = Self::#function((#(&#before,)*))?;);
            out.draws.push(make.clone());
            out.decodes.push(make);
            out.values.push(quote_spanned!(mixed=>
                out.push((__hobbit::owned(#name), __hobbit::Made::shown(#value)));
            ));
            out.checks.push(quote_spanned!(mixed=>
                __hobbit::Made::same(#value, #name, &Self::#function((#(#before,)*))?)?;
            ));
            continue;
        }
        let function = format_ident!("__hobbit_domain_{}", first + place, span = at(ty.span()));
        let of = Of { name: &name, what: &field.name, whole: ty };
        let domain = domain(&field.domain, of, ty, constants);
        let checks = constants.take_inner();
        helpers.extend(quote_spanned! {at(ty.span())=>
            fn #function() -> impl __hobbit::Field<#ty> {
                #checks
                #domain
            }
        });
        let field = quote_spanned!(mixed=> __hobbit::Field::<#ty>);
        let domain = quote_spanned!(mixed=> &Self::#function());
        let key = LiteralToken::u64_suffixed(hash(&fields[place].name));
        out.drawn.push(value.clone());
        out.parameters.push(quote_spanned!(mixed=> #field::parameters(
            #domain,
            &__hobbit::Names { name: #name, description: #description, conditions: #conditions },
            &mut out
        );));
        out.draws.push(quote_spanned!(mixed=>
            let #value: #ty = #field::draw(#domain, __hobbit::Key::child(key, #key))?;
        ));
        out.values.push(quote_spanned!(mixed=> #field::values(#domain, #name, #value, &mut out);));
        out.checks.push(quote_spanned!(mixed=> #field::check(#domain, #name, #value)?;));
        out.encodes.push(quote_spanned!(mixed=> #field::encode(#domain, #value, &mut out);));
        out.decodes.push(
            quote_spanned!(mixed=> let #value: #ty = #field::decode(#domain, #name, &mut coordinates)?;),
        );
        out.skips.push(quote_spanned!(mixed=> coordinates.skip(#field::width(#domain));));
    }
    out
}

/// Helpers, and the functions of the trait.
fn structure(
    name: &str,
    fields: &[Field],
    constraints: &[Constraint],
    constants: &mut Constants,
) -> (TokenStream, TokenStream) {
    let mut helpers = TokenStream::new();
    let no_conditions = quote!(&[]);
    let Pieces { parameters, draws, values, checks, encodes, decodes, bindings, drawn, .. } =
        pieces(fields, ("", &no_conditions), 0, &mut helpers, constants);
    let mixed = Span::mixed_site();
    let made = quote_spanned!(mixed=> __hobbit::StdResult::Ok(Self { #(#bindings),* }));
    let (draw, check, decode) = if constraints.is_empty() {
        (quote!(#(#draws)* #made), quote!(), made.clone())
    } else {
        helpers.extend(broken(fields, constraints));
        (
            quote_spanned!(mixed=> __hobbit::constrained(key, #name, |key| { #(#draws)* #made }, Self::__hobbit_broken)),
            quote_spanned!(mixed=> __hobbit::present(#name, Self::__hobbit_broken(self))?;),
            quote_spanned!(mixed=>
                let this = Self { #(#bindings),* };
                __hobbit::present(#name, Self::__hobbit_broken(&this))?;
                __hobbit::StdResult::Ok(this)
            ),
        )
    };
    let defaults = defaults(name, fields);
    let body = quote_spanned! {mixed=>
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

        #defaults
    };
    (helpers, body)
}

/// The function that finds the first constraint that is broken.
fn broken(fields: &[Field], constraints: &[Constraint]) -> TokenStream {
    let conditions: TokenStream = constraints
        .iter()
        .map(|Constraint { condition, why }| {
            quote_spanned!(at(condition.span())=>
                let holds: __hobbit::bool = #condition;
                if !holds {
                    return ::core::option::Option::Some(#why);
                }
            )
        })
        .collect();
    let (named, conditions) = naming(fields, conditions, |place| {
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
fn defaults(name: &str, fields: &[Field]) -> TokenStream {
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
    let made = fields.iter().enumerate().map(|(place, field)| {
        let Field { ty, default, domain, .. } = field;
        let value = local(place);
        match (default, domain) {
            (Some(default), _) => {
                let (named, default) = naming(&fields[..place], converted(default, ty), |place| {
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
    });
    quote_spanned! {mixed=>
        fn defaults() -> __hobbit::Result<Self> {
            #(#made)*
            let this = Self { #(#bindings),* };
            __hobbit::SearchSpace::check(&this)?;
            __hobbit::StdResult::Ok(this)
        }
    }
}

/// FNV-1a: a field draws from a key of its own, named by its name, so that other fields can come and go.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
