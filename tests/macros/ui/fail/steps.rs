use hobbit::search_space;

#[search_space]
struct Hparams {
    #[uniform(0.0..=1.0, step = 2.0)]
    too_large: f64,
    #[int(0..=10, step = 11)]
    int_too_large: i32,
    #[int(0..=10, step = 0)]
    zero: i32,
    #[uniform(0.0..=1.0, step = -0.1)]
    negative: f64,
    #[normal(0.0, -1.0)]
    deviation: f64,
    #[uniform(0.0..=1.0, step = 1e-16)]
    too_small: f64,
    #[normal(0.0, 1e39)]
    wide: f32,
    #[optional(1.5)]
    #[uniform(0.0..=1.0)]
    probability: Option<f64>,
}

fn main() {}
