//! Matrix products: who computes them, gemm or, if they are small, the loops here.

use super::gemm::{self, Matrix};
use super::{dots, small};
use crate::train::math::Real;

/// Steps of a product that gemm adds up in registers before it adds the sum to what is there.
const DEPTH: usize = 512;
/// Rows and columns up to which gemm always takes so many, whatever the processor.
const FEW: usize = 64;

/// A number that matrices are made of: small products of some are kept in registers.
pub(in crate::train) trait Element: Real {
    /// Does what [`product`] does, if the product is so small that it is faster done here, or if gemm's order
    /// of additions depends on the processor. All sizes are checked before.
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
        let done = small::multiply(sizes, a, b, c, add) || dots::multiply(sizes, a, b, c, add);
        // gemm cannot be told which vectors to take
        #[cfg(all(test, target_arch = "x86_64"))]
        if !done && crate::train::math::narrow::is_chosen() {
            super::twin::multiply(sizes, a, b, c, add);
            return true;
        }
        done
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
    if T::multiply_few([m, n, k], a, b, c, add) {
        return;
    }
    large([m, n, k], a, b, c, add);
}

/// The same by gemm, in parts of fixed size.
fn large<T: Real>([m, n, k]: [usize; 3], a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], add: bool) {
    let depth = depth([m, n, k]);
    for from in (0..k).step_by(depth) {
        let (part_a, part_b) = (a.beyond(from * a.column), b.beyond(from * b.row));
        gemm::gemm([m, n, depth.min(k - from)], part_a, part_b, c, add || from > 0);
    }
}

/// How many of a product's steps gemm is given at once. Of more than these it adds up as many as fit the
/// processor's memory, so that the bits of the sums would depend on it.
pub(super) fn depth([m, n, k]: [usize; 3]) -> usize {
    if k <= DEPTH || (m <= FEW && n <= FEW) { k } else { k.div_ceil(k.div_ceil(DEPTH)) }
}

#[cfg(test)]
mod tests {
    use super::super::twin;
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

    /// Every way that gemm has, and both sides of its limits. Unequal bits here mean that machines of other
    /// vectors or caches would train other models.
    #[test]
    fn the_order_of_additions_is_fixed() {
        let values: Vec<f32> = (0..200_000).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        let sizes = [
            [16, 49, 9],
            [100, 64, 784],
            [65, 10, 1025],
            [64, 64, 514],
            [33, 17, 64],
            [5, 9, 513],
            [2, 20, 2],
            [70, 90, 1],
            [70, 1, 600],
            [1, 70, 600],
        ];
        if matches!(crate::train::math::arch(), pulp::Arch::Scalar) {
            return;
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let mut compared = 0;
        for [m, n, k] in sizes {
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                let (a, b) = (&values[..m * k], &values[values.len() - k * n..]);
                let a = if ta { Matrix::transposed(a, m) } else { Matrix::rows(a, k) };
                let b = if tb { Matrix::transposed(b, k) } else { Matrix::rows(b, n) };
                // those are not gemm's
                if dots::multiply([m, n, k], a, b, &mut values[..m * n].to_vec(), false) {
                    continue;
                }
                for add in [false, true] {
                    let (mut c, mut right) = (values[7..7 + m * n].to_vec(), values[7..7 + m * n].to_vec());
                    large([m, n, k], a, b, &mut c, add);
                    twin::multiply([m, n, k], a, b, &mut right, add);
                    assert!(bits(&c) == bits(&right), "{m} {n} {k}, transposed {ta} {tb}, added to {add}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 50, "{compared}");
    }

    #[test]
    #[should_panic(expected = "too small")]
    fn a_matrix_that_is_too_small_is_not_read() {
        product([2, 2, 2], Matrix::rows(&[0.0; 3], 2), Matrix::rows(&[0.0; 4], 2), &mut [0.0; 4], false);
    }
}
