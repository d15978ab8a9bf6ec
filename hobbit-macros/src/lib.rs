//! The `#[search_space]` attribute of hobbit; documented where hobbit re-exports it.

mod above;
mod attr;
mod bind;
mod case;
mod check;
mod configure;
mod constant;
mod domain;
mod errors;
mod expand;
mod expression;
mod fallback;
mod field;
mod finite;
mod limit;
mod model;
mod named;
mod needs;
mod pieces;
mod repair;
mod serde;
mod settings;
mod spelling;
mod stored;
mod structure;
mod variants;

use proc_macro::TokenStream;
use quote::{ToTokens, quote};

#[expect(missing_docs, reason = "documented where hobbit re-exports it, so that its examples can run")]
#[proc_macro_attribute]
pub fn search_space(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = match repair::item(item.into()) {
        Ok(item) => item,
        Err(error) => return error.into_compile_error().into(),
    };
    let may_be_space = matches!(item, syn::Item::Struct(_) | syn::Item::Enum(_));
    let place = proc_macro::Span::call_site();
    let above = if may_be_space { above::derived(place) } else { Vec::new() };
    let is_open = may_be_space
        && arguments.is_empty()
        && configure::is_conditional(item.to_token_stream())
        && !configure::is_wrong(&item);
    if is_open && above.is_empty() {
        return configure::split(item).into();
    }
    let mut errors = errors::Errors::default();
    if !above.is_empty() {
        let message = format!(
            "`#[derive({})]` stands above `search_space`, which derives the same: put it below, or leave it out",
            above.join(", ")
        );
        errors.at(place.into(), message);
    }
    // of what is conditional nothing is known yet
    let mut bare = item.clone();
    let bounds = settings::take_bounds(&mut bare);
    let input = if is_open { None } else { attr::parse(arguments.into(), bare, &mut errors) };
    if let Some(input) = &input {
        check::check(input, &mut errors);
        serde::check(&item, &mut errors);
    }
    match (input, errors.finish()) {
        // what the compiler says of it is enough
        (Some(input), Ok(())) if input.has_unused_parameter() => fallback::expand(item, None, &above).into(),
        (Some(input), Ok(())) => {
            let expanded = expand::expand(&input);
            quote!(#expanded #bounds).into()
        }
        (_, Err(error)) => fallback::expand(item, Some(&error), &above).into(),
        (None, Ok(())) => TokenStream::new(),
    }
}

/// What `search_space` writes for an item of which parts are conditional: see `configure`.
#[proc_macro_derive(
    Configured,
    attributes(
        hobbit_shadow_of,
        serde,
        constraint,
        weight,
        uniform,
        log_uniform,
        normal,
        log_normal,
        int,
        choice,
        bool,
        distribution,
        fixed,
        derived,
        nested,
        with,
        optional,
        length,
        name,
        default
    )
)]
pub fn configured(item: TokenStream) -> TokenStream {
    configure::derive(item.into()).into()
}

/// Nothing: it lets serde's settings stand on an item whose copy serde derives from; see `stored`.
#[proc_macro_derive(Settled, attributes(serde))]
pub fn settled(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
