//! Changes of inputs that readers of text are likely to get through to: whole words and numbers.

use hobbit::KeyRng;

/// Changes some bytes: flipped, removed, doubled, replaced by odd numbers, or by a piece of another input.
pub(crate) fn changed(rng: &mut KeyRng, from: &[u8], other: &[u8]) -> Vec<u8> {
    const ODD: [&str; 16] = [
        "4294967295",
        "18446744073709551615",
        "-1",
        "0",
        "NaN",
        "inf",
        "1e309",
        "\"",
        "(",
        ")",
        "[",
        "{",
        "\\u{0}",
        "\n",
        ",,",
        "é",
    ];
    let mut bytes = from.to_vec();
    for _ in 0..=rng.below(4) {
        let place = |rng: &mut hobbit::KeyRng, length: usize| rng.below(length as u64 + 1) as usize;
        let start = place(rng, bytes.len());
        let end = (start + place(rng, 12)).min(bytes.len());
        match rng.below(6) {
            0 if start < bytes.len() => bytes[start] ^= 1 << rng.below(8),
            1 => drop(bytes.drain(start..end)),
            2 => {
                let doubled = bytes[start..end].to_vec();
                drop(bytes.splice(start..start, doubled));
            }
            3 => {
                let odd = ODD[rng.below(ODD.len() as u64) as usize];
                drop(bytes.splice(start..end, odd.bytes()));
            }
            4 => {
                let from = place(rng, other.len());
                let to = (from + place(rng, 200)).min(other.len());
                drop(bytes.splice(start..end, other[from..to].iter().copied()));
            }
            5 if rng.below(4) == 0 => bytes.truncate(start),
            // a number or a word as a whole
            _ => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
                let word = bytes[start..].iter().position(is_word).map_or(bytes.len(), |at| start + at);
                let end = word + bytes[word..].iter().take_while(|byte| is_word(byte)).count();
                let odd = ODD[rng.below(ODD.len() as u64) as usize];
                drop(bytes.splice(word..end, odd.bytes()));
            }
        }
    }
    bytes
}
