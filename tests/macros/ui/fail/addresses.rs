//! What cannot be read back from a file: one error each, also where the space is used.

use hobbit::{Key, SearchSpace, search_space};

#[search_space]
struct Texts {
    #[choice("a", "b")]
    elided: &str,
    #[optional(0.5)]
    #[choice("a", "b")]
    optional: Option<&'static str>,
    #[length(1..=2)]
    #[choice("a", "b")]
    several: Vec<&'static str>,
    #[optional(0.5)]
    #[choice("a", "b")]
    elided_too: Option<&str>,
}

#[search_space]
struct Addresses {
    #[fixed(std::ptr::null())]
    pointer: *const u8,
    #[fixed(main)]
    function: fn(),
}

#[search_space]
enum InVariants {
    A {
        #[choice(1, 2)]
        number: &u8,
        #[fixed(main)]
        function: fn(),
    },
    B,
}

#[search_space]
struct TextsForNumbers {
    #[fixed("a")]
    fixed: u8,
    #[derived("a")]
    derived: f64,
    #[default = "a"]
    #[int(0..=1)]
    default: u8,
    // once, however many ends
    #[int(0.0..=2.0, step = 0.5)]
    whole: u8,
    #[length(0.0..=2.0)]
    #[int(0..=1)]
    length: Vec<u8>,
}

fn main() {
    let texts = Texts::draw(Key::new(1)).unwrap();
    let _: &str = texts.several[0];
    let _ = (Addresses::space(), InVariants::space(), TextsForNumbers::space());
}
