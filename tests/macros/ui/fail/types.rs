use hobbit::search_space;

#[search_space]
struct Hparams {
    #[uniform(0.0..=1.0)]
    int_field: usize,
    #[log_uniform(1.0..=2.0)]
    log_int_field: u8,
    #[int(1..=2)]
    float_field: f64,
    #[int(0.5..=2)]
    float_end: u32,
    #[normal(0.0, 1.0)]
    normal_int: i64,
    #[bool(0.5)]
    not_bool: f32,
    #[nested]
    not_nested: f64,
    #[optional(0.5)]
    #[uniform(0.0..=1.0)]
    not_optional: f64,
    #[length(1..=2)]
    #[uniform(0.0..=1.0)]
    not_list: f64,
}

fn main() {}
