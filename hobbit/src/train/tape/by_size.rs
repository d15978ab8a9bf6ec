//! Sizes known at compile time, chosen when the program runs.

/// Chooses among a few sizes that are known at compile time by a number that is known when the program runs:
/// the expression is compiled once for each, with the name as a constant. Any other number is an error.
///
/// ```
/// use dfdx::nn::builders::{Linear, ReLU};
/// use dfdx::shapes::Const;
/// use hobbit::train::{Adam, Compiled, Loss, Sequential, by_size, module};
///
/// fn model(hidden: usize) -> hobbit::Result<Compiled> {
///     let network = by_size!(hidden, [16, 32, 64], WIDTH => {
///         module::<(Linear<8, WIDTH>, ReLU, Linear<WIDTH, 1>), (usize, Const<8>)>()
///     })?;
///     Ok(Sequential::new([8]).layer(network).compile(Adam::new(1e-3), Loss::MeanSquaredError))
/// }
///
/// assert_eq!(model(32)?.parameters()?, 9 * 32 + 33);
/// assert!(model(33).is_err());
/// # Ok::<(), hobbit::Error>(())
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __by_size {
    ($number:expr, [$($size:literal),+ $(,)?], $name:ident => $make:expr) => {
        match $number {
            $($size => {
                const $name: usize = $size;
                ::core::result::Result::Ok($make)
            })+
            other => ::core::result::Result::Err($crate::train::no_such_size(other, &[$($size),+])),
        }
    };
}

/// The error of [`by_size!`](crate::train::by_size).
#[doc(hidden)]
pub fn no_such_size(size: usize, known: &[usize]) -> crate::Error {
    crate::Error::model(format!("there is no network of size {size}: the sizes are {known:?}"))
}
