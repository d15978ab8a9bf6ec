//! How numbers and shapes are written in the journals of studies: an equal setting has an equal text, for
//! ever.

/// The shortest text that reads as this number. Of NaNs that are not the usual one the bits.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() && value.to_bits() != f64::NAN.to_bits() {
        return format!("NaN {:#x}", value.to_bits());
    }
    let mut text = format!("{value:?}");
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    text
}

/// Sides of a shape: `1x28x28`.
pub(super) fn sides(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart_by_their_bits() {
        assert_eq!(float(1.0), "1");
        assert_eq!(float(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(float(-0.0), "-0");
        assert_eq!(float(f64::NAN), "NaN");
        assert_ne!(float(-f64::NAN), "NaN");
        assert_eq!(float(1e-300), "1e-300");
    }
}
