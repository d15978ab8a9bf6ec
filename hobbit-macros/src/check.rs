//! The rules that can be checked on the tokens; all mistakes at once, each at the token at fault.

use std::collections::HashSet;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Expr, Type};

use crate::constant::mentions;
use crate::domain::is_projected;
use crate::errors::Errors;
use crate::expression;
use crate::model::{
    Body, Bounds, Domain, Field, Input, Literal, inside, is_float, is_int, limits, literal, primitive, text,
    ungrouped, ungrouped_type,
};
use crate::needs::innermost;

/// The most elements of a list: each has parameters of its own.
pub(crate) const MOST_ELEMENTS: i128 = 1 << 16;

pub(crate) fn check(input: &Input, errors: &mut Errors) {
    for constant in input.generics.const_params() {
        Lengths { constant: &constant.ident, errors }.visit_item(&input.item);
    }
    for constraint in &input.constraints {
        expression::check_self(constraint.condition.to_token_stream(), errors);
    }
    match &input.body {
        Body::Struct(fields) => check_fields(fields, &input.ident, errors),
        Body::Enum(variants) => {
            let mut idents = HashSet::new();
            for variant in variants {
                if !idents.insert(&variant.ident) {
                    errors.on(&variant.ident, format!("the variant `{}` is there already", variant.ident));
                }
                check_fields(&variant.fields, &input.ident, errors);
            }
            check_weights(variants.iter().map(|variant| variant.weight.as_ref()), errors);
        }
    }
}

/// Finds arrays whose length is a parameter: serde writes none.
struct Lengths<'a> {
    constant: &'a Ident,
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Lengths<'_> {
    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        if mentions(array.len.to_token_stream(), &self.constant.to_string(), false) {
            let message = "an array whose length is a parameter cannot be written to files; use a `Vec` with `#[length(N..=N)]`";
            self.errors.on(&array.len, message);
        }
        self.visit_type(&array.elem);
    }
}

fn check_fields(fields: &[Field], space: &Ident, errors: &mut Errors) {
    let (mut idents, mut names) = (HashSet::new(), HashSet::new());
    for field in fields {
        if !idents.insert(&field.ident) {
            errors.on(&field.ident, format!("the field `{}` is there already", field.ident));
        } else if !names.insert(&field.name) {
            errors
                .at(field.ident.span(), format!("there is another parameter with the name `{}`", field.name));
        }
        let is_refused = matches!(ungrouped_type(&field.ty), Type::TraitObject(_) | Type::Reference(_));
        if field.is_written && !is_refused && mentions(field.ty.to_token_stream(), "dyn", false) {
            let message = "a configuration is written to files and read back, and what is behind a `dyn` cannot be: use an enum";
            errors.on(&field.ty, message);
            continue;
        }
        // however it is made, it is written
        if field.is_written && is_too_long(&field.ty, errors) {
            continue;
        }
        check_wrapper(&field.domain, &field.ty, &field.ident, errors);
        check_itself(&field.domain, &field.ty, space, errors);
        check_domain(&field.domain, &field.ty, errors);
        let made = match &field.domain {
            Domain::Fixed(expr) | Domain::Derived(expr) => Some(expr),
            _ => None,
        };
        for expr in made.into_iter().chain(&field.default) {
            expression::check_text(expr, &field.ty, errors);
            expression::check_self(expr.to_token_stream(), errors);
        }
    }
}

/// An error where the domain is of what is in the field, and nothing says how it gets there.
fn check_wrapper(domain: &Domain, ty: &Type, ident: &Ident, errors: &mut Errors) {
    match domain {
        Domain::Optional { ty, inner, .. }
        | Domain::Several { ty, inner, .. }
        | Domain::Array { ty, inner } => return check_wrapper(inner, ty, ident, errors),
        Domain::Choice { options, .. } => {
            // options of any type can be chosen from, but these are not of a wrapper
            let is_plain = |(option, _): &(Expr, _)| matches!(ungrouped(option), Expr::Lit(_));
            if !options.iter().all(is_plain) {
                return;
            }
        }
        Domain::Uniform { .. }
        | Domain::Normal { .. }
        | Domain::Int { .. }
        | Domain::Bool(_)
        | Domain::Variants { .. }
        | Domain::Nested => {}
        Domain::Distribution(_) | Domain::Fixed(_) | Domain::Derived(_) | Domain::With(_) => return,
    }
    if inside(ty, "Option").is_some() {
        errors
            .on(ty, format!("`{ident}` is an `Option`: say how often it is there, with `#[optional(0.5)]`"));
    } else if inside(ty, "Vec").is_some() {
        errors.on(ty, format!("`{ident}` is a `Vec`: say how many elements it has, with `#[length(1..=4)]`"));
    } else if inside(ty, "Box").is_some_and(|inside| primitive(inside).as_deref() != Some("str")) {
        errors.on(ty, format!("`{ident}` is drawn by value: leave the `Box` out"));
    }
}

/// An error where a space is a part of itself, but for what is in a list that is no list of spaces.
fn check_itself(domain: &Domain, ty: &Type, space: &Ident, errors: &mut Errors) {
    match domain {
        // what is in it is not known
        Domain::Optional { ty, .. } | Domain::Several { ty, .. } if is_projected(ty) => {}
        Domain::Several { .. } if !matches!(innermost(domain, ty), (Domain::Nested, _)) => return,
        Domain::Optional { ty, inner, .. }
        | Domain::Several { ty, inner, .. }
        | Domain::Array { ty, inner } => return check_itself(inner, ty, space, errors),
        _ => {}
    }
    let ty = inside(ty, "Option").unwrap_or(ty);
    let Type::Path(path) = ungrouped_type(ty) else { return };
    let segments: Vec<_> = path.path.segments.iter().map(|segment| &segment.ident).collect();
    let is_itself = match segments[..] {
        [name] => name == space || name == "Self",
        [first, name] => first == "self" && name == space,
        _ => false,
    };
    if is_itself {
        let message = match domain {
            Domain::Nested => "a space within itself would have parameters without end",
            _ => "a value within itself would have no end",
        };
        errors.on(ty, message);
    }
}

fn check_domain(domain: &Domain, ty: &Type, errors: &mut Errors) {
    let name = primitive(ty).unwrap_or_default();
    if matches!(domain, Domain::Choice { .. } | Domain::Fixed(_) | Domain::Derived(_))
        && ["u128", "i128"].contains(&&*name)
    {
        errors.on(ty, format!("whole numbers of up to 64 bits can be written to files, not `{name}`"));
    }
    match domain {
        Domain::Uniform { bounds, step, log } => check_uniform(bounds, step.as_ref(), *log, ty, errors),
        Domain::Normal { mean, std, bounds, step, log } => {
            check_normal((mean, std), bounds.as_ref(), step.as_ref(), *log, ty, errors);
        }
        Domain::Int { bounds, step, log } => check_int(bounds, step.as_ref(), *log, ty, errors),
        Domain::Choice { options, span } => {
            if options.is_empty() {
                errors.at(*span, "`choice` needs at least one option");
            }
            check_options(options, ty, errors);
        }
        Domain::Variants { span, .. } if !name.is_empty() => {
            errors.at(*span, format!("a range of variants is for enums, not `{name}`"));
        }
        Domain::Bool(probability) => {
            if !name.is_empty() && name != "bool" {
                errors.on(ty, format!("`bool` is for `bool`, not `{name}`"));
            }
            if let Some(probability) = probability {
                check_probability(probability, errors);
            }
        }
        Domain::Nested if !name.is_empty() => {
            errors.on(ty, format!("`nested` is for types with `#[search_space]`, not `{name}`"));
        }
        Domain::Optional { probability, ty, inner } => {
            check_probability(probability, errors);
            check_domain(inner, ty, errors);
        }
        Domain::Several { bounds, ty, inner } => {
            check_range(bounds, false, errors);
            check_lengths(bounds, errors);
            check_domain(inner, ty, errors);
        }
        Domain::Array { ty, inner } => check_domain(inner, ty, errors),
        Domain::Distribution(expr) => expression::check_distribution(expr, errors),
        Domain::Variants { .. } | Domain::Nested => {}
        Domain::Fixed(_) | Domain::Derived(_) | Domain::With(_) => {}
    }
}

fn check_uniform(bounds: &Bounds, step: Option<&Expr>, log: bool, ty: &Type, errors: &mut Errors) {
    let name = primitive(ty).unwrap_or_default();
    let what = if log { "log_uniform" } else { "uniform" };
    if is_int(&name) {
        let other = if log { ", log" } else { "" };
        let message = format!(
            "`{what}` draws real numbers, for `f64` or `f32`; for `{name}` use `#[int(low..=high{other})]`"
        );
        errors.on(ty, message);
    } else if !(name.is_empty() || is_float(&name)) {
        errors.on(ty, format!("`{what}` draws real numbers, for `f64` or `f32`, not `{name}`"));
    }
    check_range(bounds, log, errors);
    check_single(bounds, &name, log, errors);
    let step = finite(step, errors);
    check_step(Some(bounds), step, errors);
    check_grid(Some(bounds), step, errors);
}

fn check_normal(
    (mean, std): (&Expr, &Expr),
    bounds: Option<&Bounds>,
    step: Option<&Expr>,
    log: bool,
    ty: &Type,
    errors: &mut Errors,
) {
    let name = primitive(ty).unwrap_or_default();
    if !(name.is_empty() || is_float(&name)) {
        errors.on(ty, format!("normal distributions draw real numbers, for `f64` or `f32`, not `{name}`"));
    }
    check_numbers([mean, std], errors);
    if literal(std).is_some_and(|std| std.value() <= 0.0) {
        errors.on(std, "the standard deviation has to be above zero");
    }
    if let Some(bounds) = bounds {
        check_range(bounds, log, errors);
        check_single(bounds, &name, log, errors);
    }
    for number in [mean, std] {
        check_fits(number, &name, log, errors);
    }
    let step = finite(step, errors);
    check_step(bounds, step, errors);
    check_grid(bounds, step, errors);
}

/// Whether there is an array that serde does not write, with an error that says so.
fn is_too_long(ty: &Type, errors: &mut Errors) -> bool {
    let Type::Array(array) = ungrouped_type(ty) else { return false };
    if !matches!(literal(&array.len), Some(Literal::Int(33..))) {
        return is_too_long(&array.elem, errors);
    }
    errors.on(
        &array.len,
        "arrays of up to 32 elements can be written to files; use a `Vec` with `#[length(n..=n)]`",
    );
    true
}

fn check_int(bounds: &Bounds, step: Option<&Expr>, log: bool, ty: &Type, errors: &mut Errors) {
    let name = primitive(ty).unwrap_or_default();
    if is_float(&name) {
        errors.on(ty, format!("`int` draws whole numbers; for `{name}` use `#[uniform(low..=high)]`"));
    } else if !(name.is_empty() || is_int(&name)) {
        return errors.on(ty, format!("`int` draws whole numbers of up to 64 bits, not `{name}`"));
    }
    for end in [&bounds.low, &bounds.high] {
        if let (Some(Literal::Int(number)), Some((low, high))) = (literal(end), limits(&name))
            && !(low..=high).contains(&number)
        {
            errors.on(end, format!("{number} does not fit `{name}`, which is from {low} to {high}"));
        }
    }
    let is_real = |end: &&Expr| matches!(literal(end), Some(Literal::Float(_)));
    // once, however many there are
    if let Some(end) = [&bounds.low, &bounds.high].into_iter().chain(step).find(is_real) {
        errors.on(end, "`int` needs whole numbers");
    }
    check_range(bounds, log, errors);
    check_step(Some(bounds), step, errors);
}

fn check_options(options: &[(Expr, Option<Expr>)], ty: &Type, errors: &mut Errors) {
    let name = primitive(ty).unwrap_or_default();
    if let ([(option, None)], false) = (options, name.is_empty()) {
        let is_list = match ungrouped(option) {
            Expr::Array(_) => true,
            Expr::Reference(reference) => matches!(*reference.expr, Expr::Array(_)),
            Expr::Macro(call) => call.mac.path.is_ident("vec"),
            _ => false,
        };
        if is_list {
            return errors
                .on(option, "options are not a list: write them one by one, as in `#[choice(1, 2, 3)]`");
        }
    }
    let mut seen = HashSet::new();
    for (option, _) in options {
        let same = literal(option).map_or_else(
            || ungrouped(option).to_token_stream().to_string(),
            |number| number.value().to_string(),
        );
        if !seen.insert(same) {
            errors.on(option, "this option is there already");
        }
    }
    // once, however many there are
    let a_text = options.iter().map(|(option, _)| option).find(|option| text(option).is_some());
    let is_other = !["", "str", "u128", "i128"].contains(&&*name);
    if let Some(option) = a_text.filter(|_| is_other) {
        errors.on(option, format!("texts are chosen for a `String`, not `{name}`"));
    }
    check_weights(options.iter().map(|(_, weight)| weight.as_ref()), errors);
}

fn check_lengths(bounds: &Bounds, errors: &mut Errors) {
    let ends = [&bounds.low, &bounds.high];
    if let Some(end) = ends.into_iter().find(|end| matches!(literal(end), Some(Literal::Float(_)))) {
        return errors.on(end, "a length is a whole number");
    }
    for end in ends {
        match literal(end) {
            Some(Literal::Int(length)) if length < 0 => errors.on(end, "a length is not negative"),
            Some(Literal::Int(length)) if length > MOST_ELEMENTS => errors.on(
                end,
                format!("a list has {MOST_ELEMENTS} elements at most: each has parameters of its own"),
            ),
            _ => {}
        }
    }
}

/// An error for each that is plainly no number.
fn check_numbers<'a>(exprs: impl IntoIterator<Item = &'a Expr>, errors: &mut Errors) {
    for expr in exprs {
        if let Expr::Lit(lit) = ungrouped(expr)
            && !matches!(lit.lit, syn::Lit::Int(_) | syn::Lit::Float(_))
        {
            errors.on(expr, "a number is needed");
        } else if literal(expr).is_some_and(|number| !number.value().is_finite()) {
            errors.on(expr, "this number is too large for `f64`");
        }
    }
}

/// What is a number in `f64` may be none in `f32`.
fn check_single(bounds: &Bounds, name: &str, log: bool, errors: &mut Errors) {
    if name != "f32" {
        return;
    }
    for end in [&bounds.low, &bounds.high] {
        if literal(end).is_some_and(|end| end.value().is_finite() && (end.value() as f32).is_infinite()) {
            errors.on(end, format!("this does not fit `f32`, whose largest number is {:e}", f32::MAX));
        }
    }
    if log && literal(&bounds.low).is_some_and(|low| low.value() > 0.0 && low.value() as f32 == 0.0) {
        errors.on(&bounds.low, "a log range has to begin above zero, and this is zero in `f32`");
    }
}

/// Mean and deviation of a normal distribution are numbers of the field's type. Values that are not are cut
/// off.
fn check_fits(number: &Expr, name: &str, log: bool, errors: &mut Errors) {
    let is_too_large = |number: f64| number.is_finite() && (number as f32).is_infinite();
    if !log && name == "f32" && literal(number).is_some_and(|number| is_too_large(number.value())) {
        errors.on(number, format!("this does not fit `f32`, whose largest number is {:e}", f32::MAX));
    }
}

/// The step, if nothing is wrong with it as a number.
fn finite<'a>(step: Option<&'a Expr>, errors: &mut Errors) -> Option<&'a Expr> {
    check_numbers(step, errors);
    step.filter(|step| literal(step).is_none_or(|step| step.value().is_finite()))
}

fn check_range(bounds: &Bounds, log: bool, errors: &mut Errors) {
    let is_odd = |end: &&Expr| matches!(ungrouped(end), Expr::Lit(lit) if !matches!(lit.lit, syn::Lit::Int(_) | syn::Lit::Float(_)));
    if let Some(end) = [&bounds.low, &bounds.high].into_iter().find(is_odd) {
        errors.on(end, "the ends of a range are numbers");
    }
    if let (Some(low), Some(high)) = (literal(&bounds.low), literal(&bounds.high)) {
        let (low, high) = (low.value(), high.value());
        let is_endless = |end: &&Expr| literal(end).is_some_and(|end| !end.value().is_finite());
        if low > high {
            errors.on(&bounds.range, format!("the range is empty: {low} is above {high}"));
        } else if let Some(end) = [&bounds.low, &bounds.high].into_iter().find(is_endless) {
            errors.on(end, "the ends of a range have to be finite");
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

/// A step of real numbers leaves a grid whose values can be told apart.
fn check_grid(bounds: Option<&Bounds>, step: Option<&Expr>, errors: &mut Errors) {
    if let (Some(bounds), Some(step)) = (bounds, step)
        && let (Some(low), Some(high)) = (literal(&bounds.low), literal(&bounds.high))
        && let Some(value) = literal(step)
        && value.value() > 0.0
        && (high.value() - low.value()) / value.value() > MOST_STEPS
    {
        errors
            .on(step, "the step is too small: floating-point numbers hold no grid of more than 2^53 values");
    }
}

/// The most values of a grid: more are not told apart.
const MOST_STEPS: f64 = (1_u64 << 53) as f64;

/// Whether a step is no larger than its range, but for rounding: in floats, 0.3 - 0.2 is less than 0.1.
fn fits(step: f64, low: f64, high: f64) -> bool {
    let rounding = f64::EPSILON * low.abs().max(high.abs());
    step <= high - low + rounding
}

fn check_probability(probability: &Expr, errors: &mut Errors) {
    check_numbers([probability], errors);
    if literal(probability).is_some_and(|p| p.value().is_finite() && !(0.0..=1.0).contains(&p.value())) {
        errors.on(probability, "a probability is from 0 to 1");
    }
}

fn check_weights<'a>(weights: impl Iterator<Item = Option<&'a Expr>>, errors: &mut Errors) {
    let mut last = None;
    let mut all_zero = true;
    let mut sum = 0.0;
    for weight in weights {
        let value = weight.map_or(Some(1.0), |weight| literal(weight).map(Literal::value));
        all_zero &= value == Some(0.0);
        sum += value.filter(|value| value.is_finite()).unwrap_or(0.0);
        let Some(weight) = weight else { continue };
        last = Some(weight);
        check_numbers([weight], errors);
        if value.is_some_and(|value| value < 0.0) {
            errors.on(weight, "a weight is not negative");
        }
    }
    if let Some(last) = last.filter(|_| all_zero) {
        errors.on(last, "all weights are zero: nothing could be drawn");
    } else if let Some(last) = last.filter(|_| f64::is_infinite(sum)) {
        errors.on(last, "the sum of all weights is too large for `f64`");
    }
}
