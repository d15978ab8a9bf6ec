//! One type under several names, and variants under others.

#![deny(warnings)]
#![allow(dead_code)]

use hobbit::{Key, SearchSpace, search_space};

#[search_space]
#[derive(Debug, Clone, PartialEq)]
enum Size {
    Small,
    Medium,
    LARGE,
    HUGE,
}

use Size::Small as First;

const LAST: Size = Size::HUGE;
const A: Size = Size::Medium;
const B: Size = Size::LARGE;

type Alias = Size;
type List = Vec<Size>;
type Maybe = Option<Size>;
type Shares = Vec<f64>;

#[search_space]
#[derive(Debug, Clone, PartialEq)]
struct Hparams {
    #[choice(Size::Small, Size::LARGE)]
    size: Size,
    #[choice(Alias::Small, Size::LARGE)]
    alias: Alias,
    #[length(1..=2)]
    #[choice(Size::Small, Size::LARGE)]
    list: List,
    #[optional(0.5)]
    #[choice(Size::Small, Size::LARGE)]
    maybe: Maybe,
    #[length(1..=2)]
    #[choice(Size::Medium..=Size::LARGE)]
    range_list: List,
    #[optional(0.5)]
    #[choice(First..Alias::Medium)]
    range_maybe: Maybe,
    #[choice(Size::LARGE..=LAST)]
    capitals: [Alias; 2],
    #[choice(First..=Size::Small)]
    one: self::Size,
    #[choice(A..=B)]
    letters: Size,
    #[nested]
    nested: Alias,
    #[length(1..=2)]
    #[nested]
    nested_list: List,
    #[length(1..=2)]
    #[uniform(0.0..=1.0)]
    shares: Shares,
}

fn main() {
    for seed in 0..50 {
        let drawn = Hparams::draw(Key::new(seed)).unwrap();
        drawn.check().unwrap();
        assert_eq!(Hparams::decode(&drawn.encode()).unwrap(), drawn);
        assert_eq!(ron::from_str::<Hparams>(&ron::to_string(&drawn).unwrap()).unwrap(), drawn);
        assert!(drawn.range_list.iter().all(|size| matches!(size, Size::Medium | Size::LARGE)));
        assert!(drawn.range_maybe.is_none_or(|size| size == Size::Small) && drawn.one == Size::Small);
        assert!(matches!(drawn.letters, Size::Medium | Size::LARGE));
        assert!(drawn.capitals.iter().all(|size| matches!(size, Size::LARGE | Size::HUGE)));
    }
}
