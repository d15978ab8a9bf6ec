//! Writes what is asked of the types of fields, so that a type that lacks it is one error at the field: the
//! predicates of implementations. How this works is said where hobbit has the traits, in `space/needs.rs`.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, GenericParam, Generics, Item, Meta, Type, TypeParamBound, WherePredicate};

use crate::constant::{at, mentions};
use crate::domain::is_projected;
use crate::model::{Body, Domain, Field, Input, literal, primitive, text, ungrouped_type};
use crate::named::TypeNames;
use crate::serde::{FORMS, has_own_form};
use crate::settings::parts;
use crate::stored::is_plain;

/// Types of the standard library that can do all of it, if what is in them can.
const KNOWN: [&str; 18] = [
    "String",
    "PathBuf",
    "Duration",
    "Option",
    "Vec",
    "VecDeque",
    "Box",
    "Rc",
    "Arc",
    "HashMap",
    "HashSet",
    "BTreeMap",
    "BTreeSet",
    "Range",
    "RangeInclusive",
    "NonZeroU32",
    "NonZeroU64",
    "NonZeroUsize",
];

/// Bounds that say nothing of writing and reading.
const SIMPLE: [&str; 11] =
    ["Clone", "Copy", "Debug", "Default", "Display", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd", "Send"];

/// What a predicate about a type outside of the implementation could not mention.
pub(crate) struct Scope(Vec<String>);

impl Scope {
    /// Type parameters may be assumed to be what they have to be, unless their bounds may say so already:
    /// then there would be two sources for one fact, which the compiler finds ambiguous.
    pub(crate) fn of(ident: &Ident, generics: &Generics) -> Scope {
        let parameters = generics.params.iter().filter_map(|parameter| match parameter {
            GenericParam::Type(ty) => {
                let name = ty.ident.to_string();
                let is_more = |bound: &TypeParamBound| match bound {
                    TypeParamBound::Trait(bound) => SIMPLE.iter().all(|simple| !bound.path.is_ident(simple)),
                    _ => false,
                };
                let is_bound = ty.bounds.iter().any(is_more)
                    || mentions(generics.where_clause.to_token_stream(), &name, false);
                is_bound.then_some(name)
            }
            GenericParam::Const(constant) => Some(constant.ident.to_string()),
            GenericParam::Lifetime(_) => None,
        });
        Scope(parameters.chain([ident.to_string(), "Self".to_owned()]).collect())
    }

    pub(crate) fn of_item(item: &Item) -> Scope {
        match item {
            Item::Struct(item) => Scope::of(&item.ident, &item.generics),
            Item::Enum(item) => Scope::of(&item.ident, &item.generics),
            _ => Scope(Vec::new()),
        }
    }

    /// Whether a type is one of the user's that means the same wherever it is written.
    pub(crate) fn is_users(&self, ty: &Type) -> bool {
        matches!(ungrouped_type(ty), Type::Path(_) | Type::Tuple(_) | Type::Array(_))
            && !is_projected(ty)
            && !is_known(ty)
            && self.is_closed(ty.to_token_stream())
    }

    pub(crate) fn is_closed(&self, tokens: TokenStream) -> bool {
        let odd = ["impl", "dyn", "fn", "_", "$crate"];
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        tokens.iter().enumerate().all(|(place, token)| match token {
            TokenTree::Ident(ident) => {
                !odd.iter().any(|odd| ident == odd) && !self.0.iter().any(|name| ident == name)
            }
            TokenTree::Group(group) => self.is_closed(group.stream()),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                matches!(tokens.get(place + 1), Some(TokenTree::Ident(name)) if name == "static")
            }
            TokenTree::Punct(punct) => punct.as_char() != '!',
            TokenTree::Literal(_) => true,
        })
    }
}

/// Whether the bounds of a type parameter say already that it is a search space.
pub(crate) fn is_said(ty: &Type, generics: &Generics) -> bool {
    let is_space = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|last| last.ident == "SearchSpace")
        }
        _ => false,
    };
    let name = ungrouped_type(ty).to_token_stream().to_string();
    let mut parameters = generics.type_params().filter(|parameter| parameter.ident == name);
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let mut bounded = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(of) if of.bounded_ty.to_token_stream().to_string() == name => Some(&of.bounds),
        _ => None,
    });
    parameters.any(|parameter| parameter.bounds.iter().any(is_space))
        || bounded.any(|bounds| bounds.iter().any(is_space))
}

/// Whether nothing has to be asked of a type.
fn is_known(ty: &Type) -> bool {
    match ungrouped_type(ty) {
        Type::Array(array) => is_known(&array.elem) && literal(&array.len).is_some(),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_known),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return false };
            let inner = match &last.arguments {
                syn::PathArguments::AngleBracketed(arguments) => {
                    arguments.args.iter().all(|argument| match argument {
                        syn::GenericArgument::Type(ty) => is_known(ty) || primitive(ty).is_some(),
                        _ => true,
                    })
                }
                _ => true,
            };
            primitive(ty).is_some() || KNOWN.iter().any(|known| last.ident == known) && inner
        }
        _ => false,
    }
}

/// Whether there is an array in a type of whose length nothing is known here: serde writes short ones only.
fn has_open_array(ty: &Type) -> bool {
    struct Arrays(bool);

    impl<'ast> Visit<'ast> for Arrays {
        fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
            self.0 |= literal(&array.len).is_none();
            self.visit_type(&array.elem);
        }
    }

    let mut arrays = Arrays(false);
    arrays.visit_type(ty);
    arrays.0
}

/// What a field's domain is of, below options, lists and arrays.
pub(crate) fn innermost<'a>(domain: &'a Domain, ty: &'a Type) -> (&'a Domain, &'a Type) {
    match domain {
        Domain::Optional { ty, inner, .. }
        | Domain::Several { ty, inner, .. }
        | Domain::Array { ty, inner } => innermost(inner, ty),
        _ => (domain, ty),
    }
}

pub(crate) fn fields(body: &Body) -> impl Iterator<Item = &Field> {
    let (one, many) = match body {
        Body::Struct(fields) => (&fields[..], &[][..]),
        Body::Enum(variants) => (&[][..], &variants[..]),
    };
    one.iter().chain(many.iter().flat_map(|variant| &variant.fields))
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        _ => &[],
    }
}

/// The predicates of an item's implementations.
pub(crate) struct Predicates {
    /// What the functions of domains need.
    pub(crate) domains: TokenStream,
    /// What is only for `SearchSpace`.
    pub(crate) space: TokenStream,
    /// What is asked once, of types that mean the same anywhere.
    pub(crate) apart: TokenStream,
}

pub(crate) fn predicates(input: &Input, names: &TypeNames) -> Predicates {
    let scope = Scope::of(&input.ident, &input.generics);
    let (mut domains, mut space, mut apart) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
    let is_written = !has_own_form(attributes(&input.item));
    // an assumption holds for all fields of a type
    let mut assumed_before = HashSet::new();
    for (place, field) in fields(&input.body).enumerate() {
        let (domain, ty) = innermost(&field.domain, &field.ty);
        let (span, named) = (at(ty.span()), names.name(ty));
        let is_written = is_written && field.is_written;
        // the type as a whole, of which nothing else is asked
        if is_written && has_open_array(&field.ty) && !has_open_array(ty) && scope.is_users(&field.ty) {
            let whole = names.name(&field.ty);
            space.extend(quote_spanned!(at(field.ty.span())=> #whole: __hobbit::ArrayType,));
        }
        if matches!(domain, Domain::Nested) {
            if is_projected(ty) || is_said(ty, &input.generics) {
                continue;
            }
            let tokens = ty.to_token_stream();
            let is_open =
                |parameter: &syn::TypeParam| mentions(tokens.clone(), &parameter.ident.to_string(), false);
            if scope.is_closed(tokens.clone()) && !input.generics.type_params().any(is_open) {
                let assumption = quote_spanned!(span=> for<'hobbit> #named: __hobbit::NestedSpace<'hobbit>,);
                if assumed_before.insert(assumption.to_string()) {
                    domains.extend(assumption);
                }
                apart.extend(quote_spanned!(span=> #named: __hobbit::SearchSpace,));
            } else {
                domains.extend(quote_spanned!(span=> #named: __hobbit::SearchSpace,));
            }
            continue;
        }
        let span = if is_projected(ty) { at(field.ty.span()) } else { span };
        if !scope.is_users(if is_projected(ty) { &field.ty } else { ty }) {
            continue;
        }
        let (assumed, asked) = match domain {
            Domain::Choice { options, .. } if options.iter().all(|(option, _)| text(option).is_some()) => {
                (&[][..], None)
            }
            Domain::Choice { .. } => (&["Chosen"][..], Some("Chosen")),
            Domain::Variants { .. } => (&["Chosen", "Variant"][..], None),
            Domain::Fixed(_) | Domain::Derived(_) => (&["Made"][..], Some("Made")),
            Domain::With(_) => (&[][..], Some("")),
            _ => (&[][..], None),
        };
        for name in assumed {
            let name = format_ident!("{name}", span = span);
            let of = is_projected(ty).then(|| whose(ty, place)).map(|of| quote!(, #of));
            let assumption = quote_spanned!(span=> for<'hobbit> #named: __hobbit::#name<'hobbit #of>,);
            if assumed_before.insert(assumption.to_string()) {
                domains.extend(assumption);
            }
        }
        let kind = match (asked, is_written) {
            (Some(""), false) | (None, _) => continue,
            (Some(""), true) => "Written".to_owned(),
            (Some(kind), true) => kind.to_owned(),
            (Some(kind), false) => format!("{kind}Unwritten"),
        };
        let name = format_ident!("{kind}Type", span = span);
        space.extend(quote_spanned!(span=> #named: __hobbit::#name,));
    }
    space.extend(left_to_serde(&input.item, names));
    if !is_plain(&input.generics) {
        space.extend(written(&input.item, &quote!(__hobbit), |ty| names.name(ty)));
    }
    Predicates { domains, space, apart }
}

/// Whose assumptions hold for the type of the field at this place.
pub(crate) fn whose(ty: &Type, place: usize) -> TokenStream {
    if is_projected(ty) { quote!(__hobbit::Nth<#place>) } else { quote!(()) }
}

/// The predicates of what serde's settings leave to serde: a default, or one of writing and reading.
fn left_to_serde(item: &Item, names: &TypeNames) -> TokenStream {
    let scope = Scope::of_item(item);
    let mut copy = item.clone();
    let is_own = has_own_form(attributes(item));
    let mut predicates = TokenStream::new();
    for (is_written, field) in all_fields(&mut copy) {
        let ty = &field.ty;
        if is_own || !scope.is_users(ty) {
            continue;
        }
        let (span, ty) = (at(ty.span()), names.name(ty));
        if is_defaulted(field) {
            predicates.extend(quote_spanned!(span=> #ty: __hobbit::DefaultType,));
        }
        match half_written(field, is_written, is_own) {
            (true, false) => predicates.extend(quote_spanned!(span=> #ty: __hobbit::WritableType,)),
            (false, true) => predicates.extend(quote_spanned!(span=> #ty: __hobbit::ReadableType,)),
            _ => {}
        }
    }
    if let (Some(default), Item::Struct(syn::ItemStruct { ident, generics, .. })) = (default_of(item), item)
        && is_plain(generics)
    {
        predicates.extend(quote_spanned!(at(default.span())=> #ident: __hobbit::DefaultType,));
    }
    predicates
}

/// Serde's `default` of a whole struct, where it names no function and the struct has no bounds of its own.
pub(crate) fn default_of(item: &Item) -> Option<Meta> {
    let parts = parts(attributes(item));
    let is_bound = parts.iter().any(|part| part.path().is_ident("bound"));
    parts.into_iter().find(is_default).filter(|_| !is_bound)
}

pub(crate) fn is_default(part: &Meta) -> bool {
    matches!(part, Meta::Path(path) if path.is_ident("default"))
}

/// Whether serde's `default` is said of a field without a function, and the field has no bounds of its own.
pub(crate) fn is_defaulted(field: &syn::Field) -> bool {
    let parts = parts(&field.attrs);
    !parts.iter().any(|part| part.path().is_ident("bound")) && parts.iter().any(is_default)
}

/// Whether serde itself writes a field, and whether it reads it: one of both may be the user's.
pub(crate) fn half_written(field: &syn::Field, is_written: bool, is_own: bool) -> (bool, bool) {
    let parts = parts(&field.attrs);
    let names = parts.iter().filter_map(|part| part.path().get_ident()).map(ToString::to_string);
    let forms: Vec<String> = names.filter(|name| FORMS.contains(&name.as_str())).collect();
    let is_conditional = field.attrs.iter().any(|attribute| attribute.path().is_ident("cfg_attr"));
    match &forms[..] {
        _ if is_written => (true, true),
        [form] if !is_own && !is_conditional => (form == "deserialize_with", form == "serialize_with"),
        _ => (false, false),
    }
}

/// The predicates that let what serde's derives wrote be used.
pub(crate) fn written(
    item: &Item,
    private: &TokenStream,
    name: impl Fn(&Type) -> TokenStream,
) -> TokenStream {
    let scope = Scope::of_item(item);
    let mut item = item.clone();
    let fields = all_fields(&mut item).into_iter().filter(|(is_written, _)| *is_written);
    let types = fields.map(|(_, field)| &field.ty).filter(|ty| scope.is_users(ty));
    types
        .map(|ty| {
            let (span, ty) = (at(ty.span()), name(ty));
            quote_spanned!(span=>
                for<'hobbit> #ty: #private::Written<'hobbit>,
                for<'de> #ty: #private::serde::Deserialize<'de>,
            )
        })
        .collect()
}

/// All fields in their order, with whether they are written as serde does.
pub(crate) fn all_fields(item: &mut Item) -> Vec<(bool, &mut syn::Field)> {
    let by_itself = !has_own_form(attributes(item));
    let is_written = |field: &syn::Field| by_itself && !has_own_form(&field.attrs);
    match item {
        Item::Struct(item) => item.fields.iter_mut().map(|field| (is_written(field), field)).collect(),
        Item::Enum(item) => {
            let variants = item.variants.iter_mut();
            variants
                .flat_map(|variant| {
                    let by_itself = !has_own_form(&variant.attrs);
                    variant.fields.iter_mut().map(move |field| (by_itself && is_written(field), field))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}
