//! Drawing a configuration of scalars allocates nothing. A binary of its own, because it counts what the allocator does.

use hobbit::{Key, SearchSpace, search_space};

#[search_space]
struct Scalars {
    #[log_uniform(1e-4..=1e-1)]
    learning_rate: f64,
    #[choice('a', 'b', 'c')]
    activation: char,
    #[uniform(0.0..=0.9)]
    dropout: f64,
    #[choice(16, 32, 64, 128)]
    hidden: usize,
    #[normal(0.0, 1.0)]
    normal: f64,
    switch: bool,
}

#[test]
fn drawing_scalars_allocates_nothing() {
    let mut sum = 0.0;
    let counted = allocation_counter::measure(|| {
        for seed in 0..1000 {
            let drawn = Scalars::draw(Key::new(seed)).unwrap();
            sum += drawn.learning_rate + drawn.dropout + drawn.normal + drawn.hidden as f64;
            sum += f64::from(u8::from(drawn.switch)) + f64::from(u32::from(drawn.activation));
        }
    });
    assert_eq!(counted.count_total, 0);
    assert!(sum > 0.0);
    // and the counter counts
    assert!(allocation_counter::measure(|| drop(std::hint::black_box(vec![1]))).count_total > 0);
}
