//! The compiler takes derives above an attribute away before it hands the item over, so nobody can see there
//! that serde's are among them.

use hobbit::search_space;

#[derive(serde::Serialize, serde::Deserialize)]
#[search_space]
struct Both {
    #[int(0..=1)]
    a: u8,
}

#[derive(serde::Serialize)]
#[search_space]
struct One {
    #[int(0..=1)]
    a: u8,
}

fn main() {}
