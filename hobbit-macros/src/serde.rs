//! What serde's attributes do to a configuration, and serde's derives: whatever is drawn is written, and read
//! back as the same.

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Fields, Generics, Item, LitStr, Meta, Type, parse_quote};

use crate::case::Case;
use crate::constant::at;
use crate::errors::Errors;
use crate::expand::hobbit;
use crate::model::{inside, plain, ungrouped_type};
use crate::named::TypeNames;
use crate::settings::{self, given, parts};
use crate::stored::{is_plain, take_derives};

/// Settings by which something has a form of its own.
pub(crate) const FORMS: [&str; 9] =
    ["with", "serialize_with", "deserialize_with", "getter", "borrow", "bound", "from", "try_from", "into"];

/// Whether what has these attributes is not written and read as serde does by itself.
pub(crate) fn has_own_form(attributes: &[Attribute]) -> bool {
    // what is conditional is not known yet
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg_attr"))
        || parts(attributes).iter().any(|part| FORMS.iter().any(|form| part.path().is_ident(form)))
}

/// Adds an error for each attribute that would lose a value, or make it another.
pub(crate) fn check(item: &Item, errors: &mut Errors) {
    settings::check(item, errors);
    match item {
        Item::Struct(item) => {
            check_container(&item.attrs, errors);
            let case = case(&parts(&item.attrs), "rename_all", errors);
            check_fields(&item.fields, case, errors);
        }
        Item::Enum(item) => {
            check_container(&item.attrs, errors);
            let all = parts(&item.attrs);
            let (own, of_fields) =
                (case(&all, "rename_all", errors), case(&all, "rename_all_fields", errors));
            let (mut idents, mut names) = (HashSet::new(), Names::default());
            for variant in &item.variants {
                let parts = parts(&variant.attrs);
                check_fields(&variant.fields, case(&parts, "rename_all", errors).or(of_fields), errors);
                for part in &parts {
                    if is_skipped(part) {
                        errors.on(part, "this variant can be drawn, and could not be written to a file");
                    } else if part.path().is_ident("untagged") {
                        errors.on(part, UNTAGGED);
                    }
                }
                // what is there twice has been reported
                if idents.insert(&variant.ident) {
                    let name = plain(&variant.ident);
                    let name = own.map_or(name.clone(), |case| case.of_variant(&name));
                    names.add(name, variant.ident.span(), &parts, errors);
                }
            }
            names.check(errors);
        }
        _ => {}
    }
}

const UNTAGGED: &str = "without its name, a variant may be read back as another one: leave `untagged` out";

fn check_container(attributes: &[Attribute], errors: &mut Errors) {
    for part in parts(attributes) {
        if part.path().is_ident("untagged") {
            errors.on(part, UNTAGGED);
        } else if part.path().is_ident("remote") {
            errors.on(part, "a search space is written and read itself: leave `remote` out");
        }
    }
}

fn is_skipped(part: &Meta) -> bool {
    ["skip", "skip_serializing", "skip_deserializing"].iter().any(|name| part.path().is_ident(name))
}

fn check_fields(fields: &Fields, case: Option<Case>, errors: &mut Errors) {
    let (mut idents, mut names) = (HashSet::new(), Names::default());
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let parts = parts(&field.attrs);
        let has = |name: &str| parts.iter().any(|part| part.path().is_ident(name));
        for part in &parts {
            if is_skipped(part) {
                errors.on(
                    part,
                    "configurations are written to files and read back: a value that is skipped would be lost",
                );
            } else if part.path().is_ident("skip_serializing_if") {
                let optional = inside(&field.ty, "Option").is_some();
                let list = inside(&field.ty, "Vec").is_some();
                let function = predicate(part);
                let lossless = optional && function.ends_with("is_none")
                    || list && function.ends_with("is_empty") && has("default");
                if !lossless {
                    errors.on(
                        part,
                        "configurations are written to files and read back: a value that is left out could be lost; what is read \
                         back for certain is `Option::is_none` of an `Option`, and `Vec::is_empty` of a `Vec` beside `default`",
                    );
                }
            } else if part.path().is_ident("flatten") {
                errors.on(part, "a file has nested parameters below their field's name: leave `flatten` out");
            }
        }
        if !idents.insert(ident) {
            // the compiler complains
            continue;
        }
        let named = field.attrs.iter().any(|attribute| attribute.path().is_ident("name"));
        if named {
            for part in parts.iter().filter(|part| part.path().is_ident("rename")) {
                errors.on(part, "`name` is the name in files too: leave serde's `rename` out");
            }
        } else {
            let name = plain(ident);
            let name = case.map_or(name.clone(), |case| case.of_field(&name));
            names.add(name, ident.span(), &parts, errors);
        }
    }
    names.check(errors);
}

/// What a setting says of how names are written, if it is there.
fn case(parts: &[Meta], setting: &str, errors: &mut Errors) -> Option<Case> {
    let part = parts.iter().find(|part| part.path().is_ident(setting))?;
    if let Meta::List(_) = part {
        errors.on(
            part,
            format!("what is written under one name has to be read back under it: give one way, `{setting} = \"...\"`"),
        );
    }
    given(part).and_then(|text| Case::of(&text.value()))
}

/// The function of a `skip_serializing_if`.
fn predicate(part: &Meta) -> String {
    given(part).map(LitStr::value).unwrap_or_default()
}

/// The names that fields or variants have in files.
#[derive(Default)]
struct Names {
    /// How many have been added.
    count: usize,
    /// Whose they are, by the order in which they were added.
    own: HashMap<String, usize>,
    /// Names that are read, too, and whose.
    others: Vec<(LitStr, usize)>,
}

impl Names {
    fn add(&mut self, own: String, span: Span, parts: &[Meta], errors: &mut Errors) {
        let (mut name, mut span) = (own, span);
        for part in parts.iter().filter(|part| part.path().is_ident("rename")) {
            if let Meta::List(_) = part {
                errors.on(
                    part,
                    "what is written under one name has to be read back under it: give one name, `rename = \"...\"`",
                );
            } else if let Some(text) = given(part) {
                (name, span) = (text.value(), text.span());
            }
        }
        self.count += 1;
        let aliases = parts.iter().filter(|part| part.path().is_ident("alias"));
        let aliases = aliases.filter_map(given);
        self.others.extend(aliases.map(|alias| (alias.clone(), self.count)));
        if self.own.contains_key(&name) {
            errors.at(span, format!("the name `{name}` in files is another one's already"));
        } else {
            self.own.insert(name, self.count);
        }
    }

    /// Adds an error for each name that is read as one and written as another.
    fn check(mut self, errors: &mut Errors) {
        for (alias, whose) in self.others {
            let name = alias.value();
            if *self.own.entry(name.clone()).or_insert(whose) != whose {
                errors.at(alias.span(), format!("the name `{name}` in files is another one's already"));
            }
        }
    }
}

/// Whether a type is `&'static str`.
pub(crate) fn is_static_text(ty: &Type) -> bool {
    let Type::Reference(reference) = ungrouped_type(ty) else { return false };
    let is_static = reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
    let is_text = matches!(ungrouped_type(&reference.elem), Type::Path(path) if path.path.is_ident("str"));
    is_static && is_text && reference.mutability.is_none()
}

/// Lets fields of type `&'static str` be read: serde would borrow them from what it reads, which does not
/// live for long enough. A text that was read is kept instead.
pub(crate) fn keep_texts(item: &mut Item) {
    let fields: Vec<&mut syn::Field> = match item {
        Item::Struct(item) => item.fields.iter_mut().collect(),
        Item::Enum(item) => item.variants.iter_mut().flat_map(|variant| variant.fields.iter_mut()).collect(),
        _ => Vec::new(),
    };
    let hobbit = hobbit();
    for field in fields {
        if is_static_text(&field.ty) && !has_own_form(&field.attrs) {
            let function = format!("{hobbit}::__private::kept_text").replace(' ', "");
            let function = LitStr::new(&function, Span::mixed_site());
            field.attrs.push(parse_quote!(#[serde(deserialize_with = #function)]));
            field.ty = parse_quote!(#hobbit::__private::KeptText);
        }
    }
}

/// The item, with what writes and reads it; `bound` is the item with what serde may assume.
pub(crate) fn stored(item: &Item, bound: Item, names: &TypeNames) -> TokenStream {
    match item {
        Item::Struct(syn::ItemStruct { generics, .. }) | Item::Enum(syn::ItemEnum { generics, .. })
            if is_plain(generics) =>
        {
            crate::stored::stored(item, bound, names)
        }
        _ => with_derives(&bound),
    }
}

/// The settings of serde's derives that the item does not give itself.
pub(crate) fn settings(item: &Item) -> TokenStream {
    let (attributes, generics) = match item {
        Item::Struct(item) => (&item.attrs, &item.generics),
        Item::Enum(item) => (&item.attrs, &item.generics),
        _ => return TokenStream::new(),
    };
    let given = parts(attributes);
    let given = |name: &str| given.iter().any(|part| part.path().is_ident(name));
    let mut settings = Vec::new();
    if !given("crate") {
        let path = format!("{}::__private::serde", hobbit()).replace(' ', "");
        settings.push(quote!(crate = #path));
    }
    // `T: SearchSpace` says already that `T` can be read and written; serde's own bounds would be a second,
    // ambiguous, source
    if generics.type_params().next().is_some() && !given("bound") {
        settings.push(quote!(bound = ""));
    }
    quote!(#(#settings),*)
}

/// Serde's derives. They are hobbit's, whatever the item derives: where the compiler does not find one of the
/// item's, the rest is as if it were there.
pub(crate) fn derives() -> TokenStream {
    let hobbit = hobbit();
    let serde = quote!(#hobbit::__private::serde);
    // by its path: the crate may have no prelude
    quote!(#[::core::prelude::v1::derive(#serde::Serialize, #serde::Deserialize)])
}

/// Uses the derives that an item had, so that the compiler looks for them, and none of them counts as unused.
pub(crate) fn used(derives: &[syn::Path]) -> TokenStream {
    derives
        .iter()
        .map(|path| quote_spanned!(at(path.span())=> #[allow(unused_imports)] use #path as _;))
        .collect()
}

/// The item with serde's derives.
fn with_derives(item: &Item) -> TokenStream {
    let mut item = item.clone();
    let used = used(&take_derives(&mut item));
    let used = (!used.is_empty()).then(|| quote!(const _: () = { #used };));
    keep_texts(&mut item);
    let derives = derives();
    let settings = settings(&item);
    let settings = (!settings.is_empty()).then(|| quote!(#[serde(#settings)]));
    quote! {
        #derives
        #settings
        #item

        #used
    }
}

/// The item with stubs of what serde would derive, but for what is there: nothing about its fields has to be
/// right.
pub(crate) fn with_stubs(mut item: Item, there: &[&str]) -> TokenStream {
    let used = used(&take_derives(&mut item));
    let names: Vec<_> =
        ["Serialize", "Deserialize"].into_iter().filter(|name| !there.contains(name)).collect();
    let strip = |attributes: &mut Vec<Attribute>| {
        attributes.retain(|attribute| !attribute.path().is_ident("serde"));
    };
    let (ident, generics) = match &mut item {
        Item::Struct(item) => {
            strip(&mut item.attrs);
            item.fields.iter_mut().for_each(|field| strip(&mut field.attrs));
            (item.ident.clone(), item.generics.clone())
        }
        Item::Enum(item) => {
            strip(&mut item.attrs);
            for variant in &mut item.variants {
                strip(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| strip(&mut field.attrs));
            }
            (item.ident.clone(), item.generics.clone())
        }
        other => return other.to_token_stream(),
    };
    let stubs = stubs(&names, &ident, &generics);
    quote! {
        #item
        const _: () = { #used #stubs };
    }
}

/// Implementations of serde's traits that say nothing.
fn stubs(names: &[&str], ident: &Ident, generics: &Generics) -> TokenStream {
    let hobbit = hobbit();
    let serde = quote!(#hobbit::__private::serde);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let mut for_reading = generics.clone();
    for_reading.params.insert(0, syn::parse_quote!('de));
    let (reading_generics, _, _) = for_reading.split_for_impl();
    let stub = |name: &&str| match *name {
        "Serialize" => quote! {
            impl #impl_generics #serde::Serialize for #ident #type_generics #where_clause {
                fn serialize<S: #serde::Serializer>(&self, _: S) -> ::core::result::Result<S::Ok, S::Error> {
                    ::core::unreachable!()
                }
            }
        },
        _ => quote! {
            impl #reading_generics #serde::Deserialize<'de> for #ident #type_generics #where_clause {
                fn deserialize<D: #serde::Deserializer<'de>>(_: D) -> ::core::result::Result<Self, D::Error> {
                    ::core::unreachable!()
                }
            }
        },
    };
    names.iter().map(stub).collect()
}
