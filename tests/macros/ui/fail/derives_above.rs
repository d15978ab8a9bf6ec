//! The compiler takes derives above an attribute away before it hands the item over: that serde's are among
//! them is read in the source file, and said once.

use hobbit::search_space as space;
use hobbit::{Key, SearchSpace, search_space};
use serde::{Deserialize, Serialize};

const TEXT: &str = "#[derive(Serialize)]"; // #[derive(Serialize)]

#[derive(serde::Serialize, serde::Deserialize)]
#[search_space]
struct Both {
    #[int(0..=1)]
    a: u8,
}

#[derive(Debug, Serialize)]
/// Something else between them. #[derive(Deserialize)]
#[doc = "]"]
#[derive(
    Clone, // as it is
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[hobbit::search_space]
#[derive(PartialEq)]
struct Several {
    #[serde(rename = "other")]
    #[int(0..=1)]
    a: u8,
    #[cfg(all())]
    #[int(0..=1)]
    b: u8,
    #[cfg_attr(all(), int(0..=1))]
    c: u8,
}

#[rustfmt::skip]
#[derive(Serialize)] #[space] #[derive(Deserialize)] enum SameLine { A, B }

#[derive(Deserialize)]
#[search_space]
struct Generic<A> {
    #[nested]
    a: A,
}

macro_rules! space {
    ($name:ident) => {
        #[derive(Serialize)]
        #[search_space]
        struct $name {
            #[int(0..=1)]
            a: u8,
        }
    };
}

space!(Made);

#[derive(Serialize, Deserialize)]
struct Other;

/// #[derive(Serialize)]
#[doc = "#[derive(Serialize)]"]
#[search_space]
struct Right {
    #[nested]
    both: Both,
    #[nested]
    generic: Generic<SameLine>,
    #[nested]
    made: Made,
}

fn main() {
    let drawn = Several::draw(Key::new(1)).unwrap();
    println!("{} {TEXT} {:?} {:?}", drawn.b, ron::to_string(&drawn).is_ok(), Right::space());
}
