//! Loops that the compiler turns into the widest vectors that the processor has.

use std::sync::LazyLock;

use pulp::Arch;
pub(in crate::train) use pulp::NullaryFnOnce as Work;

pub(in crate::train) static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs a loop compiled for the processor at hand: a closure, or, if it is long, [`Work`] of a type of its
/// own with an `inline(always)` `call`. The compiler does not inline long closures here, and those are
/// compiled for the oldest processor instead.
#[inline(always)]
pub(in crate::train) fn simd<W: Work>(work: W) -> W::Output {
    ARCH.dispatch(work)
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
