//! Writes the implementation.

use proc_macro2::{Literal as LiteralToken, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ItemStruct, Lit};

use crate::model::{Bounds, Domain, Field, Input, literal};

pub(crate) fn expand(input: &Input) -> TokenStream {
    let item = with_derives(&input.item);
    let ident = &input.item.ident;
    let name = ident.to_string();
    let (impl_generics, type_generics, where_clause) = input.item.generics.split_for_impl();
    let constants = input.fields.iter().flat_map(constant_checks);
    let (mut parameters, mut draws, mut values, mut checks) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for field in &input.fields {
        let Field { ident, ty, description, .. } = field;
        let name = field.name();
        let domain = domain(field);
        let key = LiteralToken::u64_suffixed(hash(&name));
        parameters
            .push(quote!(__h::Parameter::new(#name, #description, __h::Field::<#ty>::domain(&#domain))));
        draws.push(quote!(#ident: __h::Field::<#ty>::draw(&#domain, __h::Key::child(key, #key))));
        values.push(quote!((__h::String::from(#name), __h::Field::<#ty>::value(&#domain, &self.#ident))));
        checks.push(quote!(__h::Field::<#ty>::check(&#domain, #name, &self.#ident)?;));
    }
    quote! {
        #item

        const _: () = {
            use ::hobbit::__private as __h;

            #(#constants)*

            #[automatically_derived]
            #[allow(clippy::all, clippy::pedantic, unused_variables)]
            impl #impl_generics __h::SearchSpace for #ident #type_generics #where_clause {
                fn space() -> __h::Space {
                    __h::Space::new(#name, __h::Vec::from([#(#parameters),*]))
                }

                fn draw(key: __h::Key) -> __h::Result<Self> {
                    __h::Result::Ok(Self { #(#draws),* })
                }

                fn values(&self) -> __h::Vec<(__h::String, __h::Value)> {
                    __h::Vec::from([#(#values),*])
                }

                fn check(&self) -> __h::Result<()> {
                    #(#checks)*
                    __h::Result::Ok(())
                }
            }
        };
    }
}

/// The item with the derives it does not have yet.
pub(crate) fn with_derives(item: &ItemStruct) -> TokenStream {
    let mut present = Vec::new();
    for attribute in item.attrs.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        // what does not parse is the compiler's to complain about
        let _ = attribute.parse_nested_meta(|meta| {
            present.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    let missing = |name: &str| !present.iter().any(|known| known == name);
    let mut derives = Vec::new();
    for (name, path) in [("Clone", quote!(::core::clone::Clone)), ("Debug", quote!(::core::fmt::Debug))] {
        if missing(name) {
            derives.push(path);
        }
    }
    let serde = [
        ("Serialize", quote!(::hobbit::__private::serde::Serialize)),
        ("Deserialize", quote!(::hobbit::__private::serde::Deserialize)),
    ];
    let before = derives.len();
    derives.extend(serde.into_iter().filter(|(name, _)| missing(name)).map(|(_, path)| path));
    let serde_path = (derives.len() > before).then(|| quote!(#[serde(crate = "::hobbit::__private::serde")]));
    quote! {
        #[derive(#(#derives),*)]
        #serde_path
        #item
    }
}

/// The expression of a field's domain.
fn domain(field: &Field) -> TokenStream {
    match &field.domain {
        Domain::Uniform(Bounds { low, high, .. }) => {
            quote_spanned!(low.span()=> __h::Uniform { low: (#low) as f64, high: (#high) as f64 })
        }
        Domain::LogUniform(Bounds { low, high, .. }) => {
            quote_spanned!(low.span()=> __h::LogUniform { low: (#low) as f64, high: (#high) as f64 })
        }
        Domain::Int { bounds: Bounds { low, high, .. }, step, log } => {
            let step = step.as_ref().map_or(quote!(1), ToTokens::to_token_stream);
            let log = log.is_some();
            let ty = &field.ty;
            quote_spanned!(low.span()=> {
                const LOW: #ty = #low;
                const HIGH: #ty = #high;
                __h::Int { low: LOW as i128, high: HIGH as i128, step: (#step) as i128, log: #log }
            })
        }
        Domain::Choice { options, span } => {
            let labels = options.iter().map(label);
            let owned = matches!(&field.ty, syn::Type::Path(path)
                if path.path.segments.last().is_some_and(|segment| segment.ident == "String"));
            let options = options.iter().map(|option| match option {
                Expr::Lit(lit) if owned && matches!(lit.lit, Lit::Str(_)) => {
                    quote!(__h::String::from(#option))
                }
                option => option.to_token_stream(),
            });
            let ty = &field.ty;
            quote_spanned!(*span=> __h::Choice::<#ty, _> { options: [#(#options),*], labels: [#(#labels),*] })
        }
        Domain::Bool => quote!(__h::Switch),
    }
}

/// Checks of ranges that are given by constants: they fail when the crate is compiled.
fn constant_checks(field: &Field) -> Vec<TokenStream> {
    let (Domain::Uniform(bounds) | Domain::LogUniform(bounds) | Domain::Int { bounds, .. }) = &field.domain
    else {
        return Vec::new();
    };
    let Bounds { low, high, range } = bounds;
    let mut checks = Vec::new();
    if literal(low).is_none() || literal(high).is_none() {
        let message = format!("the range of `{}` is empty", field.name());
        checks.push(quote_spanned!(range.span()=> const _: () = ::core::assert!((#low) as f64 <= (#high) as f64, #message);));
    }
    let log = matches!(field.domain, Domain::LogUniform(_) | Domain::Int { log: Some(_), .. });
    if log && literal(low).is_none() {
        let message = format!("the log range of `{}` has to begin above zero", field.name());
        checks
            .push(quote_spanned!(low.span()=> const _: () = ::core::assert!((#low) as f64 > 0.0, #message);));
    }
    checks
}

/// What a table shows for an option: a literal as it is, of a path its last name.
fn label(option: &Expr) -> TokenStream {
    match option {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => quote!(__h::Label::Text(#text)),
            Lit::Bool(value) => quote!(__h::Label::Bool(#value)),
            Lit::Int(value)
                if literal(option).is_some_and(|l| matches!(l, crate::model::Literal::Int(_))) =>
            {
                quote!(__h::Label::Int(#value as i64))
            }
            Lit::Int(_) | Lit::Float(_) => quote!(__h::Label::Float((#option) as f64)),
            other => {
                let text = other.to_token_stream().to_string();
                quote!(__h::Label::Text(#text))
            }
        },
        Expr::Unary(_) if literal(option).is_some() => match literal(option) {
            Some(crate::model::Literal::Int(_)) => quote!(__h::Label::Int((#option) as i64)),
            _ => quote!(__h::Label::Float((#option) as f64)),
        },
        Expr::Path(path) => {
            let text = path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            quote!(__h::Label::Text(#text))
        }
        other => {
            let text = other.to_token_stream().to_string();
            quote!(__h::Label::Text(#text))
        }
    }
}

/// FNV-1a: a field draws from a key of its own, named by its name, so that other fields can come and go.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
