//! Writes what domains are given by constants, each expression once, and the checks of them that run when the
//! crate is compiled.

use proc_macro2::{Delimiter, Group, Ident, Literal as LiteralToken, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Generics, Type};

use crate::model::{Literal, limits, literal, primitive, ungrouped};
use crate::named::TypeNames;

/// For code of ours about this place: no name of the user's means anything there, and no lint of theirs looks
/// at it.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// A condition on constants, and what to say where it is broken.
pub(crate) struct Condition {
    holds: TokenStream,
    /// The first and the last token of what is wrong then.
    place: (Span, Span),
    message: String,
}

impl Condition {
    /// A condition whose tokens are reported, all of them.
    pub(crate) fn new(holds: TokenStream, place: impl ToTokens, message: String) -> Condition {
        let mut spans = place.into_token_stream().into_iter().map(|token| token.span());
        let first = spans.next().unwrap_or_else(Span::call_site);
        Condition { holds, place: (first, spans.last().unwrap_or(first)), message }
    }

    /// The assertion. Where it fails, the compiler marks everything from its first token to its last.
    fn asserted(&self) -> TokenStream {
        let Condition { holds, place: (first, last), message } = self;
        let arguments = quote_spanned!(at(*first)=> #holds, #message);
        let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
        arguments.set_span(at(*last));
        quote_spanned!(at(*first)=> ::core::assert! #arguments;)
    }
}

/// The constants of one item, and the checks of them.
pub(crate) struct Constants<'n> {
    /// The names of types.
    pub(crate) names: &'n TypeNames,
    /// Names that a constant outside of the implementation cannot mention.
    bound: Vec<String>,
    count: usize,
    /// Items beside the implementation.
    pub(crate) items: Vec<TokenStream>,
    /// Checks that are only possible within the functions, because generics are in them.
    inner: Vec<TokenStream>,
}

impl<'n> Constants<'n> {
    pub(crate) fn new(generics: &Generics, names: &'n TypeNames) -> Constants<'n> {
        let parameters = generics.params.iter().filter_map(|parameter| match parameter {
            syn::GenericParam::Type(ty) => Some(ty.ident.to_string()),
            syn::GenericParam::Const(constant) => Some(constant.ident.to_string()),
            syn::GenericParam::Lifetime(_) => None,
        });
        let bound = parameters.chain(["Self".to_owned()]).collect();
        Constants { names, bound, count: 0, items: Vec::new(), inner: Vec::new() }
    }

    /// Whether a constant beside the implementation could not be made of it.
    pub(crate) fn is_bound(&self, tokens: impl ToTokens) -> bool {
        self.bound.iter().any(|name| mentions(tokens.to_token_stream(), name, false))
    }

    /// A constant of this type and value: a name for it, or where generics are in it, an expression.
    pub(crate) fn constant(&mut self, ty: &TokenStream, value: &TokenStream, span: Span) -> TokenStream {
        if self.is_bound(ty) || self.is_bound(value) {
            return quote_spanned!(at(span)=> const { let value: #ty = #value; value });
        }
        let name = Ident::new(&format!("__HOBBIT_{}", self.count), at(span));
        self.count += 1;
        self.items.push(quote_spanned!(at(span)=> const #name: #ty = #value;));
        name.to_token_stream()
    }

    /// A real number.
    pub(crate) fn real(&mut self, expr: &Expr) -> TokenStream {
        if let Some(number) = plain_number(expr) {
            return real_token(number.value());
        }
        let span = at(expr.span());
        self.constant(&quote!(__hobbit::f64), &quote_spanned!(span=> (#expr) as __hobbit::f64), expr.span())
    }

    /// A whole number of this type, as an `i128`, and whether it is one. What has another name than a type of
    /// whole numbers may be an alias of one: then the number is of any type, and is held against the limits.
    pub(crate) fn of_type(&mut self, expr: &Expr, ty: &Type) -> (TokenStream, TokenStream) {
        let Some((low, high)) = primitive(ty).and_then(|name| limits(&name)) else { return self.whole(expr) };
        // what a machine's word holds is not known here
        let (low, high) = (low.max(i32::MIN.into()), high.min(i32::MAX.into()));
        match plain_number(expr) {
            Some(Literal::Int(number)) if (low..=high).contains(&number) => {
                (whole_token(number), quote!(true))
            }
            _ => {
                let constant = self.constant(&ty.to_token_stream(), &unlinted(expr), expr.span());
                (quote_spanned!(at(expr.span())=> (#constant as __hobbit::i128)), quote!(true))
            }
        }
    }

    /// A whole number of any type, as an `i128`, and whether it is whole at all.
    pub(crate) fn whole(&mut self, expr: &Expr) -> (TokenStream, TokenStream) {
        if let Some(Literal::Int(number)) = plain_number(expr) {
            return (whole_token(number), quote!(true));
        }
        let span = at(expr.span());
        let value = unlinted(expr);
        let both = quote_spanned!(span=> {
            let value = #value;
            (value as __hobbit::i128, value as __hobbit::f64)
        });
        let constant = self.constant(&quote!((__hobbit::i128, __hobbit::f64)), &both, expr.span());
        let constant = quote_spanned!(span=> (#constant));
        (
            quote_spanned!(span=> #constant.0),
            quote_spanned!(span=> __hobbit::is_same(#constant.0 as __hobbit::f64, #constant.1)),
        )
    }

    /// The weights; nothing if none are given.
    pub(crate) fn weights<'a>(&mut self, weights: impl Iterator<Item = Option<&'a Expr>>) -> TokenStream {
        let weights: Vec<_> = weights.collect();
        let Some(first) = weights.iter().flatten().next() else { return quote!(&[]) };
        let span = first.span();
        let all = weights.iter().map(|weight| match weight {
            None => quote!(1.0),
            Some(weight) => match plain_number(weight) {
                Some(number) => real_token(number.value()),
                None => quote_spanned!(at(weight.span())=> (#weight) as __hobbit::f64),
            },
        });
        let constant = self.constant(&quote!(&'static [__hobbit::f64]), &quote!(&[#(#all),*]), span);
        if weights.iter().flatten().any(|weight| literal(weight).is_none()) {
            let given = weights.iter().enumerate().filter_map(|(place, weight)| Some((place, (*weight)?)));
            let mut conditions: Vec<_> = given
                .filter(|(_, weight)| literal(weight).is_none())
                .map(|(place, weight)| {
                    let holds = quote!(__hobbit::is_weight(#constant[#place]));
                    let message = "a weight is a finite number that is not negative".to_owned();
                    Condition::new(holds, weight, message)
                })
                .collect();
            let message = "weights have to have a finite sum above zero".to_owned();
            conditions.push(Condition::new(quote!(__hobbit::is_drawable(#constant)), first, message));
            self.check(conditions);
        }
        constant
    }

    /// Checks when the crate is compiled; of several conditions, the first that is broken is reported.
    pub(crate) fn check(&mut self, conditions: Vec<Condition>) {
        let asserted: TokenStream = conditions.iter().map(Condition::asserted).collect();
        if self.is_bound(&asserted) {
            self.inner.push(quote!(const { #asserted }));
        } else {
            self.items.push(quote!(const _: () = { #asserted };));
        }
    }

    /// The checks that the function of a domain has to make.
    pub(crate) fn take_inner(&mut self) -> TokenStream {
        self.inner.drain(..).collect()
    }
}

/// Whether a name is among the tokens; with `texts`, within string literals too, where `format!` finds names.
pub(crate) fn mentions(tokens: TokenStream, name: &str, texts: bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => mentions(group.stream(), name, texts),
        TokenTree::Literal(literal) if texts => {
            literal.to_string().contains(name.strip_prefix("r#").unwrap_or(name))
        }
        _ => false,
    })
}

/// The tokens with a name that stands alone, for a value, replaced by another.
pub(crate) fn replaced(tokens: TokenStream, name: &Ident, by: &Ident) -> TokenStream {
    let mut out = Vec::new();
    let all: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |token: Option<&TokenTree>, what: &[char]| matches!(token, Some(TokenTree::Punct(punct)) if what.contains(&punct.as_char()));
    for (place, token) in all.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| all.get(before));
        let after = all.get(place + 1);
        let called = matches!(after, Some(TokenTree::Group(_)))
            || is(after, &['!', ':']) && !is_unequal(&all[place + 1..]);
        out.push(match token {
            TokenTree::Ident(ident) if ident == name && !is(before, &['.', ':']) && !called => {
                TokenTree::Ident(Ident::new(&by.to_string(), by.span().located_at(ident.span())))
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replaced(group.stream(), name, by));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other.clone(),
        });
    }
    out.into_iter().collect()
}

/// Whether tokens begin with `!=`.
fn is_unequal(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Punct(first), TokenTree::Punct(second), ..] => {
            first.as_char() == '!' && second.as_char() == '='
        }
        _ => false,
    }
}

/// An expression without anyone being told that its braces and parentheses are not needed here.
fn unlinted(expr: &Expr) -> TokenStream {
    match expr {
        Expr::Paren(inner) => unlinted(&inner.expr),
        Expr::Block(_) => {
            quote_spanned!(at(expr.span())=> match () { () => #expr })
        }
        _ => expr.to_token_stream(),
    }
}

/// A literal that is the same number in 64 bits.
fn plain_number(expr: &Expr) -> Option<Literal> {
    let inner = match ungrouped(expr) {
        Expr::Unary(unary) => ungrouped(&unary.expr),
        inner => inner,
    };
    let single = match inner {
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Float(value), .. }) => value.suffix() == "f32",
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(value), .. }) => value.suffix() == "f32",
        _ => false,
    };
    literal(expr).filter(|number| !single && number.value().is_finite())
}

fn real_token(value: f64) -> TokenStream {
    let size = LiteralToken::f64_unsuffixed(value.abs());
    if value.is_sign_negative() { quote!((-#size)) } else { size.to_token_stream() }
}

/// With its type, as conditions compare it with other numbers: of themselves, those are `i32`.
fn whole_token(value: i128) -> TokenStream {
    let size = LiteralToken::i128_suffixed(value.saturating_abs());
    if value < 0 { quote!((-#size)) } else { size.to_token_stream() }
}
