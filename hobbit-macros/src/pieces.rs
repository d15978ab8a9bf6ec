//! Writes what is done with each field.
//!
//! A field's value is behind a name that no field can have: what users' names mean where the item stands (a
//! constant, a static, a unit struct) is of no matter, but to expressions that mention fields.

use proc_macro2::{Ident, Literal as LiteralToken, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use crate::constant::{Constants, at, mentions, replaced};
use crate::domain::{self, Of};
use crate::model::{Domain, Field, text};
use crate::named::TypeNames;

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
pub(crate) fn naming(
    fields: &[Field],
    names: &TypeNames,
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
        let ty = names.name(ty);
        statements.extend(quote_spanned!(at(ident.span())=>
            #[allow(unused_variables, non_snake_case)]
            let #name: #ty = __hobbit::Mentioned::mentioned(#value);
        ));
    }
    (statements, expr)
}

/// An expression as a value of this type; a literal text becomes a `String`.
pub(crate) fn converted(expr: &Expr, ty: &TokenStream) -> TokenStream {
    match text(expr) {
        Some(text) => quote_spanned!(at(text.span())=> <#ty as ::core::convert::From<_>>::from(#text)),
        None => expr.to_token_stream(),
    }
}

/// The places of the earlier fields that the expression of a field mentions.
pub(crate) fn mentioned(fields: &[Field], place: usize, expr: &Expr) -> Vec<usize> {
    let tokens = expr.to_token_stream();
    (0..place).filter(|&place| mentions(tokens.clone(), &fields[place].ident.to_string(), true)).collect()
}

/// The function that makes a fixed or derived field of those before it.
fn made(
    fields: &[Field],
    place: usize,
    expr: &Expr,
    (helpers, names): (&mut TokenStream, &TypeNames),
    number: usize,
) -> Ident {
    let Field { ident, ty, .. } = &fields[place];
    let ty = names.name(ty);
    let function = format_ident!("__hobbit_made_{number}", span = at(ident.span()));
    let of = mentioned(fields, place, expr);
    let locals = of.iter().map(|&place| local(place));
    let types = of.iter().map(|&place| names.name(&fields[place].ty));
    let value = converted(expr, &ty);
    let (named, value) = naming(&fields[..place], names, value, |place| local(place).to_token_stream());
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
    constants: &mut Constants<'_>,
) -> Pieces {
    let mut out = Pieces::default();
    for (place, field) in fields.iter().enumerate() {
        let ident = &field.ident;
        let name = format!("{prefix}{}", field.name);
        let value = local(place);
        let ty = constants.names.name(&field.ty);
        out.bindings.push(quote!(#ident: #value));
        match &field.domain {
            Domain::Fixed(expr) | Domain::Derived(expr) => {
                let function = made(fields, place, expr, (helpers, constants.names), first + place);
                let before: Vec<_> = mentioned(fields, place, expr).into_iter().map(local).collect();
                out.add_made(&ty, &name, &value, (&function, &before));
            }
            _ => {
                let function = drawn(field, &name, helpers, first + place, constants);
                out.add_drawn((field, &ty), &name, &value, (&function, conditions));
            }
        }
    }
    out
}

/// The function of the domain of a field.
fn drawn(
    Field { ty, domain, name: what, .. }: &Field,
    name: &str,
    helpers: &mut TokenStream,
    number: usize,
    constants: &mut Constants<'_>,
) -> Ident {
    let function = format_ident!("__hobbit_domain_{number}", span = at(ty.span()));
    let place = at(domain::place(domain, ty, ty));
    let domain = domain::domain(domain, Of { name, what, whole: ty, number }, ty, constants);
    let checks = constants.take_inner();
    let ty = constants.names.name(ty);
    helpers.extend(quote_spanned! {place=>
        fn #function() -> impl __hobbit::Field<#ty> {
            #checks
            #domain
        }
    });
    function
}

impl Pieces {
    /// Adds a field that a function makes of those before it.
    fn add_made(
        &mut self,
        ty: &TokenStream,
        name: &str,
        value: &Ident,
        (function, before): (&Ident, &[Ident]),
    ) {
        let mixed = Span::mixed_site();
        let make = quote_spanned!(mixed=> let #value: #ty = Self::#function((#(&#before,)*))?;);
        self.draws.push(make.clone());
        self.decodes.push(make);
        self.values.push(quote_spanned!(mixed=>
            out.push((__hobbit::owned(#name), __hobbit::Made::shown(#value)));
        ));
        self.checks.push(quote_spanned!(mixed=>
            __hobbit::Made::same(#value, #name, &Self::#function((#(#before,)*))?)?;
        ));
    }

    /// Adds a field that is drawn from the domain that a function gives.
    fn add_drawn(
        &mut self,
        (Field { description, name: own, .. }, ty): (&Field, &TokenStream),
        name: &str,
        value: &Ident,
        (function, conditions): (&Ident, &TokenStream),
    ) {
        let mixed = Span::mixed_site();
        let field = quote_spanned!(mixed=> __hobbit::Field::<#ty>);
        let domain = quote_spanned!(mixed=> &Self::#function());
        let key = LiteralToken::u64_suffixed(hash(own));
        self.drawn.push(value.clone());
        self.parameters.push(quote_spanned!(mixed=> #field::parameters(
            #domain,
            &__hobbit::Names { name: #name, description: #description, conditions: #conditions },
            &mut out
        );));
        self.draws.push(quote_spanned!(mixed=>
            let #value: #ty = #field::draw(#domain, __hobbit::Key::child(key, #key))?;
        ));
        self.values.push(quote_spanned!(mixed=> #field::values(#domain, #name, #value, &mut out);));
        self.checks.push(quote_spanned!(mixed=> #field::check(#domain, #name, #value)?;));
        self.encodes.push(quote_spanned!(mixed=> #field::encode(#domain, #value, &mut out);));
        self.decodes.push(
            quote_spanned!(mixed=> let #value: #ty = #field::decode(#domain, #name, &mut coordinates)?;),
        );
        self.skips.push(quote_spanned!(mixed=> coordinates.skip(#field::width(#domain));));
    }
}

/// FNV-1a: a field draws from a key of its own, named by its name, so that other fields can come and go.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
