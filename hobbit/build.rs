//! Tells the crate how it is optimized, so that it can tell the user.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=HOBBIT_OPT_LEVEL={}", std::env::var("OPT_LEVEL").unwrap_or_default());
}
