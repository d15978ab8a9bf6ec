use hobbit::search_space;

#[search_space]
#[derive(Clone, PartialEq)]
enum Size {
    Small,
    Large,
}

#[search_space]
struct Ranges {
    #[choice(Size::Large..=Size::Small)]
    reversed: Size,
    #[choice(Size::Small..Size::Small)]
    empty: Size,
}

fn main() {}
