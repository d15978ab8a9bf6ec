use hobbit::search_space;

const LOW: f64 = 2.0;
const HIGH: f64 = 1.0;

#[search_space]
struct Literals {
    #[uniform(1.0..=0.0)]
    reversed: f64,
    #[log_uniform(0.0..=1.0)]
    log_zero: f64,
    #[log_uniform(-1.0..=1.0)]
    log_negative: f64,
    #[int(10..=1)]
    empty: u32,
    #[int(0..=10, log)]
    int_log_zero: u32,
    #[uniform(0.0..1.0)]
    half_open: f64,
}

#[search_space]
struct Open {
    #[uniform(0.0..)]
    open: f64,
    #[uniform(0.5)]
    none: f64,
}

#[search_space]
struct Constants {
    #[uniform(LOW..=HIGH)]
    reversed: f64,
}

#[search_space]
struct LogConstants {
    #[log_uniform(LOW - 2.0..=HIGH)]
    zero: f64,
}

fn main() {}
