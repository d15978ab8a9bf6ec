//! What gemm computes, in plain loops: the order of its additions, which results rest on. Tests hold gemm to
//! it, to the last bit, on whatever processor they run, and so all processors to each other.

use super::gemm::Matrix;
use super::product::depth;

/// `c = a b`, or `c += a b`.
pub(super) fn multiply(
    [m, n, k]: [usize; 3],
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    c: &mut [f32],
    add: bool,
) {
    // sums over a vector are begun with what is there
    let is_vector = (n == 1 && a.row == 1) || (m == 1 && b.column == 1);
    let depth = if m <= 64 && n <= 64 { 512 } else { depth([m, n, k]) };
    for (place, c) in c[..m * n].iter_mut().enumerate() {
        let of_a = |step: usize| a.data[place / n * a.row + step * a.column];
        let of_b = |step: usize| b.data[place % n * b.column + step * b.row];
        let before = add.then_some(*c);
        *c = if k <= 2 {
            // rounded twice
            let add = |sum: Option<f32>, step| {
                let product = of_a(step) * of_b(step);
                Some(sum.map_or(product, |sum| product + sum))
            };
            (0..k).fold(before, add).unwrap_or(0.0)
        } else if is_vector {
            let add = |sum: Option<f32>, step| {
                let (a, b) = (of_a(step), of_b(step));
                Some(sum.map_or(a * b, |sum| a.mul_add(b, sum)))
            };
            (0..k).fold(before, add).unwrap_or(0.0)
        } else {
            let steps: Vec<usize> = (0..k).collect();
            let part =
                |steps: &[usize]| steps.iter().fold(0.0f32, |sum, &step| of_a(step).mul_add(of_b(step), sum));
            let parts = steps.chunks(depth).map(part);
            let add = |sum: Option<f32>, part| Some(sum.map_or(part, |sum| sum + part));
            parts.fold(before, add).unwrap_or(0.0)
        };
    }
}
