//! The conditions on what domains are given by constants, where literals do not say it all.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Type};

use crate::check::MOST_ELEMENTS;
use crate::constant::{Condition, Constants, at};
use crate::model::{Bounds, is_float, literal, primitive};

fn condition(holds: TokenStream, expr: &Expr, message: String) -> Condition {
    Condition::new(holds, expr, message)
}

/// A condition on each end of a range, of which the one that breaks it is reported.
fn both_ends(bounds: &Bounds, [low, high]: [TokenStream; 2], message: &str) -> [Condition; 2] {
    [condition(low, &bounds.low, message.to_owned()), condition(high, &bounds.high, message.to_owned())]
}

/// Whether all that can be wrong is seen in the tokens.
fn is_plain(ty: &Type, exprs: &[&Expr]) -> bool {
    primitive(ty).is_some_and(|name| is_float(&name)) && exprs.iter().all(|expr| literal(expr).is_some())
}

/// A limit of the numbers of a type. An `Option` or a `Vec` of numbers has those of the numbers.
fn limit(constants: &Constants<'_>, ty: &Type, name: &str) -> TokenStream {
    let named = constants.names.name(ty);
    let name = proc_macro2::Ident::new(name, at(ty.span()));
    quote_spanned!(at(ty.span())=> ({ use __hobbit::AnyLimits as _; __hobbit::Limits::<#named>::#name }))
}

/// The values of a range and a step, as written for the domain.
pub(crate) struct Range<'a> {
    pub(crate) bounds: &'a Bounds,
    pub(crate) low: &'a TokenStream,
    pub(crate) high: &'a TokenStream,
    pub(crate) step: Option<(&'a Expr, &'a TokenStream)>,
    pub(crate) log: bool,
}

pub(crate) fn uniform(constants: &mut Constants<'_>, what: &str, ty: &Type, of: &Range<'_>) {
    let Range { bounds, low, high, step, log } = of;
    let mut exprs = vec![&bounds.low, &bounds.high];
    exprs.extend(step.map(|(expr, _)| expr));
    if is_plain(ty, &exprs) {
        return;
    }
    let (largest, smallest) = (limit(constants, ty, "LARGEST"), limit(constants, ty, "SMALLEST"));
    let mut all = Vec::from(both_ends(
        bounds,
        [low, high].map(|end| quote!(__hobbit::f64::is_finite(#end))),
        &format!("the ends of the range of `{what}` have to be finite"),
    ));
    all.push(condition(quote!(#low <= #high), &bounds.range, format!("the range of `{what}` is empty")));
    all.extend(both_ends(
        bounds,
        [low, high].map(|end| quote!(-#largest <= #end && #end <= #largest)),
        &format!("the range of `{what}` does not fit the field's type"),
    ));
    if *log {
        all.push(begins_above_zero(what, &bounds.low, low, &smallest));
    }
    all.extend(step.map(|(expr, step)| above_zero(what, expr, step)));
    if let Some((expr, step)) = step {
        all.push(condition(
            quote!(__hobbit::is_step(#low, #high, #step)),
            expr,
            format!("the step of `{what}` is larger than the range, or there are more than 2^53 of them"),
        ));
    }
    constants.check(all);
}

fn above_zero(what: &str, expr: &Expr, step: &TokenStream) -> Condition {
    condition(
        quote!(#step > 0.0 && __hobbit::f64::is_finite(#step)),
        expr,
        format!("the step of `{what}` has to be above zero, and finite"),
    )
}

fn begins_above_zero(what: &str, expr: &Expr, low: &TokenStream, smallest: &TokenStream) -> Condition {
    condition(quote!(#low >= #smallest), expr, format!("the log range of `{what}` has to begin above zero"))
}

/// The mean and the deviation of a normal distribution, as written, and as written for the domain.
pub(crate) struct Bell<'a> {
    pub(crate) mean: (&'a Expr, &'a TokenStream),
    pub(crate) std: (&'a Expr, &'a TokenStream),
    pub(crate) bounds: Option<&'a Bounds>,
    pub(crate) low: &'a TokenStream,
    pub(crate) high: &'a TokenStream,
    pub(crate) step: Option<(&'a Expr, &'a TokenStream)>,
    pub(crate) log: bool,
}

pub(crate) fn normal(constants: &mut Constants<'_>, what: &str, ty: &Type, of: &Bell<'_>) {
    let Bell { mean: (mean_expr, mean), std: (std_expr, std), bounds, low, high, step, log } = of;
    let mut exprs = vec![*mean_expr, *std_expr];
    exprs.extend(bounds.iter().flat_map(|bounds| [&bounds.low, &bounds.high]));
    exprs.extend(step.map(|(expr, _)| expr));
    if is_plain(ty, &exprs) {
        return;
    }
    let mut all = vec![
        condition(
            quote!(__hobbit::f64::is_finite(#mean)),
            mean_expr,
            format!("the mean of `{what}` has to be finite"),
        ),
        condition(
            quote!(#std > 0.0 && __hobbit::f64::is_finite(#std)),
            std_expr,
            format!("the standard deviation of `{what}` has to be above zero, and finite"),
        ),
    ];
    if let Some(bounds) = bounds {
        all.extend(truncation(constants, (what, ty), bounds, (low, high)));
        if *log {
            all.push(begins_above_zero(what, &bounds.low, low, &limit(constants, ty, "SMALLEST")));
        }
    }
    if !*log {
        // values that do not fit are cut off
        let largest = limit(constants, ty, "LARGEST");
        all.push(condition(
            quote!(-#largest <= #mean && #mean <= #largest),
            mean_expr,
            format!("the mean of `{what}` does not fit the field's type"),
        ));
    }
    all.extend(step.map(|(expr, step)| above_zero(what, expr, step)));
    constants.check(all);
}

fn truncation(
    constants: &Constants<'_>,
    (what, ty): (&str, &Type),
    bounds: &Bounds,
    (low, high): (&TokenStream, &TokenStream),
) -> Vec<Condition> {
    let largest = limit(constants, ty, "LARGEST");
    let mut all = vec![condition(
        quote!(#low <= #high),
        &bounds.range,
        format!("the range that `{what}` is truncated to is empty"),
    )];
    all.extend(both_ends(
        bounds,
        [low, high].map(|end| quote!(__hobbit::is_end(#end, #largest))),
        &format!("the range that `{what}` is truncated to does not fit the field's type"),
    ));
    all
}

/// A step of whole numbers, as written, and as written for the domain, with whether it is whole.
pub(crate) type Step<'a> = Option<(&'a Expr, &'a TokenStream, &'a TokenStream)>;

pub(crate) fn int(
    constants: &mut Constants<'_>,
    what: &str,
    ty: &Type,
    of: &Range<'_>,
    whole: [&TokenStream; 2],
    step: Step<'_>,
) {
    let Range { bounds, low, high, log, .. } = of;
    let exprs = [Some(&bounds.low), Some(&bounds.high), step.map(|(expr, ..)| expr)];
    let known = primitive(ty).is_some_and(|name| crate::model::is_int(&name));
    if known && exprs.into_iter().flatten().all(|expr| literal(expr).is_some()) {
        return;
    }
    let mut all = Vec::from(both_ends(
        bounds,
        whole.map(ToTokens::to_token_stream),
        &format!("the ends of the range of `{what}` have to be whole numbers"),
    ));
    all.push(condition(quote!(#low <= #high), &bounds.range, format!("the range of `{what}` is empty")));
    if !known {
        let (least, most) = (limit(constants, ty, "LEAST"), limit(constants, ty, "MOST"));
        all.extend(both_ends(
            bounds,
            [low, high].map(|end| quote!(#least <= #end && #end <= #most)),
            &format!("the range of `{what}` does not fit the field's type"),
        ));
    }
    if *log {
        all.push(condition(
            quote!(#low > 0),
            &bounds.low,
            format!("the log range of `{what}` has to begin above zero"),
        ));
    }
    if let Some(step) = step {
        all.extend(whole_step(what, low, high, step));
    }
    constants.check(all);
}

fn whole_step(
    what: &str,
    low: &TokenStream,
    high: &TokenStream,
    (expr, step, whole): (&Expr, &TokenStream, &TokenStream),
) -> [Condition; 2] {
    [
        condition(
            quote!(#whole && #step > 0),
            expr,
            format!("the step of `{what}` has to be a whole number above zero"),
        ),
        condition(
            quote!(#low == #high || #step <= #high - #low),
            expr,
            format!("the step of `{what}` is larger than the range"),
        ),
    ]
}

/// An end of a range of lengths: as written for the domain, and whether it is whole.
pub(crate) type End<'a> = (&'a TokenStream, &'a TokenStream);

pub(crate) fn length(
    constants: &mut Constants<'_>,
    what: &str,
    bounds: &Bounds,
    low: End<'_>,
    high: End<'_>,
) {
    if literal(&bounds.low).is_some() && literal(&bounds.high).is_some() {
        return;
    }
    let ((low, low_whole), (high, high_whole)) = (low, high);
    let mut all = Vec::from(both_ends(
        bounds,
        [low_whole, high_whole].map(ToTokens::to_token_stream),
        &format!("lengths of `{what}` have to be whole numbers"),
    ));
    all.extend([
        condition(quote!(#low >= 0), &bounds.low, format!("lengths of `{what}` cannot be negative")),
        condition(
            quote!(#low <= #high),
            &bounds.range,
            format!("the range of the lengths of `{what}` is empty"),
        ),
        condition(
            quote!(#high <= #MOST_ELEMENTS),
            &bounds.high,
            format!("`{what}` can have {MOST_ELEMENTS} elements at most: each is a parameter"),
        ),
    ]);
    constants.check(all);
}

pub(crate) fn probability(constants: &mut Constants<'_>, what: &str, expr: &Expr, value: &TokenStream) {
    if literal(expr).is_none() {
        constants.check(vec![condition(
            quote!(0.0 <= #value && #value <= 1.0),
            expr,
            format!("a probability is from 0 to 1, that of `{what}` too"),
        )]);
    }
}
