//! Items that are not finished: the compiler has said so.

use hobbit::search_space;

#[search_space]
struct NoType {
    #[int(0..=1)]
    a,
    #[int(0..=1)]
    b: u8,
}

#[search_space]
enum Variants {
    A,
    B {
        #[int(0..=1)]
        a,
    },
}

#[search_space]
struct Inner {
    #![int(0..=1)]
    a: u8,
}

fn main() {}
