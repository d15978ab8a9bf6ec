//! What the machine and the build offer: cores, memory, optimization.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The cores that this process may use; asking costs several files, so it is asked once.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// What to do about a build in which hobbit, and so what it depends on, is not optimized. Told once.
pub(super) fn unoptimized(opt_level: &str) -> Option<String> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if opt_level != "0" || TOLD.swap(true, Ordering::Relaxed) {
        return None;
    }
    let text = "this is a debug build in which hobbit and what it depends on are not optimized, and many times slower than they could \
                be. Two lines in Cargo.toml cure that, and your own code compiles as fast as before:\n\n    \
                [profile.dev.package.\"*\"]\n    opt-level = 3\n";
    Some(text.to_owned())
}

/// The default budget of paused trials; asked once as well.
pub(super) fn quarter_of_memory() -> usize {
    static QUARTER: OnceLock<usize> = OnceLock::new();
    *QUARTER.get_or_init(|| {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let total = system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory);
        // where it cannot be told: 1 GiB
        if total == 0 { 1 << 30 } else { (total / 4) as usize }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unoptimized_build_is_told_of_once() {
        for level in ["1", "2", "3", "s", "z"] {
            assert_eq!(unoptimized(level), None);
        }
        let text = unoptimized("0").unwrap();
        assert!(text.contains("    [profile.dev.package.\"*\"]\n    opt-level = 3\n"), "{text}");
        assert_eq!(unoptimized("0"), None);
    }
}
