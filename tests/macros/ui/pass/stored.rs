//! What is written and read by functions that serde derives for a copy of the item.

use std::fmt::Debug;

use hobbit::{Key, SearchSpace, search_space};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Names that mean something to what is written.
struct Vec_;
#[search_space]
#[derive(Debug, PartialEq)]
struct Calls {
    #[int(1..=9)]
    serializer: u8,
}

#[search_space]
#[derive(Debug, PartialEq)]
struct Functions {
    #[nested]
    deserializer: Calls,
}

impl Functions {
    fn serialize(&self) -> Vec_ {
        Vec_
    }

    fn deserialize() -> u8 {
        1
    }
}

/// `Self` is the item, and not its copy.
#[search_space]
#[derive(Debug, PartialEq)]
struct Selves {
    #[int(1..=2)]
    array: [u8; Self::LENGTH],
    #[fixed(None)]
    boxed: Option<Box<Self>>,
    #[fixed(Self::LENGTH)]
    length: usize,
}

impl Selves {
    const LENGTH: usize = 3;
}

/// Settings of all sorts, beside derives of the item's own and without.
#[search_space]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    #[int(1..=9)]
    some_width: u8,
    #[serde(rename = "x")]
    #[choice(Size::Small, Size::Large)]
    size: Size,
    #[name = "other"]
    #[int(1..=9)]
    named: u8,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { some_width: 7, size: Size::Large, named: 8 }
    }
}

#[search_space]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u64)]
enum Size {
    #[default]
    Small = 18_446_744_073_709_551_615,
    Large = 3,
}

#[search_space]
#[derive(Debug, PartialEq)]
#[serde(tag = "which", content = "what", rename_all = "kebab-case")]
enum Tagged {
    OneThing {
        #[int(1..=9)]
        width: u8,
        #[serde(default)]
        #[choice(Size::Small, Size::Large)]
        size: Size,
    },
    TwoThings,
}

#[search_space]
#[derive(Debug, PartialEq)]
#[serde(transparent)]
struct Transparent {
    #[int(1..=9)]
    width: u8,
}

#[search_space]
#[derive(Debug, Clone, PartialEq)]
#[serde(from = "Other", into = "Other")]
struct Converted {
    #[int(1..=9)]
    width: u8,
}

#[derive(Serialize, Deserialize)]
struct Other {
    half: f64,
}

impl From<Other> for Converted {
    fn from(other: Other) -> Converted {
        Converted { width: (other.half * 2.0) as u8 }
    }
}

impl From<Converted> for Other {
    fn from(converted: Converted) -> Other {
        Other { half: f64::from(converted.width) / 2.0 }
    }
}

/// Other names for types that have a meaning.
type Name = &'static str;
type Maybe = Option<f64>;
type List = Vec<Size>;

#[search_space]
#[derive(Debug, PartialEq)]
struct Aliases {
    #[choice("a", "b")]
    name: Name,
    #[optional(0.5)]
    #[uniform(0.0..=1.0)]
    maybe: Maybe,
    #[length(1..=3)]
    #[choice(Size::Small..=Size::Large)]
    list: List,
    #[serde(default)]
    #[choice("a", "b")]
    defaulted: Name,
    #[optional(0.5)]
    #[choice("a", "b")]
    optional: Option<Name>,
    #[length(1..=3)]
    #[choice("a", "b")]
    names: Vec<Name>,
    #[optional(0.5)]
    #[length(1..=3)]
    #[choice("a", "b")]
    both: Option<Vec<Name>>,
}

/// The tokens of a private item in a module, with a field of its own kind of everything.
mod inner {
    #[hobbit::search_space]
    #[derive(Debug, PartialEq)]
    #[allow(non_snake_case)]
    pub(super) struct Private {
        #[int(1..=9)]
        pub(super) r#type: u8,
        #[int(1..=9)]
        N: u8,
    }
}

fn written<H: SearchSpace + Serialize + DeserializeOwned + PartialEq + Debug>() -> String {
    let mut last = String::new();
    for seed in 0..20 {
        let drawn = H::draw(Key::new(seed)).unwrap();
        last = ron::to_string(&drawn).unwrap();
        assert_eq!(ron::from_str::<H>(&last).unwrap(), drawn, "{last}");
    }
    last
}

fn main() {
    written::<Functions>();
    written::<Selves>();
    let settings = written::<Settings>();
    assert!(settings.contains("someWidth") && settings.contains("x:") && settings.contains("other"));
    assert_eq!(
        ron::from_str::<Settings>("(x: Small)").unwrap(),
        Settings { size: Size::Small, ..Settings::default() }
    );
    assert!(ron::from_str::<Settings>("(y: 1)").is_err());
    assert!(written::<Tagged>().contains("which"));
    let tagged = "(which: r#one-thing, what: (width: 1))";
    assert_eq!(ron::from_str::<Tagged>(tagged).unwrap(), Tagged::OneThing { width: 1, size: Size::Small });
    written::<Transparent>();
    assert!(written::<Converted>().contains("half"));
    written::<Aliases>();
    let short = "(name: \"b\", list: [Large], names: [\"a\"])";
    let expected = Aliases {
        name: "b",
        maybe: None,
        list: vec![Size::Large],
        defaulted: "",
        optional: None,
        names: vec!["a"],
        both: None,
    };
    assert_eq!(ron::from_str::<Aliases>(short).unwrap(), expected);
    written::<inner::Private>();
    // in formats and errors, the copy has the item's name
    let named = ron::ser::to_string_pretty(
        &Calls { serializer: 1 },
        ron::ser::PrettyConfig::new().struct_names(true),
    );
    assert!(named.unwrap().starts_with("Calls"));
    let error = ron::from_str::<Calls>("(serializer: 1, other: 2)")
        .map(|_| ())
        .and(ron::from_str::<Calls>("7").map(|_| ()));
    assert!(error.unwrap_err().to_string().contains("Calls"));
    let Vec_ = Functions { deserializer: Calls { serializer: Functions::deserialize() } }.serialize();
}
