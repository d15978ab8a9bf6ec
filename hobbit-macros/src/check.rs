//! The rules that can be checked on the tokens; all mistakes at once, each at the token at fault.

use std::collections::HashSet;

use quote::ToTokens;
use syn::Result;
use syn::spanned::Spanned;

use crate::attr::Errors;
use crate::model::{Bounds, Domain, Field, Input, Literal, is_float, is_int, literal, primitive};

pub(crate) fn check(input: &Input) -> Result<()> {
    let mut errors = Errors::default();
    for field in &input.fields {
        check_field(field, &mut errors);
    }
    errors.finish(())
}

fn check_field(field: &Field, errors: &mut Errors) {
    let ty = primitive(&field.ty).unwrap_or_default();
    match &field.domain {
        Domain::Uniform(bounds) | Domain::LogUniform(bounds) => {
            let log = matches!(field.domain, Domain::LogUniform(_));
            if is_int(&ty) || ty == "bool" {
                let name = if log { "log_uniform" } else { "uniform" };
                let other = if log { "`#[int(low..=high, log)]`" } else { "`#[int(low..=high)]`" };
                errors.at(
                    field.ty.span(),
                    format!("`{name}` draws real numbers, for `f64` or `f32`; for `{ty}` use {other}"),
                );
            }
            check_range(bounds, errors);
            if log && literal(&bounds.low).is_some_and(|low| low.value() <= 0.0) {
                errors.at(bounds.low.span(), "a log range has to begin above zero");
            }
        }
        Domain::Int { bounds, step, log } => {
            if is_float(&ty) || ty == "bool" {
                errors.at(
                    field.ty.span(),
                    format!("`int` draws whole numbers; for `{ty}` use `#[uniform(low..=high)]`"),
                );
            }
            for end in [&bounds.low, &bounds.high].into_iter().chain(step) {
                if matches!(literal(end), Some(Literal::Float(_))) {
                    errors.at(end.span(), "`int` needs whole numbers");
                }
            }
            check_range(bounds, errors);
            if log.is_some() && literal(&bounds.low).is_some_and(|low| low.value() <= 0.0) {
                errors.at(bounds.low.span(), "a log range has to begin above zero");
            }
            if let Some(step) = step {
                check_step(bounds, step, errors);
            }
        }
        Domain::Choice { options, span } => {
            if options.is_empty() {
                errors.at(*span, "`choice` needs at least one option");
            }
            let mut seen = HashSet::new();
            for option in options {
                if !seen.insert(option.to_token_stream().to_string()) {
                    errors.at(option.span(), "this option is there already");
                }
            }
        }
        Domain::Bool => {}
    }
}

fn check_range(bounds: &Bounds, errors: &mut Errors) {
    if let (Some(low), Some(high)) = (literal(&bounds.low), literal(&bounds.high)) {
        let (low, high) = (low.value(), high.value());
        if low > high {
            errors.at(bounds.range.span(), format!("the range is empty: {low} is above {high}"));
        } else if !(low.is_finite() && high.is_finite()) {
            errors.at(bounds.range.span(), "the ends of a range have to be finite");
        }
    }
}

fn check_step(bounds: &Bounds, step: &syn::Expr, errors: &mut Errors) {
    let Some(value) = literal(step).map(Literal::value) else { return };
    if value <= 0.0 {
        errors.at(step.span(), "the step has to be above zero");
    } else if let (Some(low), Some(high)) = (literal(&bounds.low), literal(&bounds.high))
        && value > high.value() - low.value()
        && low.value() <= high.value()
    {
        errors.at(
            step.span(),
            format!("the step is larger than the range, which is {} wide", high.value() - low.value()),
        );
    }
}
