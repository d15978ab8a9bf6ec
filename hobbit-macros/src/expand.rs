//! Writes the implementation.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Literal as LiteralToken, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Item, Lit};

use crate::domain::{constant_checks, domain, is_string};
use crate::model::{Body, Constraint, Domain, Field, Input, Variant};

/// The path of hobbit, by the name that the user's Cargo.toml gives it.
pub(crate) fn hobbit() -> TokenStream {
    match crate_name("hobbit") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            quote!(::#name)
        }
        _ => quote!(::hobbit),
    }
}

pub(crate) fn expand(input: &Input) -> TokenStream {
    let hobbit = hobbit();
    let item = with_derives(&input.item);
    let ident = &input.ident;
    let name = ident.to_string();
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let predicates = where_clause.map(|clause| clause.predicates.to_token_stream());
    // a generic item is a space wherever it can be written and read
    let stored = (!input.generics.params.is_empty())
        .then(|| quote!(#ident #type_generics: __h::serde::Serialize + __h::serde::de::DeserializeOwned,));
    let body = match &input.body {
        Body::Struct(fields) => structure(&name, fields, &input.constraints),
        Body::Enum(variants) => enumeration(&name, variants),
    };
    let fields: Vec<&Field> = match &input.body {
        Body::Struct(fields) => fields.iter().collect(),
        Body::Enum(variants) => variants.iter().flat_map(|variant| &variant.fields).collect(),
    };
    // what `choice` takes ranges of
    let variants = match &input.body {
        Body::Enum(variants)
            if input.generics.params.is_empty()
                && variants.iter().all(|variant| variant.fields.is_empty()) =>
        {
            let (idents, labels) = (
                variants.iter().map(|variant| &variant.ident),
                variants.iter().map(|variant| variant.ident.to_string()),
            );
            quote! {
                #[automatically_derived]
                impl __h::Variants for #ident {
                    const VARIANTS: &'static [(Self, &'static str)] = &[#((Self::#idents {}, #labels)),*];
                }
            }
        }
        _ => TokenStream::new(),
    };
    let constants = fields.iter().flat_map(|field| constant_checks(&field.name, &field.domain));
    quote! {
        #item

        #[allow(clippy::all, clippy::pedantic)]
        const _: () = {
            use #hobbit::__private as __h;

            #(#constants)*

            #variants

            #[automatically_derived]
            #[allow(unused_variables, unused_mut, unreachable_code, non_snake_case)]
            impl #impl_generics __h::SearchSpace for #ident #type_generics where #stored #predicates {
                #body
            }
        };
    }
}

/// What is written for a list of fields: one piece for each, in their order.
struct Pieces {
    parameters: Vec<TokenStream>,
    draws: Vec<TokenStream>,
    values: Vec<TokenStream>,
    checks: Vec<TokenStream>,
    encodes: Vec<TokenStream>,
    absent: Vec<TokenStream>,
    decodes: Vec<TokenStream>,
    skips: Vec<TokenStream>,
    idents: Vec<Ident>,
}

/// In all pieces, a field's value is behind the reference named as the field; in `draws` and `decodes` it is made, by value.
/// `prefix` goes before names, `conditions` is a slice of conditions.
fn pieces(fields: &[Field], prefix: &str, conditions: &TokenStream) -> Pieces {
    let mut out = Pieces {
        parameters: Vec::new(),
        draws: Vec::new(),
        values: Vec::new(),
        checks: Vec::new(),
        encodes: Vec::new(),
        absent: Vec::new(),
        decodes: Vec::new(),
        skips: Vec::new(),
        idents: fields.iter().map(|field| field.ident.clone()).collect(),
    };
    for (place, field) in fields.iter().enumerate() {
        let Field { ident, ty, description, .. } = field;
        let name = format!("{prefix}{}", field.name);
        if let Domain::Fixed(expr) | Domain::Derived(expr) = &field.domain {
            let earlier = fields[..place].iter().map(|field| &field.ident);
            let made = quote!({ #(let #earlier = ::core::clone::Clone::clone(&#earlier);)* #expr });
            let earlier = fields[..place].iter().map(|field| &field.ident);
            let again = quote!({ #(let #earlier = ::core::clone::Clone::clone(#earlier);)* #expr });
            out.draws.push(quote!(let #ident: #ty = #made;));
            out.decodes.push(quote!(let #ident: #ty = #made;));
            out.values.push(quote!(out.push((__h::String::from(#name), __h::shown(#ident)));));
            out.checks.push(quote!(__h::same(#name, #ident, &#again)?;));
            continue;
        }
        let domain = domain(&field.domain, &name, ty);
        let field_trait = quote!(__h::Field::<#ty>);
        let key = LiteralToken::u64_suffixed(hash(&field.name));
        out.parameters.push(quote!(#field_trait::parameters(
            &#domain,
            &__h::Names { name: #name, description: #description, conditions: #conditions },
            &mut out
        );));
        out.draws.push(quote!(let #ident: #ty = #field_trait::draw(&#domain, __h::Key::child(key, #key))?;));
        out.values.push(quote!(#field_trait::values(&#domain, #name, #ident, &mut out);));
        out.checks.push(quote!(#field_trait::check(&#domain, #name, #ident)?;));
        out.encodes
            .push(quote!(#field_trait::encode(&#domain, ::core::option::Option::Some(#ident), &mut out);));
        out.absent.push(quote!(#field_trait::encode(&#domain, ::core::option::Option::None, &mut out);));
        out.decodes.push(quote!(let #ident: #ty = #field_trait::decode(&#domain, #name, &mut coordinates)?;));
        out.skips.push(quote!(coordinates.skip(#field_trait::width(&#domain));));
    }
    out
}

fn structure(name: &str, fields: &[Field], constraints: &[Constraint]) -> TokenStream {
    let no_conditions = quote!(&[]);
    let Pieces { parameters, draws, values, checks, encodes, decodes, idents, .. } =
        pieces(fields, "", &no_conditions);
    let conditions = constraints.iter().map(|Constraint { condition, why }| {
        quote!(if !(#condition) { return ::core::option::Option::Some(#why); })
    });
    let broken = quote! {
        |this: &Self| -> ::core::option::Option<&'static str> {
            #(let #idents = ::core::clone::Clone::clone(&this.#idents);)*
            #(#conditions)*
            ::core::option::Option::None
        }
    };
    let made = quote!(__h::Result::Ok(Self { #(#idents),* }));
    let (draw, check, decode) = if constraints.is_empty() {
        (quote!(#(#draws)* #made), quote!(), made.clone())
    } else {
        (
            quote!(__h::constrained(key, #name, |key| { #(#draws)* #made }, #broken)),
            quote!(__h::present(#name, (#broken)(self))?;),
            quote!({
                let this = Self { #(#idents),* };
                __h::present(#name, (#broken)(&this))?;
                __h::Result::Ok(this)
            }),
        )
    };
    let defaults = defaults(name, fields);
    quote! {
        fn space() -> __h::Space {
            let mut out = __h::Vec::new();
            #(#parameters)*
            __h::Space::new(#name, out)
        }

        fn draw(key: __h::Key) -> __h::Result<Self> {
            #draw
        }

        fn values(&self) -> __h::Vec<(__h::String, __h::Value)> {
            let Self { #(#idents),* } = self;
            let mut out = __h::Vec::new();
            #(#values)*
            out
        }

        fn check(&self) -> __h::Result<()> {
            let Self { #(#idents),* } = self;
            #(#checks)*
            #check
            __h::Result::Ok(())
        }

        fn encode(&self) -> __h::Vec<::core::option::Option<f64>> {
            let Self { #(#idents),* } = self;
            let mut out = __h::Vec::new();
            #(#encodes)*
            out
        }

        fn decode(coordinates: &[::core::option::Option<f64>]) -> __h::Result<Self> {
            let mut coordinates = __h::Coordinates(coordinates);
            #(#decodes)*
            coordinates.finish()?;
            #decode
        }

        #defaults
    }
}

/// The configuration of the defaults, where there are any.
fn defaults(name: &str, fields: &[Field]) -> TokenStream {
    if fields.iter().all(|field| field.default.is_none()) {
        return TokenStream::new();
    }
    let follows =
        |field: &Field| matches!(field.domain, Domain::Fixed(_) | Domain::Derived(_) | Domain::Nested);
    let missing: Vec<_> = fields
        .iter()
        .filter(|field| field.default.is_none() && !follows(field))
        .map(|field| &field.name)
        .collect();
    if !missing.is_empty() {
        return quote! {
            fn defaults() -> __h::Result<Self> {
                __h::Result::Err(__h::missing_defaults(#name, &[#(#missing),*]))
            }
        };
    }
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let made = fields.iter().enumerate().map(|(place, field)| {
        let Field { ident, ty, default, domain, .. } = field;
        match (default, domain) {
            (Some(Expr::Lit(lit)), _) if is_string(ty) && matches!(lit.lit, Lit::Str(_)) => {
                quote!(let #ident: #ty = __h::String::from(#lit);)
            }
            (Some(default), _) => quote!(let #ident: #ty = #default;),
            (None, Domain::Fixed(expr) | Domain::Derived(expr)) => {
                let earlier = &idents[..place];
                quote!(let #ident: #ty = { #(let #earlier = ::core::clone::Clone::clone(&#earlier);)* #expr };)
            }
            (None, _) => quote!(let #ident: #ty = <#ty as __h::SearchSpace>::defaults()?;),
        }
    });
    quote! {
        fn defaults() -> __h::Result<Self> {
            #(#made)*
            let this = Self { #(#idents),* };
            __h::SearchSpace::check(&this)?;
            __h::Result::Ok(this)
        }
    }
}

fn enumeration(name: &str, variants: &[Variant]) -> TokenStream {
    let weights =
        variants.iter().map(|variant| variant.weight.as_ref().map_or(quote!(1.0), |w| quote!((#w) as f64)));
    let weights = quote!([#(#weights),*]);
    let labels: Vec<_> = variants.iter().map(|variant| variant.ident.to_string()).collect();
    let choice = quote!(__h::kind(&[#(#labels),*], &#weights));
    let (mut parameters, mut draws, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let (mut checks, mut encodes, mut decodes) = (Vec::new(), Vec::new(), Vec::new());
    let all: Vec<Pieces> = variants
        .iter()
        .map(|variant| pieces(&variant.fields, &format!("{}.", variant.ident), &quote!(&conditions)))
        .collect();
    for (place, (variant, own)) in variants.iter().zip(&all).enumerate() {
        let ident = &variant.ident;
        let label = ident.to_string();
        let Pieces {
            parameters: listed,
            draws: drawn,
            values: shown,
            checks: checked,
            decodes: decoded,
            idents,
            ..
        } = own;
        let key = LiteralToken::u64_suffixed(hash(&label));
        parameters.push(quote!({
            let conditions = [__h::is_kind(#label)];
            #(#listed)*
        }));
        draws.push(quote!(#place => {
            let key = __h::Key::child(key, #key);
            #(#drawn)*
            __h::Result::Ok(Self::#ident { #(#idents),* })
        }));
        values.push(quote!(Self::#ident { #(#idents),* } => {
            out.push(__h::kind_value(#label));
            #(#shown)*
        }));
        checks.push(quote!(Self::#ident { #(#idents),* } => { #(#checked)* }));
        let parts = all.iter().enumerate().map(|(other, pieces)| {
            let parts = if other == place { &pieces.encodes } else { &pieces.absent };
            quote!(#(#parts)*)
        });
        encodes.push(quote!(Self::#ident { #(#idents),* } => {
            out.push(::core::option::Option::Some(__h::variant_unit(&#weights, #place)));
            #(#parts)*
        }));
        let before = all[..place].iter().flat_map(|pieces| &pieces.skips);
        let after = all[place + 1..].iter().flat_map(|pieces| &pieces.skips);
        decodes.push(quote!(#place => {
            #(#before)*
            #(#decoded)*
            #(#after)*
            coordinates.finish()?;
            __h::Result::Ok(Self::#ident { #(#idents),* })
        }));
    }
    quote! {
        fn space() -> __h::Space {
            let mut out = __h::Vec::from([#choice]);
            #(#parameters)*
            __h::Space::new(#name, out)
        }

        fn draw(key: __h::Key) -> __h::Result<Self> {
            match __h::draw_kind(key, &#weights) {
                #(#draws)*
                _ => ::core::unreachable!("there is a branch for each variant"),
            }
        }

        fn values(&self) -> __h::Vec<(__h::String, __h::Value)> {
            let mut out = __h::Vec::new();
            match self { #(#values)* }
            out
        }

        fn check(&self) -> __h::Result<()> {
            match self { #(#checks)* }
            __h::Result::Ok(())
        }

        fn encode(&self) -> __h::Vec<::core::option::Option<f64>> {
            let mut out = __h::Vec::new();
            match self { #(#encodes)* }
            out
        }

        fn decode(coordinates: &[::core::option::Option<f64>]) -> __h::Result<Self> {
            let mut coordinates = __h::Coordinates(coordinates);
            match __h::weighted(&#weights, coordinates.take("kind")?) {
                #(#decodes)*
                _ => ::core::unreachable!("there is a branch for each variant"),
            }
        }
    }
}

/// The item with serde's derives, if it does not have them yet.
pub(crate) fn with_derives(item: &Item) -> TokenStream {
    let (attributes, generics) = match item {
        Item::Struct(item) => (&item.attrs, &item.generics),
        Item::Enum(item) => (&item.attrs, &item.generics),
        other => return other.to_token_stream(),
    };
    let mut present = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        // what does not parse is the compiler's to complain about
        let _ = attribute.parse_nested_meta(|meta| {
            present.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    let hobbit = hobbit();
    let missing = |name: &str| !present.iter().any(|known| known == name);
    let mut derives = Vec::new();
    for name in ["Serialize", "Deserialize"] {
        if missing(name) {
            let ident = Ident::new(name, Span::call_site());
            derives.push(quote!(#hobbit::__private::serde::#ident));
        }
    }
    let path = format!("{hobbit}::__private::serde").replace(' ', "");
    // `T: SearchSpace` says already that `T` can be read and written; serde's own bounds would be a second, ambiguous, source
    let bound = generics.type_params().next().is_some().then(|| quote!(, bound = ""));
    let serde_path = (!derives.is_empty()).then(|| quote!(#[serde(crate = #path #bound)]));
    quote! {
        #[derive(#(#derives),*)]
        #serde_path
        #item
    }
}

/// FNV-1a: a field draws from a key of its own, named by its name, so that other fields can come and go.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
