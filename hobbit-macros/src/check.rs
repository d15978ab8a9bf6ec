//! The rules that can be checked on the tokens; all mistakes at once, each at the token at fault.

use std::collections::HashSet;

use quote::ToTokens;
use syn::{Expr, Type};

use crate::attr::Errors;
use crate::model::{Body, Bounds, Domain, Field, Input, Literal, is_float, is_int, literal, primitive};

pub(crate) fn check(input: &Input, errors: &mut Errors) {
    match &input.body {
        Body::Struct(fields) => check_fields(fields, errors),
        Body::Enum(variants) => {
            if variants.is_empty() {
                errors.on(&input.ident, "an enum without variants has no values");
            }
            for variant in variants {
                check_fields(&variant.fields, errors);
            }
            check_weights(variants.iter().map(|variant| variant.weight.as_ref()), errors);
        }
    }
}

fn check_fields(fields: &[Field], errors: &mut Errors) {
    let mut names = HashSet::new();
    for field in fields {
        if !names.insert(&field.name) {
            errors
                .at(field.ident.span(), format!("there is another parameter with the name `{}`", field.name));
        }
        check_domain(&field.domain, &field.ty, errors);
    }
}

fn check_domain(domain: &Domain, ty: &Type, errors: &mut Errors) {
    let name = primitive(ty).unwrap_or_default();
    match domain {
        Domain::Uniform { bounds, step, log } => {
            if is_int(&name) || name == "bool" {
                let (what, other) = if *log { ("log_uniform", ", log") } else { ("uniform", "") };
                errors.on(ty,
                    format!("`{what}` draws real numbers, for `f64` or `f32`; for `{name}` use `#[int(low..=high{other})]`"),
                );
            }
            check_range(bounds, *log, errors);
            check_step(Some(bounds), step.as_ref(), errors);
        }
        Domain::Normal { std, bounds, step, log, .. } => {
            if is_int(&name) || name == "bool" {
                errors.on(
                    ty,
                    format!("normal distributions draw real numbers, for `f64` or `f32`, not `{name}`"),
                );
            }
            if literal(std).is_some_and(|std| std.value() <= 0.0) {
                errors.on(std, "the standard deviation has to be above zero");
            }
            if let Some(bounds) = bounds {
                check_range(bounds, *log, errors);
            }
            check_step(bounds.as_ref(), step.as_ref(), errors);
        }
        Domain::Int { bounds, step, log } => {
            if is_float(&name) || name == "bool" {
                errors
                    .on(ty, format!("`int` draws whole numbers; for `{name}` use `#[uniform(low..=high)]`"));
            }
            for end in [&bounds.low, &bounds.high].into_iter().chain(step) {
                if matches!(literal(end), Some(Literal::Float(_))) {
                    errors.on(end, "`int` needs whole numbers");
                }
            }
            check_range(bounds, *log, errors);
            check_step(Some(bounds), step.as_ref(), errors);
        }
        Domain::Choice { options, span } => {
            if options.is_empty() {
                errors.at(*span, "`choice` needs at least one option");
            }
            let mut seen = HashSet::new();
            for (option, _) in options {
                if !seen.insert(option.to_token_stream().to_string()) {
                    errors.on(option, "this option is there already");
                }
            }
            check_weights(options.iter().map(|(_, weight)| weight.as_ref()), errors);
        }
        Domain::Variants { span, .. } => {
            if !name.is_empty() {
                errors.at(*span, format!("a range of variants is for enums, not `{name}`"));
            }
        }
        Domain::Bool(probability) => {
            if !name.is_empty() && name != "bool" {
                errors.on(ty, format!("`bool` is for `bool`, not `{name}`"));
            }
            if let Some(probability) = probability {
                check_probability(probability, errors);
            }
        }
        Domain::Nested => {
            if !name.is_empty() {
                errors.on(ty, format!("`nested` is for types with `#[search_space]`, not `{name}`"));
            }
        }
        Domain::Optional { probability, ty, inner } => {
            check_probability(probability, errors);
            check_domain(inner, ty, errors);
        }
        Domain::Several { bounds, ty, inner } => {
            check_range(bounds, false, errors);
            for end in [&bounds.low, &bounds.high] {
                match literal(end) {
                    Some(Literal::Float(_)) => errors.on(end, "a length is a whole number"),
                    Some(Literal::Int(length)) if length < 0 => errors.on(end, "a length is not negative"),
                    _ => {}
                }
            }
            check_domain(inner, ty, errors);
        }
        Domain::Array { ty, inner } => check_domain(inner, ty, errors),
        Domain::Distribution(_) | Domain::Fixed(_) | Domain::Derived(_) | Domain::With(_) => {}
    }
}

fn check_range(bounds: &Bounds, log: bool, errors: &mut Errors) {
    if let (Some(low), Some(high)) = (literal(&bounds.low), literal(&bounds.high)) {
        let (low, high) = (low.value(), high.value());
        if low > high {
            errors.on(&bounds.range, format!("the range is empty: {low} is above {high}"));
        } else if !(low.is_finite() && high.is_finite()) {
            errors.on(&bounds.range, "the ends of a range have to be finite");
        }
    }
    if log && literal(&bounds.low).is_some_and(|low| low.value() <= 0.0) {
        errors.on(&bounds.low, "a log range has to begin above zero");
    }
}

fn check_step(bounds: Option<&Bounds>, step: Option<&Expr>, errors: &mut Errors) {
    let Some((step, value)) = step.and_then(|step| Some((step, literal(step)?.value()))) else { return };
    if value <= 0.0 {
        errors.on(step, "the step has to be above zero");
    } else if let Some(bounds) = bounds
        && let (Some(low), Some(high)) = (literal(&bounds.low), literal(&bounds.high))
        && low.value() <= high.value()
        && !fits(value, low.value(), high.value())
    {
        let width = high.value() - low.value();
        errors.on(step, format!("the step is larger than the range, which is {width} wide"));
    }
}

/// Whether a step is no larger than its range, but for rounding: in floats, 0.3 - 0.2 is less than 0.1.
fn fits(step: f64, low: f64, high: f64) -> bool {
    let rounding = f64::EPSILON * low.abs().max(high.abs());
    step <= high - low + rounding
}

fn check_probability(probability: &Expr, errors: &mut Errors) {
    if literal(probability).is_some_and(|p| !(0.0..=1.0).contains(&p.value())) {
        errors.on(probability, "a probability is from 0 to 1");
    }
}

fn check_weights<'a>(weights: impl Iterator<Item = Option<&'a Expr>>, errors: &mut Errors) {
    let mut last = None;
    let mut all_zero = true;
    for weight in weights {
        let value = weight.map_or(Some(1.0), |weight| literal(weight).map(Literal::value));
        all_zero &= value == Some(0.0);
        let Some(weight) = weight else { continue };
        last = Some(weight);
        if value.is_some_and(|value| !(value >= 0.0 && value.is_finite())) {
            errors.on(weight, "a weight is not negative");
        }
    }
    if let Some(last) = last.filter(|_| all_zero) {
        errors.on(last, "all weights are zero: nothing could be drawn");
    }
}
