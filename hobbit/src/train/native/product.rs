//! Matrix products: who computes them, gemm or, if they are small, the loops here.

use super::gemm::{self, Matrix};
use super::small;
use crate::train::math::Real;

/// A number that matrices are made of: small products of some are kept in registers.
pub(in crate::train) trait Element: Real {
    /// Does what [`product`] does, if the product is so small that it is faster done here. All sizes are
    /// checked before.
    #[inline(always)]
    fn multiply_few(
        sizes: [usize; 3],
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        c: &mut [Self],
        add: bool,
    ) -> bool {
        let _ = (sizes, a, b, c, add);
        false
    }
}

impl Element for f64 {}

impl Element for f32 {
    fn multiply_few(
        sizes: [usize; 3],
        a: Matrix<'_, f32>,
        b: Matrix<'_, f32>,
        c: &mut [f32],
        add: bool,
    ) -> bool {
        small::multiply(sizes, a, b, c, add)
    }
}

/// `c = a b`, or `c += a b`, with `a` of `m` × `k`, `b` of `k` × `n` and `c` of `m` × `n` numbers, row by
/// row. On this thread alone.
pub(super) fn product<T: Element>(
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
    if !T::multiply_few([m, n, k], a, b, c, add) {
        gemm::gemm([m, n, k], a, b, c, add);
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
                product([m, n, k], of_a, of_b, &mut c, false);
                product([m, n, k], of_a, of_b, &mut c, true);
                assert!(c.iter().zip(&right).all(|(c, r)| (c - 2.0 * r).abs() < 1e-12));
                let single = |values: &[f64]| values.iter().map(|&x| x as f32).collect::<Vec<f32>>();
                let (a, b, mut c) = (single(a), single(b), vec![0.0; m * n]);
                let of_a = Matrix { data: &a[..], row: of_a.row, column: of_a.column };
                let of_b = Matrix { data: &b[..], row: of_b.row, column: of_b.column };
                product([m, n, k], of_a, of_b, &mut c, false);
                assert!(c.iter().zip(&right).all(|(c, r)| (f64::from(*c) - r).abs() < 1e-4));
                product([m, n, k], of_a, of_b, &mut c, true);
                assert!(c.iter().zip(&right).all(|(c, r)| (f64::from(*c) - 2.0 * r).abs() < 2e-4));
            }
        }
    }

    #[test]
    #[should_panic(expected = "too small")]
    fn a_matrix_that_is_too_small_is_not_read() {
        product([2, 2, 2], Matrix::rows(&[0.0; 3], 2), Matrix::rows(&[0.0; 4], 2), &mut [0.0; 4], false);
    }
}
