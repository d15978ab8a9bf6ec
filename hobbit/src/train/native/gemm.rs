//! Matrix products. The one place that reads by pointers, or calls a function that does, after checking that all of it is there.

use pulp::Simd;

use super::math::Real;

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

    fn check(&self, rows: usize, columns: usize) {
        assert!(
            (rows - 1) * self.row + (columns - 1) * self.column < self.data.len(),
            "a matrix is too small"
        );
    }
}

/// `c = a b`, or `c += a b`, with `a` of `m` × `k`, `b` of `k` × `n` and `c` of `m` × `n` numbers, row by row. On this thread alone.
#[expect(unsafe_code, reason = "gemm takes pointers")]
pub(super) fn gemm<T: Real>(
    [m, n, k]: [usize; 3],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if !add {
            c[..m * n].fill(T::ZERO);
        }
        return;
    }
    a.check(m, k);
    b.check(k, n);
    assert!(m * n <= c.len(), "the product does not fit");
    if T::multiply_few([m, n, k], a, b, c, add) {
        return;
    }
    let keep = if add { T::ONE } else { T::ZERO };
    // SAFETY: all places that are read, (m-1, k-1) of `a` and (k-1, n-1) of `b` being the furthest, and all that are written, m n of
    // `c`, are in their slices, as was just checked; `c` is borrowed alone; T is f32 or f64, which are all the implementations of
    // Real and which gemm knows.
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

/// Adds a product of `M` × `k` by `k` × (`N` vectors) numbers to sums that stay in registers. By slices a step would have twice as many
/// instructions: there are not registers enough for their ends too.
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
    // SAFETY: of `a`, (M-1, k-1) is the furthest place that is read, and of `b` the last of N vectors of row k-1, which are inside, as
    // was just checked.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The safe twin.
    fn plain(
        [m, n, k]: [usize; 3],
        a: impl Fn(usize, usize) -> f64,
        b: impl Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let of = |place: usize| (0..k).map(|i| a(place / n, i) * b(i, place % n)).sum();
        (0..m * n).map(of).collect()
    }

    #[test]
    fn products_are_those_of_three_loops() {
        let values: Vec<f64> = (0..9000).map(|i| f64::from(i * 7919 % 1000) / 500.0 - 1.0).collect();
        let sizes = [[1, 1, 1], [3, 5, 7], [16, 49, 9], [33, 17, 64], [2, 3, 0], [0, 3, 2]];
        // for products that are computed here, in all parts of vectors and numbers of rows
        let small =
            [[60, 4, 1], [4, 1, 60], [1, 60, 4], [29, 10, 128], [16, 48, 32], [31, 130, 20], [200, 16, 33]];
        for [m, n, k] in sizes.into_iter().chain(small) {
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                let (a, b) = (&values[..m * k], &values[values.len() - k * n..]);
                let of_a = if ta { Matrix::transposed(a, m) } else { Matrix::rows(a, k) };
                let of_b = if tb { Matrix::transposed(b, k) } else { Matrix::rows(b, n) };
                let right = plain(
                    [m, n, k],
                    |i, j| if ta { a[j * m + i] } else { a[i * k + j] },
                    |i, j| if tb { b[j * k + i] } else { b[i * n + j] },
                );
                let mut c = vec![f64::NAN; m * n];
                gemm([m, n, k], of_a, of_b, &mut c, false);
                gemm([m, n, k], of_a, of_b, &mut c, true);
                assert!(c.iter().zip(&right).all(|(c, r)| (c - 2.0 * r).abs() < 1e-12));
                let single = |values: &[f64]| values.iter().map(|&x| x as f32).collect::<Vec<f32>>();
                let (a, b, mut c) = (single(a), single(b), vec![0.0; m * n]);
                let of_a = Matrix { data: &a[..], row: of_a.row, column: of_a.column };
                let of_b = Matrix { data: &b[..], row: of_b.row, column: of_b.column };
                gemm([m, n, k], of_a, of_b, &mut c, false);
                assert!(c.iter().zip(&right).all(|(c, r)| (f64::from(*c) - r).abs() < 1e-4));
                gemm([m, n, k], of_a, of_b, &mut c, true);
                assert!(c.iter().zip(&right).all(|(c, r)| (f64::from(*c) - 2.0 * r).abs() < 2e-4));
            }
        }
    }

    #[test]
    #[should_panic(expected = "too small")]
    fn a_matrix_that_is_too_small_is_not_read() {
        gemm([2, 2, 2], Matrix::rows(&[0.0; 3], 2), Matrix::rows(&[0.0; 4], 2), &mut [0.0; 4], false);
    }
}
