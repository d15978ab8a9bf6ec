//! Types that lack what a field's attribute does with them.

use hobbit::search_space;

enum Shape {
    Round,
    Square,
}

#[search_space]
struct Ranges {
    #[choice(Shape::Round..=Shape::Square)]
    foreign: Shape,
    #[choice(Size::Small..=Size::Large)]
    not_compared: Size,
}

#[search_space]
enum Size {
    Small,
    Large,
}

#[search_space]
struct Texts {
    #[distribution(Letters)]
    a: String,
}

struct Letters;

#[search_space]
struct Mentioned {
    #[choice(1, 2)]
    depth: u8,
    #[nested]
    size: Size,
    #[derived(matches!(size, Size::Small))]
    small: bool,
}

fn main() {}
