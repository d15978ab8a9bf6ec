//! Names of all kinds: of fields, types, variants and constants, and those of parameters.

use std::collections::HashSet;

use hobbit::{Key, SearchSpace, search_space};

/// All names differ, and what is drawn is checked, encoded, written and read back as the same.
fn holds<T: SearchSpace>() {
    let space = T::space();
    let names: HashSet<_> = space.parameters().iter().map(|parameter| parameter.name()).collect();
    assert_eq!(names.len(), space.parameters().len(), "{space}");
    for seed in 0..300 {
        let drawn = T::draw(Key::new(seed)).unwrap();
        drawn.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let (values, encoded) = (drawn.values(), drawn.encode());
        assert_eq!(encoded.len(), space.parameters().len());
        let shown: HashSet<_> = values.iter().map(|(name, _)| name).collect();
        assert_eq!(shown.len(), values.len(), "{values:?}");
        assert_eq!(T::decode(&encoded).unwrap().values(), values, "seed {seed}");
        let text = ron::to_string(&drawn).unwrap();
        assert_eq!(ron::from_str::<T>(&text).unwrap().values(), values, "{text}");
    }
}

/// A struct with a field of this name, and the name in expressions, below an option, and in a list of
/// variants.
macro_rules! fields {
    ($($module:ident: $field:ident)*) => {
        $(mod $module {
            #![allow(dead_code, non_snake_case)]

            #[hobbit::search_space]
            #[constraint($field >= 0.0, "not negative")]
            #[constraint(other <= 9, "small")]
            pub(super) struct Outer {
                #[uniform(0.0..=1.0)]
                $field: f64,
                #[int(0..=9)]
                other: u8,
                #[derived($field * 2.0)]
                double: f64,
                #[optional(0.5)]
                #[nested]
                inner: Option<Inner>,
            }

            #[hobbit::search_space]
            pub(super) struct Inner {
                #[optional(0.5)]
                #[uniform(0.0..=1.0)]
                $field: Option<f64>,
                #[length(0..=2)]
                #[nested]
                list: Vec<Branch>,
            }

            #[hobbit::search_space]
            pub(super) enum Branch {
                A {
                    #[uniform(0.0..=1.0)]
                    $field: f64,
                    #[derived($field)]
                    same: f64,
                },
                B,
            }
        })*

        #[test]
        fn a_field_can_have_any_name() {
            $(holds::<$module::Outer>();)*
        }
    };
}

fields! {
    a_key: key
    a_out: out
    a_coordinates: coordinates
    a_this: this
    a_conditions: conditions
    a_value: value
    a_holds_field: holds
    a_field_0: field_0
    a_place: place
    a_made: made
    a___hobbit: __hobbit
    a_some: some
    a_len: len
    a_kind: kind
    a_raw_type: r#type
    a_raw_match: r#match
    a_f64_field: f64
    a_string: String
    a_option: Option
    a_core: core
    a_draw: draw
    a_capital: LOW
    a_greek: λ
}

/// What a field is called may be a constant, a static or a variant there, or a type of the prelude.
mod taken {
    #![allow(dead_code, non_upper_case_globals, non_camel_case_types, non_snake_case)]

    const width: f64 = 1.0;
    static depth: u8 = 1;
    struct rate;
    const LOW: f64 = 0.5;

    #[hobbit::search_space]
    pub(super) struct Fields {
        #[uniform(LOW..=1.0)]
        width: f64,
        #[int(0..=3)]
        depth: u8,
        #[uniform(0.0..=1.0)]
        rate: f64,
        #[uniform(0.0..=1.0)]
        LOW: f64,
        #[uniform(0.0..=1.0)]
        None: f64,
        #[derived(LOW + None * 2.0)]
        sum: f64,
    }

    #[hobbit::search_space]
    pub(super) enum Result {
        Ok {
            #[uniform(0.0..=1.0)]
            x: f64,
        },
        Err,
        Some {
            #[optional(0.5)]
            #[int(1..=3)]
            y: Option<u8>,
        },
        None,
        r#type {
            #[int(1..=3)]
            r#fn: u8,
        },
    }

    #[hobbit::search_space]
    pub(super) struct Key<Result: hobbit::SearchSpace> {
        #[nested]
        result: Result,
    }
}

#[test]
fn what_else_has_the_names_of_fields_and_types_does_not_matter() {
    holds::<taken::Fields>();
    holds::<taken::Key<taken::Result>>();
    let names: Vec<_> = taken::Result::space().parameters().iter().map(|p| p.name().to_owned()).collect();
    assert_eq!(names, ["kind", "Ok.x", "Some.y.some", "Some.y", "type.fn"]);
}

/// The switch of an option gives way to parameters of what is in it.
#[test]
fn an_optional_space_may_have_a_parameter_called_some() {
    #[search_space]
    struct Inner {
        #[uniform(0.0..=1.0)]
        some: f64,
        #[uniform(0.0..=1.0)]
        some_: f64,
    }
    #[search_space]
    struct Outer {
        #[optional(0.5)]
        #[nested]
        inner: Option<Inner>,
        #[optional(0.5)]
        #[nested]
        some: Option<Plain>,
    }
    #[search_space]
    struct Plain {
        #[optional(0.5)]
        #[int(0..=3)]
        some: Option<u8>,
    }
    holds::<Outer>();
    let names: Vec<_> = Outer::space().parameters().iter().map(|p| p.name().to_owned()).collect();
    let expected = ["inner.some__", "inner.some", "inner.some_", "some.some_", "some.some.some", "some.some"];
    assert_eq!(names, expected);
}

/// Types by other names.
#[test]
fn aliases_are_what_they_stand_for() {
    type Real = f32;
    type Whole = u16;
    type Maybe<T> = Option<T>;
    type List = Vec<u8>;
    type Switch = bool;
    type Text = String;
    #[search_space]
    struct Aliases {
        #[uniform(0.0..=1.0)]
        real: Real,
        #[int(1..=3)]
        whole: Whole,
        #[optional(0.5)]
        #[uniform(0.0..=1.0)]
        maybe: Maybe<Real>,
        #[length(1..=2)]
        #[int(0..=1)]
        list: List,
        #[optional(0.5)]
        #[length(0..=2)]
        #[int(0..=1)]
        both: Maybe<List>,
        #[bool(0.3)]
        switch: Switch,
        #[choice("a", "b")]
        text: Text,
    }
    holds::<Aliases>();
}

/// Options of one name are told apart.
#[test]
fn options_with_the_same_last_name_are_shown_in_full() {
    mod x {
        pub(super) const A: u8 = 1;
    }
    mod y {
        pub(super) const A: u8 = 2;
    }
    const B: u8 = 3;
    #[search_space]
    struct Paths {
        #[choice(x::A, y::A, B)]
        path: u8,
    }
    holds::<Paths>();
    assert_eq!(Paths::space().parameters()[0].domain().to_string(), "one of x::A, y::A, B");
}

/// Variants are in the order of their declaration, whatever numbers they have.
#[test]
fn a_range_of_variants_with_numbers_is_in_order_of_declaration() {
    #[search_space]
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Size {
        Small = 5,
        Medium = -1,
        Large = 3,
    }
    #[search_space]
    struct Sizes {
        #[choice(Size::Small..=Size::Medium)]
        size: Size,
    }
    holds::<Sizes>();
    assert_eq!(Sizes::space().parameters()[0].domain().to_string(), "one of Small, Medium");
    assert_eq!(Size::Large as i8, 3);
}

/// Parts of the item that come from a macro are in groups without delimiters.
#[test]
fn a_macro_can_write_a_space() {
    macro_rules! space {
        ($name:ident, $low:expr, $range:expr, $ty:ty, $maybe:ty, $text:literal, $field:ident) => {
            #[search_space]
            struct $name {
                #[uniform($low..=1.0)]
                $field: $ty,
                #[optional($low)]
                #[uniform($range)]
                maybe: $maybe,
                #[choice($text, "z")]
                text: String,
                #[derived($field * 2.0)]
                double: $ty,
                #[name = $text]
                #[int(1..=3)]
                named: u8,
            }
        };
    }
    space!(Written, 0.5, -1.0..=1.0, f64, Option<f64>, "t", width);
    holds::<Written>();
}

/// The names and constants of the type itself, and parameters of a generic one.
#[test]
fn domains_can_mention_the_type_and_its_parameters() {
    impl Own {
        const LOW: u8 = 1;
        const HIGH: u8 = 4;
    }
    #[search_space]
    struct Own {
        #[int(Self::LOW..=Self::HIGH)]
        a: u8,
        #[choice(Self::HIGH, Self::LOW)]
        b: u8,
    }
    #[search_space]
    struct Generic<const N: usize> {
        #[int(1..=N)]
        a: usize,
        #[length(0..=N)]
        #[int(0..=3)]
        b: Vec<u8>,
        #[choice(1: N as f64, 2: 1.0)]
        c: u8,
    }
    holds::<Own>();
    holds::<Generic<3>>();
}
