//! What a misspelled attribute was meant to be.

use syn::Attribute;

use crate::attr::known;

/// Attributes of fields that are not hobbit's.
pub(crate) const OTHERS: [&str; 10] =
    ["doc", "serde", "cfg", "cfg_attr", "allow", "expect", "warn", "deny", "forbid", "deprecated"];

/// What an attribute that is nearly one of hobbit's was meant to be; the compiler would complain about it
/// without a hint.
pub(crate) fn meant(attribute: &Attribute) -> Option<&'static str> {
    let path = attribute.path();
    if let [first, second] = &path.segments.iter().collect::<Vec<_>>()[..]
        && first.ident == "hobbit"
    {
        return known().find(|name| second.ident == name);
    }
    let written = path.get_ident()?.to_string();
    if OTHERS.contains(&written.as_str()) {
        return None;
    }
    nearest(&written, known())
}

/// What a word that is none of these is nearly.
pub(crate) fn nearest(
    written: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Option<&'static str> {
    if known.clone().any(|name| name == written) {
        return None;
    }
    let nearest = known.map(|name| (distance(name, written), name)).min();
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
