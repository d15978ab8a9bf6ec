//! Products of rows by rows: few sums, each over much, as those for a convolution's weights are.
//!
//! gemm adds such products up in an order that depends on the width of the processor's vectors. Here it is
//! the one of the widest, whatever the processor has, so that processors of both kinds compute the same bits.

use std::array;

use pulp::{Arch, Simd, WithSimd};

use super::gemm::Matrix;
use crate::train::math::{Work, arch, simd};

/// Sums that are begun side by side: as many as the widest vectors have numbers.
const LANES: usize = 16;
/// Products that are added up before the sum is added to what is there.
const DEPTH: usize = 1024;
/// Numbers of the product up to which gemm computes each by itself.
const FEW: usize = 256;
/// Lanes, so many times, in a product with a single row or column.
const WIDE: usize = 8;

/// The product of two matrices, if it is one of rows by rows that gemm computes number by number. All sizes
/// are checked before.
pub(super) fn multiply(
    [m, n, k]: [usize; 3],
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    c: &mut [f32],
    add: bool,
) -> bool {
    if a.column != 1 || b.row != 1 || matches!(arch(), Arch::Scalar) {
        return false;
    }
    if m * n <= FEW {
        arch().dispatch(Dots { sizes: [m, n, k], a, b, c, add });
        true
    } else if m.min(n) == 1 && k > 2 {
        simd(Line { sizes: [m, n, k], a, b, c, add });
        true
    } else {
        false
    }
}

/// `c = a b`, or `c += a b`, with rows of `a` and columns of `b` whose numbers are side by side.
struct Dots<'a> {
    /// `m`, `n` and `k`.
    sizes: [usize; 3],
    a: Matrix<'a, f32>,
    b: Matrix<'a, f32>,
    c: &'a mut [f32],
    add: bool,
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match S::F32_LANES {
            16 => self.all::<S, 1>(simd),
            8 => self.all::<S, 2>(simd),
            4 => self.all::<S, 4>(simd),
            _ => self.all::<S, LANES>(simd),
        }
    }
}

impl Dots<'_> {
    /// Everything, with lanes of `V` vectors, in groups of rows and columns whose sums stay in registers.
    #[inline(always)]
    fn all<S: Simd, const V: usize>(&mut self, simd: S) {
        let most = if V == 1 { 4 } else { 2 };
        let mut row = 0;
        while row < self.sizes[0] {
            let rows = most.min(self.sizes[0] - row);
            match rows {
                4 => self.rows::<S, V, 4>(simd, row, most),
                3 => self.rows::<S, V, 3>(simd, row, most),
                2 => self.rows::<S, V, 2>(simd, row, most),
                _ => self.rows::<S, V, 1>(simd, row, most),
            }
            row += rows;
        }
    }

    #[inline(always)]
    fn rows<S: Simd, const V: usize, const M: usize>(&mut self, simd: S, row: usize, most: usize) {
        let mut column = 0;
        while column < self.sizes[1] {
            let columns = most.min(self.sizes[1] - column);
            match columns {
                4 => self.tile::<S, V, M, 4>(simd, row, column),
                3 => self.tile::<S, V, M, 3>(simd, row, column),
                2 => self.tile::<S, V, M, 2>(simd, row, column),
                _ => self.tile::<S, V, M, 1>(simd, row, column),
            }
            column += columns;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const M: usize, const N: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) {
        let [_, n, k] = self.sizes;
        for from in (0..k).step_by(DEPTH) {
            let to = k.min(from + DEPTH);
            let a = array::from_fn(|i| &self.a.data[(row + i) * self.a.row..][from..to]);
            let b = array::from_fn(|j| &self.b.data[(column + j) * self.b.column..][from..to]);
            let sums = dots::<S, V, M, N>(simd, a, b);
            for (i, sums) in sums.iter().enumerate() {
                let c = &mut self.c[(row + i) * n + column..][..N];
                for (c, &sum) in c.iter_mut().zip(sums) {
                    *c = if self.add || from > 0 { *c + sum } else { sum };
                }
            }
        }
    }
}

/// The products of each of these rows with each of those, all of one length.
#[inline(always)]
fn dots<S: Simd, const V: usize, const M: usize, const N: usize>(
    simd: S,
    a: [&[f32]; M],
    b: [&[f32]; N],
) -> [[f32; N]; M] {
    let length = a[0].len();
    let (whole, rest) = (length / LANES, length % LANES);
    let zeros = [simd.splat_f32s(0.0); V];
    let mut sums = [[zeros; N]; M];
    let of_a = a.map(|row| &lanes_of::<S, V>(row)[..whole]);
    let of_b = b.map(|row| &lanes_of::<S, V>(row)[..whole]);
    for place in 0..whole {
        let (mut next_a, mut next_b) = ([zeros; M], [zeros; N]);
        for (next, row) in next_a.iter_mut().zip(of_a) {
            *next = row[place];
        }
        for (next, row) in next_b.iter_mut().zip(of_b) {
            *next = row[place];
        }
        add(simd, &mut sums, next_a, next_b);
    }
    if rest > 0 {
        let (mut last_a, mut last_b) = ([zeros; M], [zeros; N]);
        for (last, row) in last_a.iter_mut().zip(a) {
            *last = rest_of::<S, V>(simd, &row[length - rest..]);
        }
        for (last, row) in last_b.iter_mut().zip(b) {
            *last = rest_of::<S, V>(simd, &row[length - rest..]);
        }
        add(simd, &mut sums, last_a, last_b);
    }
    // no closures where there are vectors: those that are not inlined are compiled for the oldest processor
    let mut totals = [[0.0; N]; M];
    for (totals, sums) in totals.iter_mut().zip(sums) {
        for (all, sum) in totals.iter_mut().zip(sums) {
            *all = total::<S, V>(simd, sum);
        }
    }
    totals
}

#[inline(always)]
fn lanes_of<S: Simd, const V: usize>(row: &[f32]) -> &[[S::f32s; V]] {
    S::as_simd_f32s(row).0.as_chunks::<V>().0
}

/// Fewer numbers than there are lanes, with zeros behind them.
#[inline(always)]
fn rest_of<S: Simd, const V: usize>(simd: S, rest: &[f32]) -> [S::f32s; V] {
    let mut lanes = [simd.splat_f32s(0.0); V];
    for (part, lanes) in lanes.iter_mut().enumerate() {
        let from = rest.len().min(part * S::F32_LANES);
        let to = rest.len().min(from + S::F32_LANES);
        *lanes = simd.partial_load_f32s(&rest[from..to]);
    }
    lanes
}

#[inline(always)]
fn add<S: Simd, const V: usize, const M: usize, const N: usize>(
    simd: S,
    sums: &mut [[[S::f32s; V]; N]; M],
    a: [[S::f32s; V]; M],
    b: [[S::f32s; V]; N],
) {
    for (sums, a) in sums.iter_mut().zip(&a) {
        for (sum, b) in sums.iter_mut().zip(&b) {
            for part in 0..V {
                sum[part] = simd.mul_add_f32s(a[part], b[part], sum[part]);
            }
        }
    }
}

/// The sum over all lanes: of halves, of halves of these, and so on, which is what a sum over one vector is.
#[inline(always)]
fn total<S: Simd, const V: usize>(simd: S, sum: [S::f32s; V]) -> f32 {
    match sum[..] {
        [all] => return simd.reduce_sum_f32s(all),
        [one, other] => return simd.reduce_sum_f32s(simd.add_f32s(one, other)),
        _ => {}
    }
    let mut lanes = [0.0; LANES];
    S::as_mut_simd_f32s(&mut lanes).0.copy_from_slice(&sum);
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    lanes[0]
}

/// The same with a single row or column, and more than a few numbers of the other: in the order that gemm has
/// for these.
struct Line<'a> {
    sizes: [usize; 3],
    a: Matrix<'a, f32>,
    b: Matrix<'a, f32>,
    c: &'a mut [f32],
    add: bool,
}

impl Work for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [m, n, k] = self.sizes;
        for (place, c) in self.c[..m * n].iter_mut().enumerate() {
            let a = &self.a.data[place / n * self.a.row..][..k];
            let b = &self.b.data[place % n * self.b.column..][..k];
            let sum = of_line(a, b);
            *c = if self.add { *c + sum } else { sum };
        }
    }
}

#[inline(always)]
fn of_line(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [[0.0f32; LANES]; WIDE];
    let (wide_a, rest_a) = a.as_chunks::<{ WIDE * LANES }>();
    let (wide_b, rest_b) = b.as_chunks::<{ WIDE * LANES }>();
    for (a, b) in wide_a.iter().zip(wide_b) {
        for (part, sums) in sums.iter_mut().enumerate() {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = a[part * LANES + lane].mul_add(b[part * LANES + lane], *sum);
            }
        }
    }
    for apart in [1, 2, 4] {
        for part in (0..WIDE).step_by(2 * apart) {
            let other = sums[part + apart];
            sums[part].iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
        }
    }
    let [mut lanes, ..] = sums;
    let (whole_a, rest_a) = rest_a.as_chunks::<LANES>();
    let (whole_b, rest_b) = rest_b.as_chunks::<LANES>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum = a[lane].mul_add(b[lane], *sum);
        }
    }
    let sum = lanes[1..].iter().fold(lanes[0], |sum, lane| sum + lane);
    rest_a.iter().zip(rest_b).fold(sum, |sum, (a, &b)| a.mul_add(b, sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The safe twin, number by number.
    fn plain(a: &[f32], b: &[f32], at_first: Option<f32>) -> f32 {
        let mut result = at_first;
        for (a, b) in a.chunks(DEPTH).zip(b.chunks(DEPTH)) {
            let mut lanes = [0.0f32; LANES];
            for (place, (a, &b)) in a.iter().zip(b).enumerate() {
                lanes[place % LANES] = a.mul_add(b, lanes[place % LANES]);
            }
            let of = |step: usize, count: usize, lanes: [f32; LANES]| -> [f32; LANES] {
                array::from_fn(|lane| if lane < count { lanes[lane] + lanes[lane + step] } else { 0.0 })
            };
            let sum = of(1, 1, of(2, 2, of(4, 4, of(8, 8, lanes))))[0];
            result = Some(result.map_or(sum, |before| before + sum));
        }
        result.unwrap()
    }

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect()
    }

    #[test]
    fn the_order_of_additions_is_the_same_for_all_vectors() {
        if matches!(arch(), Arch::Scalar) {
            return;
        }
        for [m, n, k] in [[8, 9, 676], [3, 7, 1], [1, 1, 5], [5, 2, 16], [16, 16, 33], [2, 3, 2060]] {
            let (a, b) = (numbers(m * k), numbers(n * k));
            for add in [false, true] {
                let before = numbers(m * n);
                let multiplied = || {
                    let mut c = before.clone();
                    let (a, b) = (Matrix::rows(&a, k), Matrix::transposed(&b, k));
                    assert!(multiply([m, n, k], a, b, &mut c, add));
                    c
                };
                let of = |place: usize| {
                    let (row, column) = (place / n, place % n);
                    plain(&a[row * k..][..k], &b[column * k..][..k], add.then_some(before[place]))
                };
                let right: Vec<f32> = (0..m * n).map(of).collect();
                assert_eq!(multiplied(), right, "{m} {n} {k}");
                #[cfg(target_arch = "x86_64")]
                if let Some(narrow) = crate::train::math::narrow::with(multiplied) {
                    assert_eq!(narrow, right, "{m} {n} {k}, AVX2");
                }
            }
        }
    }

    #[test]
    fn lines_are_the_same_for_all_vectors() {
        if matches!(arch(), Arch::Scalar) {
            return;
        }
        for [m, n, k] in [[1, 300, 10], [300, 1, 700], [1, 257, 3]] {
            let (a, b) = (numbers(m * k), numbers(n * k));
            let multiplied = || {
                let mut c = numbers(m * n);
                let (a, b) = (Matrix::rows(&a, k), Matrix::transposed(&b, k));
                assert!(multiply([m, n, k], a, b, &mut c, true));
                c
            };
            let found = multiplied();
            let exact = |place: usize| {
                let (a, b) = (&a[place / n * k..][..k], &b[place % n * k..][..k]);
                let sum: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                f64::from(numbers(m * n)[place]) + sum
            };
            for (place, &found) in found.iter().enumerate() {
                assert!((f64::from(found) - exact(place)).abs() < 1e-3, "{m} {n} {k}, {place}");
            }
            #[cfg(target_arch = "x86_64")]
            if let Some(narrow) = crate::train::math::narrow::with(multiplied) {
                assert_eq!(narrow, found, "{m} {n} {k}, AVX2");
            }
        }
    }
}
