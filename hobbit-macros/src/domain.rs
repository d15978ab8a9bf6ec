//! Writes the domain of a field, and the checks of what it is given by constants.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit, Type};

use crate::model::{Bounds, Domain, Literal, literal};

/// Whether it is written as a `String`.
pub(crate) fn is_string(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "String"))
}

fn option(value: Option<&Expr>) -> TokenStream {
    value.map_or(
        quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some((#value) as f64)),
    )
}

/// The expression of a field's domain.
pub(crate) fn domain(domain: &Domain, name: &str, ty: &Type) -> TokenStream {
    match domain {
        Domain::Uniform { bounds: Bounds { low, high, .. }, step, log } => {
            let kind = if *log { quote!(LogUniform) } else { quote!(Uniform) };
            let step = option(step.as_ref());
            quote_spanned!(low.span()=> __h::One(__h::#kind { low: (#low) as f64, high: (#high) as f64, step: #step }))
        }
        Domain::Normal { mean, std, bounds, step, log } => {
            let (low, high) = match bounds {
                Some(Bounds { low, high, .. }) => (quote!((#low) as f64), quote!((#high) as f64)),
                None => (quote!(f64::NEG_INFINITY), quote!(f64::INFINITY)),
            };
            let step = option(step.as_ref());
            quote_spanned!(mean.span()=> __h::One(__h::Normal {
                mean: (#mean) as f64, std: (#std) as f64, log: #log, low: #low, high: #high, step: #step
            }))
        }
        Domain::Int { bounds: Bounds { low, high, .. }, step, log } => {
            let step = step.as_ref().map_or(quote!(1), ToTokens::to_token_stream);
            // both ends are of the field's type, so that every value between them is too
            quote_spanned!(low.span()=> __h::One(__h::Int {
                low: { let low: #ty = #low; low as i128 },
                high: { let high: #ty = #high; high as i128 },
                step: (#step) as i128,
                log: #log,
            }))
        }
        Domain::Choice { options, span } => {
            let labels = options.iter().map(|(option, _)| label(option));
            let weights =
                options.iter().map(|(_, w)| w.as_ref().map_or(quote!(1.0), |w| quote!((#w) as f64)));
            let owned = is_string(ty);
            let options = options.iter().map(|(option, _)| match option {
                Expr::Lit(lit) if owned && matches!(lit.lit, Lit::Str(_)) => {
                    quote!(__h::String::from(#option))
                }
                option => option.to_token_stream(),
            });
            quote_spanned!(*span=> __h::One(__h::Choice::<#ty, _> {
                options: [#(#options),*], labels: [#(#labels),*], weights: [#(#weights),*]
            }))
        }
        Domain::Variants { from, to, inclusive, span } => {
            quote_spanned!(*span=> __h::One(__h::VariantRange::<#ty> { from: #from, to: #to, inclusive: #inclusive }))
        }
        Domain::Bool(probability) => {
            let probability = probability.as_ref().map_or(quote!(0.5), |p| quote!((#p) as f64));
            quote!(__h::One(__h::Switch { probability: #probability }))
        }
        Domain::Distribution(expr) => {
            let text =
                expr.to_token_stream().to_string().replace(" :: ", "::").replace(" (", "(").replace(" ?", "");
            quote_spanned!(expr.span()=> __h::Sampled {
                distribution: (|| -> __h::StdResult<_, __h::BoxError> { __h::StdResult::Ok(#expr) })(),
                text: #text,
                name: #name,
            })
        }
        Domain::Nested => quote!(__h::Nested::<#ty>(::core::marker::PhantomData)),
        Domain::With(expr) => quote!(__h::One(#expr)),
        Domain::Optional { probability, ty, inner } => {
            let inner = self::domain(inner, name, ty);
            quote!(__h::Optional { probability: (#probability) as f64, inner: #inner })
        }
        Domain::Several { bounds: Bounds { low, high, .. }, ty, inner } => {
            let inner = self::domain(inner, name, ty);
            quote!(__h::Several {
                length: __h::Int { low: (#low) as i128, high: (#high) as i128, step: 1, log: false },
                inner: #inner,
            })
        }
        Domain::Array { ty, inner } => {
            let inner = self::domain(inner, name, ty);
            quote!(__h::Array(#inner))
        }
        // written where the field is
        Domain::Fixed(_) | Domain::Derived(_) => TokenStream::new(),
    }
}

/// Checks of ranges that are given by constants: they fail when the crate is compiled.
pub(crate) fn constant_checks(name: &str, domain: &Domain) -> Vec<TokenStream> {
    let (bounds, log) = match domain {
        Domain::Uniform { bounds, log, .. } | Domain::Int { bounds, log, .. } => (bounds, *log),
        Domain::Normal { bounds: Some(bounds), .. } => (bounds, false),
        Domain::Optional { inner, .. } | Domain::Array { inner, .. } => return constant_checks(name, inner),
        Domain::Variants { from, to, inclusive, span } => {
            let message = format!("the range of `{name}` is empty");
            let compare = if *inclusive { quote!(<=) } else { quote!(<) };
            return Vec::from([quote_spanned!(*span=>
                const _: () = ::core::assert!((#from as isize) #compare (#to as isize), #message);
            )]);
        }
        Domain::Several { bounds, inner, .. } => {
            let mut checks = constant_checks(name, inner);
            checks.extend(range_checks(&format!("lengths of `{name}`"), bounds, false));
            return checks;
        }
        _ => return Vec::new(),
    };
    range_checks(&format!("range of `{name}`"), bounds, log)
}

fn range_checks(what: &str, bounds: &Bounds, log: bool) -> Vec<TokenStream> {
    let Bounds { low, high, range } = bounds;
    let mut checks = Vec::new();
    if literal(low).is_none() || literal(high).is_none() {
        let message = format!("the {what} is empty");
        checks.push(
            quote_spanned!(range.span()=> const _: () = ::core::assert!((#low) as f64 <= (#high) as f64, #message);),
        );
    }
    if log && literal(low).is_none() {
        let message = format!("the log {what} has to begin above zero");
        checks
            .push(quote_spanned!(low.span()=> const _: () = ::core::assert!((#low) as f64 > 0.0, #message);));
    }
    checks
}

/// What a table shows for an option: a literal as it is, of a path its last name.
fn label(option: &Expr) -> TokenStream {
    let text = |text: String| quote!(__h::Label::Text(#text));
    match (option, literal(option)) {
        (_, Some(Literal::Int(value))) => match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => quote!(__h::Label::Int(#value)),
            (_, Ok(value)) => quote!(__h::Label::UInt(#value)),
            _ => text(value.to_string()),
        },
        (_, Some(Literal::Float(value))) => quote!(__h::Label::Float(#value)),
        (Expr::Lit(lit), _) => match &lit.lit {
            Lit::Str(value) => quote!(__h::Label::Text(#value)),
            Lit::Bool(value) => quote!(__h::Label::Bool(#value)),
            other => text(other.to_token_stream().to_string()),
        },
        (Expr::Path(path), _) => {
            text(path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default())
        }
        (other, _) => text(other.to_token_stream().to_string()),
    }
}
