//! Benchmarks of hobbit's parts: `cargo bench`.

mod parts;
#[cfg(feature = "dfdx")]
mod training;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parts::draw(&mut criterion);
    parts::plan(&mut criterion);
    parts::noop_sweep(&mut criterion);
    #[cfg(feature = "dfdx")]
    training::epoch(&mut criterion);
    #[cfg(feature = "dfdx")]
    training::step(&mut criterion);
    criterion.final_summary();
}
