use hobbit::search_space;

#[search_space]
struct Hparams {
    #[unifrom(0.0..=1.0)]
    misspelled: f64,
    #[log_unform(0.1..=1.0)]
    misspelled_too: f64,
    none: f64,
    #[uniform(0.0..=1.0)]
    #[int(0..=1)]
    two: f64,
    #[int(0..=1, setp = 2)]
    option: u32,
    #[name = "a.b"]
    #[uniform(0.0..=1.0)]
    dotted: f64,
    #[name = "none"]
    #[uniform(0.0..=1.0)]
    same: f64,
    #[name = "learning rate"]
    #[uniform(0.0..=1.0)]
    spaced: f64,
    #[name = ""]
    #[uniform(0.0..=1.0)]
    empty: f64,
}

fn main() {}
