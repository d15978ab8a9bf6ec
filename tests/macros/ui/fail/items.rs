use hobbit::search_space;

#[search_space]
struct Tuple(#[uniform(0.0..=1.0)] f64);

#[search_space]
struct Unit;

#[search_space]
union Union {
    a: u32,
    b: f32,
}

#[search_space]
fn function() {}

#[search_space(something)]
struct Arguments {
    #[uniform(0.0..=1.0)]
    a: f64,
}

#[search_space]
struct Lifetime<'a> {
    #[choice("a", "b")]
    text: &'a str,
}

#[search_space]
enum TupleVariant {
    A(f64),
}

#[search_space]
#[constraint(true, "on an enum")]
enum Constrained {
    A,
}

fn main() {}
