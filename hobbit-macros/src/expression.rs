//! The rules about expressions that are not constants, as far as tokens tell.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Expr, Type};

use crate::errors::Errors;
use crate::model::{Literal, literal, primitive, text, ungrouped};

/// An error where a text is given for a number.
pub(crate) fn check_text(expr: &Expr, ty: &Type, errors: &mut Errors) {
    if let (Some(_), Some(name)) = (text(expr), primitive(ty)) {
        errors.on(expr, format!("a text is for a `String`, not `{name}`"));
    }
}

/// An error for each `self.`: the configuration is not made yet.
pub(crate) fn check_self(tokens: TokenStream, errors: &mut Errors) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let before_dot = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '.');
        match token {
            TokenTree::Ident(ident) if ident == "self" && before_dot => {
                errors.on(ident, "expressions mention fields by their names alone: leave `self.` out");
            }
            TokenTree::Group(group) => check_self(group.stream(), errors),
            _ => {}
        }
    }
}

/// Distributions of `rand_distr` that are made of real numbers only.
const OF_REALS: [&str; 20] = [
    "Beta",
    "Cauchy",
    "ChiSquared",
    "Exp",
    "FisherF",
    "Frechet",
    "Gamma",
    "Gumbel",
    "InverseGaussian",
    "LogNormal",
    "Normal",
    "NormalInverseGaussian",
    "Pareto",
    "Pert",
    "Poisson",
    "SkewNormal",
    "StudentT",
    "Triangular",
    "Weibull",
    "Zeta",
];

/// An error where a distribution of `rand_distr` is made of what is plainly none of its numbers: the compiler
/// would have one for each bound, of each part of the expression.
pub(crate) fn check_distribution(expr: &Expr, errors: &mut Errors) {
    let call = match ungrouped(expr) {
        Expr::Try(inner) => return check_distribution(&inner.expr, errors),
        Expr::MethodCall(call) => return check_distribution(&call.receiver, errors),
        Expr::Call(call) => call,
        _ => return,
    };
    let Expr::Path(function) = &*call.func else { return };
    let names: Vec<_> = function.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let [before @ .., name, _] = &names[..] else { return };
    if !OF_REALS.contains(&name.as_str()) || before.first().is_some_and(|root| root != "rand_distr") {
        return;
    }
    for argument in &call.args {
        if text(argument).is_some() {
            return errors.on(argument, format!("`{name}` is made of numbers, and this is a text"));
        }
        // a type of the user's with this name may take some
        if let (false, Some(Literal::Int(number))) = (before.is_empty(), literal(argument)) {
            return errors.on(argument, format!("`{name}` is made of real numbers: write `{number}.0`"));
        }
    }
}
