//! The names that serde makes of those of fields and variants.

/// How names are written that serde renames.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

/// What serde's `rename_all` can say.
pub(crate) const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    /// The one of this name, as serde has it.
    pub(crate) fn of(name: &str) -> Option<Case> {
        CASES.iter().find(|(known, _)| *known == name).map(|(_, case)| *case)
    }

    /// The name of a field, which is written like `learning_rate`.
    pub(crate) fn of_field(self, name: &str) -> String {
        let joined = || {
            let words = name.split('_').map(|word| with_first(word, char::to_ascii_uppercase));
            words.collect::<String>()
        };
        match self {
            Case::Lower | Case::Snake => name.to_owned(),
            Case::Upper | Case::ScreamingSnake => name.to_ascii_uppercase(),
            Case::Pascal => joined(),
            Case::Camel => with_first(&joined(), char::to_ascii_lowercase),
            Case::Kebab => name.replace('_', "-"),
            Case::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// The name of a variant, which is written like `LeakyRelu`.
    pub(crate) fn of_variant(self, name: &str) -> String {
        let words = |between: char| {
            let mut words = String::new();
            for (place, letter) in name.char_indices() {
                if place > 0 && letter.is_uppercase() {
                    words.push(between);
                }
                words.push(letter.to_ascii_lowercase());
            }
            words
        };
        match self {
            Case::Lower => name.to_ascii_lowercase(),
            Case::Upper => name.to_ascii_uppercase(),
            Case::Pascal => name.to_owned(),
            Case::Camel => with_first(name, char::to_ascii_lowercase),
            Case::Snake => words('_'),
            Case::ScreamingSnake => words('_').to_ascii_uppercase(),
            Case::Kebab => words('_').replace('_', "-"),
            Case::ScreamingKebab => words('_').to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// A word with another first letter.
fn with_first(word: &str, other: fn(&char) -> char) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| other(&first)).into_iter().chain(letters).collect()
}
