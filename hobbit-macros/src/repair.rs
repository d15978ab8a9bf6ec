//! Makes an item of tokens that are none: the compiler has complained of them, and the rest of the item is as it
//! would be without the mistake.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Fields, Item, Result};

/// The item that tokens are, or are nearly.
pub(crate) fn item(tokens: TokenStream) -> Result<Item> {
    let item = syn::parse2(tokens.clone()).or_else(|error| {
        // what the compiler might not complain of is an error still
        syn::parse2(repaired(tokens.clone(), false, depth(tokens))).map_err(|_| error)
    });
    item.map(without_nameless)
}

/// Takes out fields with the name `_`.
fn without_nameless(mut item: Item) -> Item {
    let all = match &mut item {
        Item::Struct(item) => vec![&mut item.fields],
        Item::Enum(item) => item.variants.iter_mut().map(|variant| &mut variant.fields).collect(),
        _ => Vec::new(),
    };
    for fields in all {
        if let Fields::Named(named) = fields {
            let is_named = |field: &syn::Field| field.ident.as_ref().is_some_and(|ident| ident != "_");
            named.named = std::mem::take(&mut named.named).into_iter().filter(is_named).collect();
        }
    }
    item
}

/// How many braces are around a field.
fn depth(item: TokenStream) -> usize {
    let is_enum = |token: TokenTree| matches!(token, TokenTree::Ident(word) if word == "enum");
    if item.into_iter().any(is_enum) { 2 } else { 1 }
}

/// Fields with names that are keywords, without a comma, a colon or a type, or with another sign in its
/// place, and attributes with an exclamation mark. Fields are so many braces `below`.
fn repaired(tokens: TokenStream, within: bool, below: usize) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let begins = within && begins_field(&out);
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let mut inner =
                    Group::new(group.delimiter(), repaired(group.stream(), true, below.saturating_sub(1)));
                inner.set_span(group.span());
                out.push(inner.into());
            }
            TokenTree::Punct(sign) if within && sign.as_char() == ';' => out.push(like(',', &sign)),
            TokenTree::Punct(sign) if within && sign.as_char() == '#' && !begins => {
                out.extend([like(',', &sign), sign.into()]);
            }
            TokenTree::Punct(sign) if within && sign.as_char() == '!' && ends_in(&out, '#') => {}
            TokenTree::Ident(name) if begins && below == 0 && ends(tokens.peek()) && name != "pub" => {
                out.extend(quote_spanned!(name.span()=> _: ()));
            }
            TokenTree::Ident(ident) if begins && ident == "let" => {}
            TokenTree::Ident(ident) if begins && ident != "pub" => {
                let span = ident.span();
                let is_name = syn::parse2::<Ident>(ident.to_token_stream()).is_ok();
                out.push(if is_name { ident.into() } else { Ident::new(&format!("{ident}_"), span).into() });
                let colon = Punct::new(':', Spacing::Alone);
                match tokens.peek() {
                    Some(TokenTree::Ident(_)) => out.push(colon.into()),
                    Some(TokenTree::Punct(sign)) if sign.as_char() == '=' => {
                        out.push(colon.into());
                        tokens.next();
                    }
                    _ => {}
                }
            }
            token => out.push(token),
        }
    }
    out.into_iter().collect()
}

/// Whether a field ends before a token.
fn ends(next: Option<&TokenTree>) -> bool {
    next.is_none_or(|next| matches!(next, TokenTree::Punct(sign) if sign.as_char() == ','))
}

fn ends_in(before: &[TokenTree], sign: char) -> bool {
    matches!(before.last(), Some(TokenTree::Punct(last)) if last.as_char() == sign)
}

/// Another sign in the same place.
fn like(sign: char, other: &Punct) -> TokenTree {
    let mut sign = Punct::new(sign, Spacing::Alone);
    sign.set_span(other.span());
    sign.into()
}

/// Whether a field begins, or its attributes: after a comma, an attribute or `pub`.
fn begins_field(before: &[TokenTree]) -> bool {
    let is =
        |token: &TokenTree, what: char| matches!(token, TokenTree::Punct(sign) if sign.as_char() == what);
    match before {
        [] => true,
        [.., last] if is(last, ',') => true,
        [.., TokenTree::Ident(last)] => *last == "pub",
        [.., hash, TokenTree::Group(last)] if is(hash, '#') => last.delimiter() == Delimiter::Bracket,
        [.., TokenTree::Ident(visible), TokenTree::Group(last)] if *visible == "pub" => {
            last.delimiter() == Delimiter::Parenthesis
        }
        _ => false,
    }
}
