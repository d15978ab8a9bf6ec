//! A matrix product by the crate gemm, which steps and sweeps are held against, here and in `benches/peers`.

/// `c = a b` of `m` × `k` by `k` × `n` numbers, each of which may come transposed.
#[allow(unsafe_code, reason = "gemm takes pointers")]
pub(crate) fn multiply(
    [m, n, k]: [usize; 3],
    (a, ta): (&[f32], bool),
    (b, tb): (&[f32], bool),
    c: &mut [f32],
) {
    assert!(m * k <= a.len() && k * n <= b.len() && m * n <= c.len());
    let (a_row, a_column) = if ta { (1, m) } else { (k, 1) };
    let (b_row, b_column) = if tb { (1, k) } else { (n, 1) };
    // SAFETY: a has m k numbers, b k n, and c m n, as was just checked, which with these strides are all that are touched
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            a_column as isize,
            a_row as isize,
            b.as_ptr(),
            b_column as isize,
            b_row as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
