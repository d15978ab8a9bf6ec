//! The order in which people sort names: `2` before `10`, and `fold2` before `fold10`.

use std::cmp::Ordering;

/// The order of texts in which digits count as numbers, however many there are.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !(left.is_empty() && right.is_empty()) {
        let (x, y) = (run(left), run(right));
        let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(x) && digits(y) {
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (&left[x.len()..], &right[y.len()..]);
    }
    a.cmp(b)
}

/// The digits that a text begins with, or what is before its first digit.
fn run(text: &str) -> &str {
    let digit = |c: char| c.is_ascii_digit();
    let first = text.starts_with(digit);
    &text[..text.find(|c| digit(c) != first).unwrap_or(text.len())]
}
