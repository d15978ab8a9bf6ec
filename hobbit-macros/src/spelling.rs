//! What a misspelled attribute was meant to be.

use syn::Attribute;

use crate::attr::known;

/// What an attribute that is nearly one of hobbit's was meant to be; the compiler would complain about it
/// without a hint.
pub(crate) fn meant(attribute: &Attribute) -> Option<&'static str> {
    const OTHERS: [&str; 8] = ["doc", "serde", "cfg", "cfg_attr", "allow", "expect", "warn", "deny"];
    let written = attribute.path().get_ident()?.to_string();
    if OTHERS.contains(&written.as_str()) || known().any(|name| name == written) {
        return None;
    }
    let nearest = known().map(|name| (distance(name, &written), name)).min();
    // two letters of a short word are another word: `get`, `int`
    nearest.filter(|(distance, name)| *distance <= if name.len() > 4 { 2 } else { 1 }).map(|(_, name)| name)
}

/// The number of letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(table[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    table[a.len()][b.len()]
}
