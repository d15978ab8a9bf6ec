//! Names of what the last bits of results depend on: the kind of processor that sums are computed with.

/// This processor's architecture and its widest vectors. Libraries add up in an order that depends on them.
pub(crate) fn widest_vectors() -> String {
    #[cfg(target_arch = "x86_64")]
    let kind = {
        let has = |wide: bool, fused: bool| match (wide, fused) {
            (true, true) => "AVX2 with FMA",
            (false, true) => "AVX with FMA",
            (_, false) => "no FMA",
        };
        match std::is_x86_feature_detected!("avx512f") {
            true => "AVX-512",
            false => has(std::is_x86_feature_detected!("avx2"), std::is_x86_feature_detected!("fma")),
        }
    };
    #[cfg(not(target_arch = "x86_64"))]
    let kind = "its own vectors";
    format!("{}, {kind}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_a_name() {
        let name = widest_vectors();
        assert!(name.starts_with(std::env::consts::ARCH), "{name}");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(name.contains("no FMA"), !std::is_x86_feature_detected!("fma"), "{name}");
    }
}
