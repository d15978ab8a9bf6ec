//! Writes the domain of a field.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Lit, Type};

use crate::constant::{Condition, Constants, at};
use crate::limit::{self, Bell, Range};
use crate::model::{Bounds, Domain, Literal, is_float, is_int, literal, plain, primitive, text, ungrouped};
use crate::needs::whose;

fn option(value: Option<&TokenStream>) -> TokenStream {
    value.map_or(quote!(::core::option::Option::None), |value| quote!(::core::option::Option::Some(#value)))
}

/// The field whose domain is written.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    /// The parameter's name, with what is before it.
    pub(crate) name: &'a str,
    /// Its name in errors.
    pub(crate) what: &'a str,
    /// The type as a whole.
    pub(crate) whole: &'a Type,
    /// Its place among all fields.
    pub(crate) number: usize,
}

/// Whether a type is only known as what is in another: mistakes about it are reported there.
pub(crate) fn is_projected(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.qself.is_some()
        && path.path.segments.first().is_some_and(|first| first.ident == "__hobbit"))
}

/// Which type is written, and whose limits count: where the type can be inferred, those of the whole.
struct Typed<'a> {
    ty: &'a Type,
    limited: &'a Type,
    named: TokenStream,
}

/// Where the compiler is to say that a domain is not of the field's type: at a user's own domain, or at a
/// distribution, if there are some of the type, and otherwise at the type.
pub(crate) fn place(domain: &Domain, ty: &Type, whole: &Type) -> Span {
    let is_number = || primitive(ty).is_some_and(|name| is_int(&name) || is_float(&name));
    match domain {
        Domain::Optional { ty, inner, .. }
        | Domain::Several { ty, inner, .. }
        | Domain::Array { ty, inner } => place(inner, ty, whole),
        Domain::Distribution(expr) if is_number() => expr.span(),
        Domain::With(expr) => expr.span(),
        _ => whole.span(),
    }
}

/// The expression of a field's domain, for values of this type.
pub(crate) fn domain(domain: &Domain, of: Of<'_>, ty: &Type, constants: &mut Constants<'_>) -> TokenStream {
    let Of { name, what, whole, number } = of;
    let (limited, named) = if is_projected(ty) { (whole, quote!(_)) } else { (ty, constants.names.name(ty)) };
    let typed = Typed { ty, limited, named };
    match domain {
        Domain::Uniform { bounds, step, log } => {
            uniform(bounds, step.as_ref(), *log, (what, limited), constants)
        }
        Domain::Normal { mean, std, bounds, step, log } => {
            normal((mean, std), bounds.as_ref(), step.as_ref(), *log, (what, limited), constants)
        }
        Domain::Int { bounds, step, log } => int(bounds, step.as_ref(), *log, (what, &typed), constants),
        Domain::Choice { options, span } => {
            let weights = constants.weights(options.iter().map(|(_, weight)| weight.as_ref()));
            choice(options, &weights, (&typed.named, &whose(ty, number)), (ty.span(), at(*span)))
        }
        Domain::Variants { from, to, inclusive, span } => {
            variants((from, to, *inclusive), (what, ty, *span), &whose(ty, number), constants)
        }
        Domain::Bool(given) => {
            let probability = given.as_ref().map(|given| probability(given, what, constants));
            let probability = probability.unwrap_or(quote!(0.5));
            quote!(__hobbit::One(__hobbit::Switch { probability: #probability }))
        }
        Domain::Distribution(expr) => distribution(expr, name),
        Domain::Nested => {
            let named = &typed.named;
            quote_spanned!(at(ty.span())=> __hobbit::Nested::<#named>(::core::marker::PhantomData))
        }
        Domain::With(expr) => quote_spanned!(at(expr.span())=> __hobbit::One(#expr)),
        Domain::Optional { probability: given, ty, inner } => {
            let probability = probability(given, what, constants);
            let inner = self::domain(inner, of, ty, constants);
            quote!(__hobbit::Optional { probability: #probability, inner: #inner })
        }
        Domain::Several { bounds, ty, inner } => several(bounds, ty, inner, of, constants),
        Domain::Array { ty, inner } => {
            let inner = self::domain(inner, of, ty, constants);
            quote!(__hobbit::Array(#inner))
        }
        // written where the field is
        Domain::Fixed(_) | Domain::Derived(_) => TokenStream::new(),
    }
}

fn uniform(
    bounds: &Bounds,
    step: Option<&Expr>,
    log: bool,
    (what, limited): (&str, &Type),
    constants: &mut Constants<'_>,
) -> TokenStream {
    let (low, high) = (constants.real(&bounds.low), constants.real(&bounds.high));
    let size = step.map(|step| constants.real(step));
    let range = Range { bounds, low: &low, high: &high, step: step.zip(size.as_ref()), log };
    limit::uniform(constants, what, limited, &range);
    let kind = if log { quote!(LogUniform) } else { quote!(Uniform) };
    let step = option(size.as_ref());
    quote_spanned!(at(bounds.low.span())=>
        __hobbit::One(__hobbit::#kind { low: #low, high: #high, step: #step })
    )
}

fn int(
    bounds: &Bounds,
    step: Option<&Expr>,
    log: bool,
    (what, typed): (&str, &Typed<'_>),
    constants: &mut Constants<'_>,
) -> TokenStream {
    // both ends are of the field's type, so that every value between them is too
    let (low, high) = (constants.of_type(&bounds.low, typed.ty), constants.of_type(&bounds.high, typed.ty));
    let size = step.map(|step| (step, constants.whole(step)));
    let range = Range { bounds, low: &low.0, high: &high.0, step: None, log };
    let step = size.as_ref().map(|(step, (size, whole))| (*step, size, whole));
    limit::int(constants, what, typed.limited, &range, [&low.1, &high.1], step);
    let step = size.as_ref().map_or(quote!(1), |(_, (size, _))| size.clone());
    let (low, high) = (low.0, high.0);
    quote_spanned!(at(bounds.low.span())=>
        __hobbit::One(__hobbit::Int { low: #low, high: #high, step: #step, log: #log })
    )
}

fn variants(
    (from, to, inclusive): (&Expr, &Expr, bool),
    (what, ty, span): (&str, &Type, Span),
    whose: &TokenStream,
    constants: &mut Constants<'_>,
) -> TokenStream {
    let named = constants.names.name(ty);
    let place = at(from.span());
    let (holds, range) = match (variant(from), variant(to)) {
        (Some(first), Some(last)) => {
            let all = quote!(<#named as __hobbit::Ranged>::NAMED);
            let holds = quote!(__hobbit::is_named_range(#all, #first, #last, #inclusive));
            // a variant with fields is a pattern and no value; that it is in no range is said of the type
            let range = quote_spanned!(place=> between(
                {
                    let ends = |value: &_| (::core::matches!(*value, #from { .. }), ::core::matches!(*value, #to { .. }));
                    ends
                },
                #inclusive
            ));
            (holds, range)
        }
        _ => {
            let numbers = constants.constant(
                &quote!((&'static [__hobbit::isize], [__hobbit::isize; 2])),
                &quote_spanned!(place=> {
                    let ends = __hobbit::ends::<_, #named>([#from, #to]);
                    let numbers = __hobbit::numbers(&ends);
                    let [from, to] = ends;
                    (numbers, [from as __hobbit::isize, to as __hobbit::isize])
                }),
                from.span(),
            );
            let holds =
                quote!(__hobbit::is_variant_range(#numbers.0, #numbers.1[0], #numbers.1[1], #inclusive));
            (holds, quote!(numbered(#numbers.1, #inclusive)))
        }
    };
    let message = format!("the range of `{what}` is empty");
    constants.check(vec![Condition::new(holds, quote!(#from #to), message)]);
    if constants.is_bound(ty) || is_projected(ty) {
        return quote_spanned!(at(span)=> __hobbit::One(__hobbit::VariantRange::<#named, #whose>::#range));
    }
    quote_spanned!(at(span)=> {
        use __hobbit::NoRanges as _;
        __hobbit::Ranges::<#named>::#range
    })
}

/// The name of the variant that a path is, unless it may be that of a constant.
fn variant(end: &Expr) -> Option<String> {
    let name = last_name(end)?;
    let is_constant = !name.chars().any(char::is_lowercase);
    (!is_constant).then_some(name)
}

fn probability(given: &Expr, what: &str, constants: &mut Constants<'_>) -> TokenStream {
    let probability = constants.real(given);
    limit::probability(constants, what, given, &probability);
    probability
}

fn distribution(expr: &Expr, name: &str) -> TokenStream {
    let text = expr.to_token_stream().to_string().replace(" :: ", "::").replace(" (", "(").replace(" ?", "");
    quote_spanned!(at(expr.span())=> __hobbit::Sampled {
        distribution: (|| -> __hobbit::StdResult<_, __hobbit::BoxError> {
            __hobbit::StdResult::Ok(#expr)
        })(),
        text: #text,
        name: #name,
    })
}

fn several(
    bounds: &Bounds,
    ty: &Type,
    inner: &Domain,
    of: Of<'_>,
    constants: &mut Constants<'_>,
) -> TokenStream {
    let (low, high) = (constants.whole(&bounds.low), constants.whole(&bounds.high));
    limit::length(constants, of.what, bounds, (&low.0, &low.1), (&high.0, &high.1));
    let inner = domain(inner, of, ty, constants);
    let (low, high) = (low.0, high.0);
    quote!(__hobbit::Several {
        length: __hobbit::Int { low: #low, high: #high, step: 1, log: false },
        inner: #inner,
    })
}

fn normal(
    (mean, std): (&Expr, &Expr),
    bounds: Option<&Bounds>,
    step: Option<&Expr>,
    log: bool,
    (what, limited): (&str, &Type),
    constants: &mut Constants<'_>,
) -> TokenStream {
    let (middle, deviation) = (constants.real(mean), constants.real(std));
    let (low, high) = match bounds {
        Some(Bounds { low, high, .. }) => (constants.real(low), constants.real(high)),
        None => (quote!(__hobbit::f64::NEG_INFINITY), quote!(__hobbit::f64::INFINITY)),
    };
    let size = step.map(|step| constants.real(step));
    let bell = Bell {
        mean: (mean, &middle),
        std: (std, &deviation),
        bounds,
        low: &low,
        high: &high,
        step: step.zip(size.as_ref()),
        log,
    };
    limit::normal(constants, what, limited, &bell);
    let step = option(size.as_ref());
    quote_spanned!(at(mean.span())=> __hobbit::One(__hobbit::Normal {
        mean: #middle, std: #deviation, log: #log, low: #low, high: #high, step: #step
    }))
}

fn choice(
    options: &[(Expr, Option<Expr>)],
    weights: &TokenStream,
    (ty, whose): (&TokenStream, &TokenStream),
    (of, span): (Span, Span),
) -> TokenStream {
    // texts are not made anew whenever one is drawn
    let texts: Option<Vec<_>> = options.iter().map(|(option, _)| text(option)).collect();
    if let Some(texts) = texts {
        return quote_spanned!(at(of)=> __hobbit::One(__hobbit::Texts { options: &[#(#texts),*], weights: #weights }));
    }
    let labels = labels(options);
    let options = options.iter().map(|(option, _)| match text(option) {
        Some(text) => quote_spanned!(span=> <#ty as __hobbit::Text>::from_text(#text)),
        None => option.to_token_stream(),
    });
    quote_spanned!(span=> __hobbit::One(__hobbit::Choice::<#ty, _, #whose> {
        options: [#(#options),*], labels: &[#(#labels),*], weights: #weights, of: ::core::marker::PhantomData
    }))
}

/// What a table shows for each option: a literal as it is, of a path its last name, or all of it where that
/// would be another option's too.
fn labels(options: &[(Expr, Option<Expr>)]) -> Vec<TokenStream> {
    let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
    for name in options.iter().filter_map(|(option, _)| last_name(option)) {
        if !seen.insert(name.clone()) {
            twice.insert(name);
        }
    }
    let as_text = |text: String| quote!(__hobbit::Label::Text(#text));
    let written = |option: &Expr| option.to_token_stream().to_string();
    options
        .iter()
        .map(|(option, _)| match (ungrouped(option), literal(option)) {
            (_, Some(Literal::Int(value))) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => quote!(__hobbit::Label::Int(#value)),
                (_, Ok(value)) => quote!(__hobbit::Label::UInt(#value)),
                _ => as_text(value.to_string()),
            },
            (_, Some(Literal::Float(value))) => quote!(__hobbit::Label::Float(#value)),
            (Expr::Lit(lit), _) => match &lit.lit {
                Lit::Str(value) => quote!(__hobbit::Label::Text(#value)),
                Lit::Bool(value) => quote!(__hobbit::Label::Bool(#value)),
                other => as_text(other.to_token_stream().to_string()),
            },
            (Expr::Path(_), _) => match last_name(option).filter(|name| !twice.contains(name)) {
                Some(name) => as_text(name),
                None => as_text(written(option).replace(' ', "")),
            },
            _ => as_text(written(option)),
        })
        .collect()
}

fn last_name(option: &Expr) -> Option<String> {
    match ungrouped(option) {
        Expr::Path(path) => path.path.segments.last().map(|segment| plain(&segment.ident)),
        _ => None,
    }
}
