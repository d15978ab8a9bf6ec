//! Small products, kept in registers. gemm copies its matrices into an order of its own and asks for memory
//! at every call, which takes longer than a small product itself.

use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::buffer::Buffer;
use super::gemm::{Matrix, multiply_add};
use crate::train::math::arch;

/// Rows of the product that are computed at once, two vectors wide: as many as there are registers for their
/// sums.
const ROWS_IN_32: usize = 8;
const ROWS_IN_16: usize = 6;
/// And of what is left of these.
const FEW_ROWS: usize = 4;

thread_local! {
    /// A matrix that came transposed, or not in whole vectors: row by row, with something behind each.
    static PADDED: RefCell<Buffer<f32>> = const { RefCell::new(Buffer::new()) };
}

/// The widest vectors.
const PADDING: usize = 16;

/// Multiplications and additions of a product up to which it is done here: measured against gemm. The second
/// limit is for many rows that come in order, by a matrix that stays in the nearest cache.
const LIMIT: usize = 1_000_000;
const LIMIT_IN_ORDER: usize = 8192;
/// A matrix has to be used for so many rows to be worth padding.
const FEWEST: usize = 16;

/// The product of two matrices, if it is faster done here than by gemm. All sizes are checked before.
pub(super) fn multiply(
    sizes: [usize; 3],
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    c: &mut [f32],
    add: bool,
) -> bool {
    let [m, n, k] = sizes;
    let large = m * n * k > LIMIT && (a.column != 1 || n * k > LIMIT_IN_ORDER);
    if large || matches!(arch(), Arch::Scalar) {
        return false;
    }
    // a single row or column is in order, however it came
    let b = if k == 1 && b.column == 1 { Matrix::rows(b.data, n) } else { b };
    let width = n.next_multiple_of(PADDING);
    if b.column == 1 && b.row == n && n == width {
        arch().dispatch(Small { sizes, a, b: b.data, width: n, c, add });
        return true;
    }
    if m < FEWEST {
        return false;
    }
    PADDED.with_borrow_mut(|padded| {
        let padded = padded.grow(k * width);
        if b.column == 1 {
            for (p, to) in padded.chunks_exact_mut(width).enumerate() {
                let from = &b.data[p * b.row..];
                // what stands behind a row does as well as zeros, and one vector is copied sooner than a part
                // of it
                match (to.first_chunk_mut::<PADDING>(), from.first_chunk::<PADDING>()) {
                    (Some(to), Some(from)) if n < PADDING => *to = *from,
                    _ => to[..n].copy_from_slice(&from[..n]),
                }
            }
        } else {
            for (p, to) in padded.chunks_exact_mut(width).enumerate() {
                let from = b.data[p..].iter().step_by(b.column);
                to[..n].iter_mut().zip(from).for_each(|(to, &value)| *to = value);
            }
        }
        arch().dispatch(Small { sizes, a, b: padded, width, c, add });
    });
    true
}

/// `c = a b`, or `c += a b`.
struct Small<'a> {
    /// `m`, `n` and `k`.
    sizes: [usize; 3],
    a: Matrix<'a, f32>,
    /// Row by row, in whole vectors.
    b: &'a [f32],
    /// From one row of `b` to the next.
    width: usize,
    c: &'a mut [f32],
    add: bool,
}

impl WithSimd for Small<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let n = self.sizes[1];
        let lanes = S::F32_LANES;
        let mut column = 0;
        while column < n {
            let rest = n - column;
            if rest >= 2 * lanes {
                self.columns::<S, 2, false>(simd, column);
            } else if rest > lanes {
                self.columns::<S, 2, true>(simd, column);
            } else if rest == lanes {
                self.columns::<S, 1, false>(simd, column);
            } else {
                self.columns::<S, 1, true>(simd, column);
            }
            column += 2 * lanes;
        }
    }
}

impl Small<'_> {
    /// All rows of `N` vectors of columns; with `PART`, the last of these vectors is not a whole one.
    #[inline(always)]
    fn columns<S: Simd, const N: usize, const PART: bool>(&mut self, simd: S, column: usize) {
        let m = self.sizes[0];
        let mut row = 0;
        if S::REGISTER_COUNT >= 32 {
            if N == 1 {
                row = self.groups::<S, { 2 * ROWS_IN_32 }, N, PART>(simd, row..m, column);
            }
            row = self.groups::<S, ROWS_IN_32, N, PART>(simd, row..m, column);
        } else {
            if N == 1 {
                row = self.groups::<S, { 2 * ROWS_IN_16 }, N, PART>(simd, row..m, column);
            }
            // the last eight or nine are better done in fours
            let rest = m - row;
            let fours = if rest >= 8 && matches!(rest % ROWS_IN_16, 2 | 3) { 8 } else { 0 };
            row = self.groups::<S, ROWS_IN_16, N, PART>(simd, row..m - fours, column);
        }
        row = self.groups::<S, FEW_ROWS, N, PART>(simd, row..m, column);
        self.groups::<S, 1, N, PART>(simd, row..m, column);
    }

    /// As many of these rows as go into groups of `M`; returns the first that is left.
    #[inline(always)]
    fn groups<S: Simd, const M: usize, const N: usize, const PART: bool>(
        &mut self,
        simd: S,
        rows: Range<usize>,
        column: usize,
    ) -> usize {
        let mut row = rows.start;
        while row + M <= rows.end {
            self.tile::<S, M, N, PART>(simd, row, column);
            row += M;
        }
        row
    }

    /// `M` rows of `N` vectors.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const N: usize, const PART: bool>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) {
        let [_, n, k] = self.sizes;
        let lanes = S::F32_LANES;
        let whole = if PART { N - 1 } else { N };
        let mut sums = [[simd.splat_f32s(0.0); N]; M];
        if self.add {
            for (i, sum) in sums.iter_mut().enumerate() {
                let values = &self.c[(row + i) * n + column..];
                let (vectors, _) = S::as_simd_f32s(&values[..whole * lanes]);
                sum[..whole].copy_from_slice(vectors);
                if PART {
                    sum[whole] = simd.partial_load_f32s(&values[whole * lanes..n - column]);
                }
            }
        }
        let Matrix { data, row: down, column: across } = self.a;
        let b = Matrix { data: &self.b[column..], row: self.width, column: 1 };
        // in both cases one of the distances is known when this is compiled
        if across == 1 {
            let a = Matrix { data: &data[row * down..], row: down, column: 1 };
            multiply_add(simd, &mut sums, k, a, b);
        } else {
            let a = Matrix { data: &data[row..], row: 1, column: across };
            multiply_add(simd, &mut sums, k, a, b);
        }
        for (i, sum) in sums.iter().enumerate() {
            let to = &mut self.c[(row + i) * n + column..];
            let (vectors, _) = S::as_mut_simd_f32s(&mut to[..whole * lanes]);
            vectors.copy_from_slice(&sum[..whole]);
            if PART {
                simd.partial_store_f32s(&mut to[whole * lanes..n - column], sum[whole]);
            }
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use pulp::x86::{V3, V4};

    use super::*;

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    #[test]
    fn the_processors_widest_vectors_are_used() {
        let best = if V4::try_new().is_some() {
            16
        } else if V3::try_new().is_some() {
            8
        } else {
            1
        };
        let lanes = arch().dispatch(Lanes);
        assert!(lanes >= best, "vectors of {lanes} numbers where there are some of {best}");
    }

    /// The products are tested where they are called, on the processor at hand; here shorter vectors are held
    /// against the longest.
    #[test]
    fn vectors_of_all_lengths_give_the_same() {
        let (Some(v3), Some(v4)) = (V3::try_new(), V4::try_new()) else { return };
        let values: Vec<f32> = (0..20_000).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        for sizes in [[29usize, 10, 128], [32, 128, 64], [7, 24, 5], [16, 50, 3], [1, 1, 9]] {
            let [m, n, k] = sizes;
            let width = n.next_multiple_of(PADDING);
            for (a, add) in [(Matrix::rows(&values, k), false), (Matrix::transposed(&values, m), true)] {
                let b = &values[values.len() - k * width..];
                let (mut c, mut right) = (values[..m * n].to_vec(), values[..m * n].to_vec());
                Simd::vectorize(v3, Small { sizes, a, b, width, c: &mut c, add });
                Simd::vectorize(v4, Small { sizes, a, b, width, c: &mut right, add });
                assert_eq!(c, right, "{sizes:?}");
            }
        }
    }
}
