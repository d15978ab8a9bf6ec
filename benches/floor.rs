//! What a training step costs, against its floor: the time that the matrix products of the step take alone, on the same thread, in the
//! same run. `cargo bench -p hobbit --bench floor` prints a table; with `-- --csv`, lines for `benches/peers/run.py`.

mod nets;
mod product;

use std::time::{Duration, Instant};

use nets::{NETS, Net};
use product::multiply;

/// Rounds, of each of which step and products get a part, one after the other.
const ROUNDS: usize = 7;
const PART: Duration = Duration::from_millis(120);
/// Batches of an epoch.
const BATCHES: usize = 24;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let csv = arguments.iter().any(|argument| argument == "--csv");
    // `cargo bench -- --test` only wants to know that it runs
    let test = arguments.iter().any(|argument| argument == "--test");
    if csv {
        println!("net,step_us,products_us,gflops");
    } else {
        println!(
            "{:<16} {:>10} {:>14} {:>16} {:>7}",
            "net", "step in us", "products in us", "their GFLOP/s", "share"
        );
    }
    for net in NETS {
        let mut train = net.training(BATCHES);
        let mut multiply = products(&net);
        let (mut steps, mut alone) = (Vec::new(), Vec::new());
        for _ in 0..if test { 1 } else { ROUNDS } {
            steps.push(time(&mut train) / BATCHES as f64);
            alone.push(time(&mut multiply));
        }
        let (step, alone) = (median(steps), median(alone));
        let rate = flops(&net) / alone / 1e3;
        if csv {
            println!("{},{step:.2},{alone:.2},{rate:.1}", net.name);
        } else if net.widths.is_empty() {
            println!("{:<16} {step:>10.1} {:>14} {:>16} {:>7}", net.name, "", "", "");
        } else {
            println!("{:<16} {step:>10.1} {alone:>14.1} {rate:>16.1} {:>7.2}", net.name, alone / step);
        }
    }
}

/// Microseconds of one call, the mean over a part of a round.
fn time(work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < PART {
        work();
        calls += 1;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The sizes of a dense network's products, `(m × k) (k × n)`, and whether the first and the second are transposed: forward, for
/// the weights, and for the inputs of all layers but the first.
fn sizes(net: &Net) -> Vec<([usize; 3], [bool; 2])> {
    let mut all = Vec::new();
    for (place, pair) in net.widths.windows(2).enumerate() {
        let (inputs, outputs, batch) = (pair[0], pair[1], net.batch);
        all.push(([batch, outputs, inputs], [false, false]));
        all.push(([inputs, outputs, batch], [true, false]));
        if place > 0 {
            all.push(([batch, inputs, outputs], [false, true]));
        }
    }
    all
}

fn flops(net: &Net) -> f64 {
    sizes(net).iter().map(|([m, n, k], _)| 2.0 * (m * n * k) as f64).sum()
}

/// Computes all products of a step with every call.
fn products(net: &Net) -> impl FnMut() {
    let numbers = |length: usize| (0..length).map(|i| (i % 17) as f32 / 17.0).collect::<Vec<_>>();
    let mut all: Vec<_> = sizes(net)
        .into_iter()
        .map(|([m, n, k], transposed)| {
            ([m, n, k], transposed, numbers(m * k), numbers(k * n), vec![0.0f32; m * n])
        })
        .collect();
    move || {
        for (sizes, [ta, tb], a, b, c) in &mut all {
            multiply(*sizes, (a, *ta), (b, *tb), c);
        }
        std::hint::black_box(&mut all);
    }
}
