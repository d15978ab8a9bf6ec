//! Matrices, and products of them. The one place that reads by pointers, or calls a function that does, after
//! checking that all of it is there.

use pulp::Simd;

use crate::train::math::Real;

/// A matrix in a slice: the distance from one row to the next, and from one column to the next.
#[derive(Clone, Copy)]
pub(in crate::train) struct Matrix<'a, T> {
    pub(super) data: &'a [T],
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after the other.
    pub(super) fn rows(data: &'a [T], width: usize) -> Matrix<'a, T> {
        Matrix { data, row: width, column: 1 }
    }

    /// The transpose of what [`rows`](Matrix::rows) gives.
    pub(super) fn transposed(data: &'a [T], width: usize) -> Matrix<'a, T> {
        Matrix { data, row: 1, column: width }
    }

    /// Without its first so many numbers.
    pub(super) fn beyond(self, numbers: usize) -> Matrix<'a, T> {
        Matrix { data: &self.data[numbers..], ..self }
    }

    /// That all of it is there, of so many rows and columns.
    pub(super) fn check(&self, rows: usize, columns: usize) {
        assert!(rows > 0 && columns > 0, "a matrix is empty");
        assert!(
            (rows - 1) * self.row + (columns - 1) * self.column < self.data.len(),
            "a matrix is too small"
        );
    }
}

/// `c = a b`, or `c += a b`, with `a` of `m` × `k`, `b` of `k` × `n` and `c` of `m` × `n` numbers, row by
/// row, all at least 1. On this thread alone.
#[expect(unsafe_code, reason = "gemm takes pointers")]
pub(super) fn gemm<T: Real>(
    [m, n, k]: [usize; 3],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    add: bool,
) {
    a.check(m, k);
    b.check(k, n);
    assert!(m * n <= c.len(), "the product does not fit");
    let keep = if add { T::ONE } else { T::ZERO };
    // SAFETY: all places that are read, (m-1, k-1) of `a` and (k-1, n-1) of `b` being the furthest, and all
    // that are written, m n of `c`, are in their slices, as was just checked; `c` is borrowed alone; T is f32
    // or f64, which are all the implementations of Real and which gemm knows.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            keep,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Steps of a small product that are written out one after the other.
const UNROLLED: usize = 4;

/// Adds a product of `M` × `k` by `k` × (`N` vectors) numbers to sums that stay in registers. By slices a
/// step would have twice as many instructions: there are not registers enough for their ends too.
#[inline(always)]
#[expect(unsafe_code, reason = "slices that are checked at every step take twice as long")]
pub(super) fn multiply_add<S: Simd, const M: usize, const N: usize>(
    simd: S,
    sums: &mut [[S::f32s; N]; M],
    k: usize,
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
) {
    if k == 0 {
        return;
    }
    a.check(M, k);
    b.check(k, N * S::F32_LANES);
    assert!(b.column == 1, "vectors are numbers side by side");
    // SAFETY: of `a`, (M-1, k-1) is the furthest place that is read, and of `b` the last of N vectors of row
    // k-1, which are inside, as was just checked.
    unsafe {
        let rest = k % UNROLLED;
        for p in (0..k - rest).step_by(UNROLLED) {
            for next in 0..UNROLLED {
                step(simd, sums, a, b, p + next);
            }
        }
        for p in k - rest..k {
            step(simd, sums, a, b, p);
        }
    }
}

/// Adds the product of column `p` of `a` and row `p` of `b`.
///
/// # Safety
///
/// The first M numbers of the column and N vectors of the row have to be there.
#[inline(always)]
#[expect(unsafe_code, reason = "the same")]
unsafe fn step<S: Simd, const M: usize, const N: usize>(
    simd: S,
    sums: &mut [[S::f32s; N]; M],
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    p: usize,
) {
    // SAFETY: by the contract. A vector is so many numbers, which any bits are, and may stand anywhere.
    unsafe {
        let from_a = a.data.as_ptr().add(p * a.column);
        let from_b = b.data.as_ptr().add(p * b.row).cast::<S::f32s>();
        let vectors: [S::f32s; N] = std::array::from_fn(|j| from_b.add(j).read_unaligned());
        for (i, sums) in sums.iter_mut().enumerate() {
            let number = simd.splat_f32s(from_a.add(i * a.row).read());
            for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                *sum = simd.mul_add_f32s(number, vector, *sum);
            }
        }
    }
}
