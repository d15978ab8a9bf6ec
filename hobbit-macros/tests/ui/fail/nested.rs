//! Types that are no search spaces, with defaults beside them.

use hobbit::search_space;

#[derive(serde::Serialize, serde::Deserialize)]
struct Layer {
    width: usize,
}

#[search_space]
struct Hparams {
    #[int(0..=1)]
    #[default = 1]
    depth: u8,
    #[nested]
    layer: Layer,
}

fn main() {}
