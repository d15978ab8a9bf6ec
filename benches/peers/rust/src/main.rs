//! The digits sweep in Rust, in other ways: `peers split | hobbit | kernels | products | dfdx | optimizer`. See `../run.py`.

mod by_hand;
#[path = "../../../digits.rs"]
mod digits;
#[path = "../../../product.rs"]
mod product;
mod products;
mod with_dfdx;
mod with_optimizer;

use std::time::Instant;

/// What a way of doing it says at its end, as `work.py` says it.
pub(crate) fn say(tool: &str, epochs: u64, start: Instant, best: f64) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "tool": tool, "epochs": epochs, "seconds": seconds, "best": best }));
}

/// The places of training and validation, a line each.
fn print_split() {
    let (training, validation) = digits::split(&digits::rows().1);
    for part in [training, validation] {
        println!("{}", part.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(0);
    let (seed, workers) = (number(2), number(3).max(1) as usize);
    match arguments.get(1).map(String::as_str) {
        Some("split") => print_split(),
        Some("hobbit") => by_hand::hobbit(seed, workers),
        Some("kernels") => by_hand::kernels(seed, workers),
        Some("products") => products::sweep(seed, workers),
        Some("dfdx") => with_dfdx::sweep(seed, workers),
        Some("optimizer") => with_optimizer::sweep(seed, workers),
        _ => eprintln!("usage: peers split | (hobbit | kernels | products | dfdx | optimizer) SEED WORKERS"),
    }
}
