//! The `#[search_space]` attribute of hobbit; documented where hobbit re-exports it.

mod attr;
mod check;
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
    let parsed = attr::parse(arguments.into(), item.clone());
    match parsed.and_then(|input| check::check(&input).map(|()| input)) {
        Ok(input) => expand::expand(&input).into(),
        Err(error) => fallback::expand(item, &error).into(),
    }
}
