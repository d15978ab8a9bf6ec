//! Gives the types of fields names, so that what is written mentions each once.
//!
//! The compiler reports a type that it does not know at every mention, except for what it has reported before
//! in the same words. So what is written mentions the type in an alias alone, which is where the compiler has
//! the same advice as for the item: it may propose a parameter, and the place of that is behind the name.

use std::collections::HashMap;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Generics, Item, ItemEnum, ItemStruct, Type, TypePath};

use crate::constant::mentions;
use crate::domain::is_projected;
use crate::model::{Domain, Input, primitive};
use crate::needs::{all_fields, fields};
use crate::stored::is_plain;

/// The names of types. There are some for what every alias can mention.
pub(crate) struct TypeNames {
    /// Where the item has its name.
    item: Span,
    /// Whether there are names. There are none beside an item with generics, on which serde's derives stand.
    is_plain: bool,
    /// The tokens of types, with the conditions under which they are there, and their names.
    named: HashMap<String, Ident>,
    /// The aliases.
    pub(crate) items: TokenStream,
}

impl TypeNames {
    fn new(ident: &Ident, generics: &Generics) -> TypeNames {
        TypeNames {
            item: ident.span(),
            is_plain: is_plain(generics),
            named: HashMap::new(),
            items: TokenStream::new(),
        }
    }

    /// Names for the types of all fields, and of what is in them.
    pub(crate) fn of(input: &Input) -> TypeNames {
        let mut names = TypeNames::new(&input.ident, &input.generics);
        for field in fields(&input.body) {
            names.add(&field.ty, false, &[]);
            names.add_inner(&field.domain, false);
        }
        names
    }

    /// Names for the types of an item's fields, for its copy and for what settings of serde's say of them:
    /// those are texts, and what the compiler has to say of a type in a text would have the text's place.
    pub(crate) fn of_item(item: &Item) -> TypeNames {
        let (Item::Struct(ItemStruct { ident, generics, .. }) | Item::Enum(ItemEnum { ident, generics, .. })) =
            item
        else {
            return TypeNames::new(&Ident::new("_", Span::call_site()), &Generics::default());
        };
        let mut names = TypeNames::new(ident, generics);
        let (mut item, conditions) = (item.clone(), conditions(item));
        for ((_, field), conditions) in all_fields(&mut item).into_iter().zip(conditions) {
            names.add(&field.ty, false, &conditions);
        }
        names
    }

    fn add_inner(&mut self, domain: &Domain, is_argument: bool) {
        let (ty, inner, is_argument) = match domain {
            Domain::Optional { ty, inner, .. } | Domain::Several { ty, inner, .. } => (ty, inner, true),
            Domain::Array { ty, inner } => (ty, inner, is_argument),
            _ => return,
        };
        self.add(ty, is_argument, &[]);
        self.add_inner(inner, is_argument);
    }

    /// Names a type that is there under these conditions; `is_argument` if it is one of another type.
    fn add(&mut self, ty: &Type, is_argument: bool, conditions: &[Attribute]) {
        let is_self = mentions(ty.to_token_stream(), "Self", false);
        if !self.is_plain || is_self || primitive(ty).is_some() || is_projected(ty) {
            return;
        }
        let key = key(ty, conditions);
        if self.named.contains_key(&key) {
            return;
        }
        // where the compiler would write parameters: behind the name of the item
        let name = format_ident!("__HobbitType{}", self.named.len(), span = self.item);
        let of = if is_argument { quote!(__hobbit::Same<#ty>) } else { ty.to_token_stream() };
        self.items.extend(quote!(#(#conditions)* type #name = #of;));
        self.named.insert(key, name);
    }

    /// A type by its name, where it has one, at the place of its tokens.
    pub(crate) fn name(&self, ty: &Type) -> TokenStream {
        self.name_within(ty, &[])
    }

    /// The same of a type that is there under these conditions.
    pub(crate) fn name_within(&self, ty: &Type, conditions: &[Attribute]) -> TokenStream {
        if let (true, Type::Path(TypePath { qself: Some(of), path, .. })) = (is_projected(ty), ty) {
            let of = self.name(&of.ty);
            let names = path.segments.iter();
            let (start, end) = (names.clone().take(2), names.skip(2));
            return quote!(<#of as #(#start)::*>::#(#end)::*);
        }
        let name = self.named.get(&key(ty, conditions));
        name.map_or_else(|| ty.to_token_stream(), |name| located(name, ty))
    }

    /// The name of a type that is there under these conditions, as text.
    pub(crate) fn text(&self, ty: &Type, conditions: &[Attribute]) -> String {
        let name = self.named.get(&key(ty, conditions));
        name.map_or_else(|| ty.to_token_stream().to_string(), Ident::to_string)
    }
}

/// A name of a type that the compiler takes for being where the type is: what it marks is from the first
/// token to the last.
fn located(name: &Ident, ty: &Type) -> TokenStream {
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let mut name = name.clone();
    name.set_span(first);
    match spans.last() {
        None => name.into_token_stream(),
        Some(last) => {
            let end = quote_spanned!(last=> >);
            quote_spanned!(first=> __hobbit::Same<#name #end)
        }
    }
}

/// The conditions under which each field is there, in their order.
pub(crate) fn conditions(item: &Item) -> Vec<Vec<Attribute>> {
    let of = |attributes: &[Attribute]| {
        let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        conditions.cloned().collect::<Vec<_>>()
    };
    match item {
        Item::Struct(item) => item.fields.iter().map(|field| of(&field.attrs)).collect(),
        Item::Enum(item) => {
            let variants = item.variants.iter();
            variants
                .flat_map(|variant| {
                    let fields = variant.fields.iter();
                    fields.map(|field| [of(&variant.attrs), of(&field.attrs)].concat())
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn key(ty: &Type, conditions: &[Attribute]) -> String {
    quote!(#(#conditions)* #ty).to_string()
}
