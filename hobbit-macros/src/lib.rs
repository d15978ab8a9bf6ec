//! The `#[search_space]` attribute of hobbit; documented where hobbit re-exports it.

mod attr;
mod check;
mod domain;
mod expand;
mod fallback;
mod model;

use proc_macro::TokenStream;

#[expect(missing_docs, reason = "documented where hobbit re-exports it, so that its examples can run")]
#[proc_macro_attribute]
pub fn search_space(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = match syn::parse::<syn::Item>(item.clone()) {
        Ok(item) => item,
        Err(error) => return error.into_compile_error().into(),
    };
    let mut errors = attr::Errors::default();
    let input = attr::parse(arguments.into(), item.clone(), &mut errors);
    if let Some(input) = &input {
        check::check(input, &mut errors);
    }
    match (input, errors.finish()) {
        (Some(input), Ok(())) => expand::expand(&input).into(),
        (_, Err(error)) => fallback::expand(item, &error).into(),
        (None, Ok(())) => TokenStream::new(),
    }
}
