//! Benchmarks of hobbit's parts: `cargo bench`. What other tools take for the same work is measured by `benches/peers/run.py`.

#[cfg(feature = "dfdx")]
mod digits;
#[cfg(feature = "dfdx")]
mod nets;
mod noop;
mod parts;
#[cfg(feature = "dfdx")]
mod training;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parts::draw(&mut criterion);
    parts::plan(&mut criterion);
    parts::ask_and_tell(&mut criterion);
    parts::noop_sweep(&mut criterion);
    parts::many_workers(&mut criterion);
    #[cfg(feature = "dfdx")]
    {
        training::step(&mut criterion);
        training::epoch(&mut criterion);
        training::together(&mut criterion);
        training::checkpoint(&mut criterion);
        training::sweep(&mut criterion);
    }
    criterion.final_summary();
}
