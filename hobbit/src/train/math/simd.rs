//! Loops that the compiler turns into the widest vectors that the processor has.

use std::sync::LazyLock;

use pulp::Arch;
pub(in crate::train) use pulp::NullaryFnOnce as Work;

use crate::numerics::widest_vectors;

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// The vectors to compute with: the widest that the processor has.
#[inline(always)]
pub(in crate::train) fn arch() -> Arch {
    #[cfg(all(test, target_arch = "x86_64"))]
    if let Some(narrower) = narrow::chosen() {
        return narrower;
    }
    *ARCH
}

/// Tests may have a thread compute with narrower vectors, to see that results do not depend on them.
#[cfg(all(test, target_arch = "x86_64"))]
pub(in crate::train) mod narrow {
    use std::cell::Cell;

    use pulp::Arch;
    use pulp::x86::V3;

    thread_local! {
        static NARROW: Cell<bool> = const { Cell::new(false) };
    }

    /// The narrower vectors, where this thread was told to use them.
    pub(super) fn chosen() -> Option<Arch> {
        if is_chosen() { V3::try_new().map(Arch::V3) } else { None }
    }

    pub(in crate::train) fn is_chosen() -> bool {
        NARROW.get()
    }

    /// Does something with AVX2, on this thread; returns nothing where the processor has no such vectors.
    pub(in crate::train) fn with<T>(work: impl FnOnce() -> T) -> Option<T> {
        V3::try_new()?;
        NARROW.set(true);
        let result = work();
        NARROW.set(false);
        Some(result)
    }
}

/// What the bits of sums here depend on: never on the width of vectors, only on whether there are any that
/// round a product and a sum once.
pub(in crate::train) fn kind() -> String {
    match *ARCH {
        Arch::Scalar => widest_vectors(),
        #[cfg(target_arch = "x86_64")]
        Arch::V3(_) | Arch::V4(_) => "x86_64, AVX2 with FMA or wider".to_owned(),
        #[allow(unreachable_patterns, reason = "there are other processors")]
        _ => widest_vectors(),
    }
}

/// Runs a loop compiled for the processor at hand: a closure, or, if it is long, [`Work`] of a type of its
/// own with an `inline(always)` `call`. The compiler does not inline long closures here, and those are
/// compiled for the oldest processor instead.
#[inline(always)]
pub(in crate::train) fn simd<W: Work>(work: W) -> W::Output {
    arch().dispatch(work)
}

/// Does something with a width, for ten, which networks most often end with, as a number that is known when
/// it is compiled: loops over so short rows are written out then.
macro_rules! with_width {
    ($width:ident => $work:expr) => {
        if $width == 10 {
            let $width = 10;
            $work
        } else {
            $work
        }
    };
}
pub(in crate::train) use with_width;
