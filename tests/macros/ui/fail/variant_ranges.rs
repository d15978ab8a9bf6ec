//! Ranges of variants that there are not: one error each, however the variants are written.

use hobbit::search_space;

#[search_space]
#[derive(Clone, PartialEq)]
enum Size {
    Small,
    Large {
        #[int(0..=1)]
        width: u8,
    },
}

#[search_space]
#[derive(Clone, PartialEq)]
enum Loud {
    LOW,
    MID,
    HIGH {
        #[int(0..=1)]
        width: u8,
    },
}

#[search_space]
#[derive(Clone, PartialEq)]
enum Plain {
    First,
    Second,
    LAST,
}

#[search_space]
#[derive(Clone, PartialEq)]
enum Other {
    First,
    Second,
    THIRD,
    LAST,
}

#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
enum Foreign {
    Unit,
    Tuple(u8),
}

#[search_space]
enum Generic<A> {
    Empty,
    Full {
        #[nested]
        a: A,
    },
}

#[search_space]
struct Hparams {
    #[choice(Size::Small..=Size::Large)]
    fields: Size,
    #[choice(Loud::LOW..=Loud::MID)]
    fields_elsewhere: Loud,
    #[choice(Loud::LOW..=Loud::HIGH)]
    fields_in_capitals: Loud,
    #[choice(Other::First..=Other::Second)]
    of_another: Plain,
    #[choice(Other::THIRD..=Other::LAST)]
    of_another_in_capitals: Plain,
    #[choice(Foreign::Unit..=Foreign::Tuple)]
    foreign: Foreign,
    #[choice(Generic::Empty..=Generic::Empty)]
    generic: Generic<Plain>,
    #[choice(A..=B)]
    numbers: Number,
}

#[search_space]
struct Unknown {
    #[choice(Plain::First..=Plain::Third)]
    no_variant: Plain,
    #[choice(Plain::First..=Plain::THIRD)]
    nothing: Plain,
}

type Number = u8;
const A: u8 = 1;
const B: u8 = 9;

fn main() {}
