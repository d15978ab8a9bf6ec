//! Finds serde's derives above the attribute. The compiler expands them first and hands the item over without
//! them, so they are looked for where the attribute stands in its source file.

use proc_macro::Span;

/// Of `Serialize` and `Deserialize`, those that are derived above the attribute with this span. Where there
/// is no file, or another text in it, nothing is known to be there.
pub(crate) fn derived(attribute: Span) -> Vec<&'static str> {
    let Some(file) = attribute.local_file() else { return Vec::new() };
    #[expect(clippy::disallowed_methods, reason = "a source file of the user's, in the compiler")]
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    let start = attribute.start();
    find(&text, start.line(), start.column())
}

/// The same for an attribute at this line and column of a text, both counted from 1.
fn find(text: &str, line: usize, column: usize) -> Vec<&'static str> {
    // most files have none, and need not be read as Rust
    if !text.contains("erialize") {
        return Vec::new();
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(end) = offset(text, line, column) else { return Vec::new() };
    let is_script = text.starts_with("#!") && !text.starts_with("#![");
    let mut lexer = Lexer { text, at: if is_script { text.find('\n').unwrap_or(text.len()) } else { 0 } };
    let mut above = Above::default();
    while let Some((token, at)) = lexer.next() {
        if at >= end {
            // by itself, or in a `cfg_attr`
            let is_attribute =
                matches!((token, &above.open), (Token::Sign('#'), None) | (Token::Word(_), Some(_)))
                    && at == end;
            return if is_attribute { above.names() } else { Vec::new() };
        }
        above.add(token);
    }
    Vec::new()
}

/// Where a line and a column are. Columns count characters.
fn offset(text: &str, line: usize, column: usize) -> Option<usize> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(before..)?;
    Some(before + rest.char_indices().nth(column.checked_sub(1)?)?.0)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    Sign(char),
    /// A literal in quotes.
    Quoted,
}

/// The attributes before a token.
#[derive(Default)]
struct Above<'a> {
    /// What is in the brackets of each.
    attributes: Vec<Vec<Token<'a>>>,
    /// What is in the brackets of one that has not ended, and how deep in brackets it is.
    open: Option<(Vec<Token<'a>>, usize)>,
    after_hash: bool,
}

impl<'a> Above<'a> {
    fn add(&mut self, token: Token<'a>) {
        let after_hash = std::mem::take(&mut self.after_hash);
        if let Some((tokens, depth)) = &mut self.open {
            match token {
                Token::Sign('[') => *depth += 1,
                Token::Sign(']') => *depth -= 1,
                _ => {}
            }
            if *depth > 0 {
                tokens.push(token);
            } else {
                self.attributes.extend(self.open.take().map(|(tokens, _)| tokens));
            }
            return;
        }
        match token {
            Token::Sign('#') => self.after_hash = true,
            Token::Sign('[') if after_hash => self.open = Some((Vec::new(), 1)),
            _ => self.attributes.clear(),
        }
    }

    /// The names of serde's traits in derives.
    fn names(&self) -> Vec<&'static str> {
        let mut derives: Vec<&[Token<'_>]> =
            self.attributes.iter().filter_map(|tokens| arguments(tokens, "derive")).collect();
        // `cfg_attr(condition, derive(Serialize), search_space)`: where the attribute is, the derive is, too
        if let Some((tokens, _)) = &self.open {
            derives.extend((0..tokens.len()).filter_map(|place| arguments(&tokens[place..], "derive")));
        }
        let paths: Vec<Vec<&str>> = derives.into_iter().flat_map(paths).collect();
        let is_derived = |name: &&str| {
            paths.iter().any(|path| match &path[..] {
                [last] => last == name,
                [.., of, last] => last == name && ["serde", "serde_derive"].contains(of),
                [] => false,
            })
        };
        ["Serialize", "Deserialize"].into_iter().filter(is_derived).collect()
    }
}

/// What is behind the parenthesis of an attribute whose path ends in this name.
fn arguments<'a, 'b>(tokens: &'b [Token<'a>], name: &str) -> Option<&'b [Token<'a>]> {
    let is_path = |token: &Token<'_>| matches!(token, Token::Word(_) | Token::Sign(':'));
    let length = tokens.iter().take_while(|token| is_path(token)).count();
    let (path, rest) = tokens.split_at(length);
    match (path.last(), rest) {
        (Some(Token::Word(last)), [Token::Sign('('), arguments @ ..]) if *last == name => Some(arguments),
        _ => None,
    }
}

/// The paths up to the end of a parenthesis, each as its names.
fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Vec<&'a str>> {
    let end = tokens.iter().position(|token| *token == Token::Sign(')')).unwrap_or(tokens.len());
    let name = |token: &Token<'a>| match token {
        Token::Word(name) => Some(*name),
        _ => None,
    };
    let paths = tokens[..end].split(|token| *token == Token::Sign(','));
    paths.map(|path| path.iter().filter_map(name).collect()).collect()
}

/// Takes a text apart as Rust, as far as is needed to tell what is in comments and quotes from what is not.
struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next token, and where it begins.
    fn next(&mut self) -> Option<(Token<'a>, usize)> {
        self.skip_space();
        let start = self.at;
        let first = self.rest().chars().next()?;
        let is_in_word = |c: char| c == '_' || unicode_ident::is_xid_continue(c);
        let token = if is_in_word(first) {
            let word = self.rest().split(|c| !is_in_word(c)).next().unwrap_or_default();
            self.at += word.len();
            match (word, self.rest().as_bytes().first()) {
                ("b" | "c", Some(b'"')) | ("b", Some(b'\'')) => self.quoted(),
                ("r" | "br" | "cr", Some(b'"' | b'#')) => self.raw(word),
                _ => Token::Word(word),
            }
        } else if first == '"' || first == '\'' {
            self.quoted()
        } else {
            self.at += first.len_utf8();
            Token::Sign(first)
        };
        Some((token, start))
    }

    /// Skips white space and comments, which nest.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += comment(rest);
            } else {
                let trimmed = rest.trim_start();
                if trimmed.len() == rest.len() {
                    return;
                }
                self.at += rest.len() - trimmed.len();
            }
        }
    }

    /// A text or a character, or the sign before the name of a lifetime.
    fn quoted(&mut self) -> Token<'a> {
        let mut rest = self.rest().chars();
        let quote = rest.next().unwrap_or_default();
        let mut after = rest.clone();
        let is_lifetime = quote == '\'' && after.next() != Some('\\') && after.next() != Some('\'');
        self.at += quote.len_utf8();
        if is_lifetime {
            return Token::Sign(quote);
        }
        while let Some(c) = rest.next() {
            self.at += c.len_utf8();
            if c == quote {
                break;
            }
            if c == '\\' {
                self.at += rest.next().map_or(0, char::len_utf8);
            }
        }
        Token::Quoted
    }

    /// What follows the prefix of a raw text, or the `r` of a name.
    fn raw(&mut self, prefix: &'a str) -> Token<'a> {
        let rest = self.rest();
        let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
        if rest.as_bytes().get(hashes) != Some(&b'"') {
            return Token::Word(prefix);
        }
        let inner = &rest[hashes + 1..];
        let end = format!("\"{}", "#".repeat(hashes));
        self.at += hashes + 1 + inner.find(&end).map_or(inner.len(), |place| place + end.len());
        Token::Quoted
    }
}

/// How long a comment is that a text begins with.
fn comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::find;

    /// What is found where `@` stands in a text.
    fn found(text: &str) -> Vec<&'static str> {
        let before = text.split('@').next().unwrap();
        let line = before.matches('\n').count() + 1;
        let last = before.rsplit('\n').next().unwrap().trim_start_matches('\u{feff}');
        find(&text.replace('@', ""), line, last.chars().count() + 1)
    }

    #[test]
    fn derives_above_are_found() {
        let both = ["Serialize", "Deserialize"];
        assert_eq!(found("#[derive(Serialize, Deserialize)]\n@#[search_space]\nstruct T {}"), both);
        assert_eq!(
            found("#[derive(Clone)] #[derive(serde::Serialize,)] @#[space] struct T {}"),
            ["Serialize"]
        );
        assert_eq!(
            found("#[derive(\n    ::serde::Deserialize, // a\n    Debug,\n)]\n@#[a]"),
            ["Deserialize"]
        );
        assert_eq!(found("#[core::prelude::v1::derive(serde_derive::Serialize)] @#[a]"), ["Serialize"]);
        assert_eq!(
            found("#[derive(Serialize)]\r\n/// It.\r\n#[doc = \"]\"]\r\n#[allow(a)]\r\n/* /* x */ */ @#[a]"),
            ["Serialize"]
        );
        assert_eq!(found("\u{feff}#[derive(Serialize)] /* ü */ @#[a]"), ["Serialize"]);
        assert_eq!(found("#!/usr/bin/env 'run\n#[derive(Serialize)] @#[a]"), ["Serialize"]);
        assert_eq!(
            found("#[derive(Clone)] #[cfg_attr(all(), derive(Serialize), @search_space)]"),
            ["Serialize"]
        );
        assert_eq!(
            found("fn f<'a>(x: &'a str) { '\"'; b'\\''; r#\"\"\"#; r#type } #[derive(Serialize)] @#[a]"),
            ["Serialize"]
        );
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let none: [&str; 0] = [];
        for text in [
            "// #[derive(Serialize)]\n@#[a] struct T {}",
            "/* #[derive(Serialize)] */ @#[a] struct T {}",
            "#[doc = \"#[derive(Serialize)]\"] @#[a] struct T {}",
            "const A: &str = r#\"\n#[derive(Serialize)]\n@#[a]\"#;",
            "/// #[derive(Serialize)]\n/// @#[a]\nstruct T {}",
            "#[derive(Serialize)] struct S; @#[a] struct T {}",
            "#[derive(Serialize)] mod m { @#[a] struct T {} }",
            "#[cfg_attr(x, derive(Serialize))] @#[a] struct T {}",
            "#[derive(rkyv::Serialize, MySerialize, serde::Serializer)] @#[a] struct T {}",
            "@#[a] #[derive(Serialize)] struct T {}",
            "#![derive(Serialize)] @#[a] struct T {}",
            "#[derive(Serialize)] @struct T {}",
            "#[derive(Serialize)] #@[a] struct T {}",
            "#[derive(Serialize@)]",
            "#[derive(Serialize)] \"@",
            "#[derive(Serialize)] /* @",
        ] {
            assert_eq!(found(text), none, "{text}");
        }
        assert_eq!(find("#[derive(Serialize)]", 0, 0), none);
        assert_eq!(find("#[derive(Serialize)]\n#[a]", 2, 99), none);
        assert_eq!(find("#[derive(Serialize)]\n#[a]", 99, 1), none);
        assert_eq!(find("", 1, 1), none);
    }
}
