//! The rooms of the house: which may use which, held against what the sources name. Unit tests may name
//! whatever they need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The first of a pair never names the second.
const NEVER: &[(&[&str], &[&str])] = &[
    (
        &["space", "schedule", "search", "trial"],
        &["runner", "repository", "observe", "train", "results", "study"],
    ),
    (&["repository", "observe"], &["runner", "results", "study", "train"]),
    (&["runner", "ranked"], &["results", "study", "train"]),
    (&["work"], &["runner", "observe", "results", "study", "train"]),
    // whoever drives objectives knows none
    (
        &["objective", "work", "runner", "repository", "observe", "results"],
        &["function", "ask_tell", "process"],
    ),
    (&["remote"], &["runner", "observe", "results", "study", "train"]),
    // descriptions, and what both engines need, know no engine
    (
        &[
            "train::activation",
            "train::architecture",
            "train::arrays",
            "train::callback",
            "train::compiled",
            "train::criterion",
            "train::data",
            "train::init",
            "train::layer",
            "train::loss",
            "train::math",
            "train::measured",
            "train::metrics",
            "train::names",
            "train::network",
            "train::optimizer",
            "train::parameter",
            "train::plan",
            "train::schedule",
            "train::sequential",
            "train::stopping",
            "train::whole",
        ],
        &["train::native", "train::tape"],
    ),
    (&["train::native"], &["train::tape", "train::data"]),
    (&["train::tape"], &["train::native"]),
    (&["train::math"], &["train::layer", "train::data", "train::network"]),
];

/// The crates that only some rooms name.
const ONLY: &[(&[&str], &[&str])] = &[
    (&["dfdx", "gemm", "gemm_common", "pulp", "cudarc"], &["train"]),
    (&["ron"], &["repository", "testing", "remote::wire"]),
    (&["async_nats", "bytes", "futures_util", "tokio"], &["remote"]),
    (&["rayon"], &["runner::place"]),
];

/// What is pure names nothing of the machine, in the standard library.
const PURE: (&[&str], &[&str]) =
    (&["schedule", "search"], &["env", "fs", "io", "net", "process", "sync", "thread", "time"]);

/// Circles of files that are there, by their room. Smaller ones will do; others will not.
const OPEN: &[(&str, &[&str])] =
    &[("repository", &["chain", "format1", "journal", "lines", "reader", "store"])];

/// A path in code, from the crate (`crate`), or from another crate on.
type Named = Vec<String>;

/// What a file's code names.
#[derive(Debug, Default)]
struct File {
    /// What `use` brings into it, by the name that it has there.
    uses: BTreeMap<String, Named>,
    paths: Vec<Named>,
}

/// The files of a crate by their modules, as `observe::text`.
#[derive(Debug, Default)]
struct Sources(BTreeMap<String, File>);

impl Sources {
    /// Those below a directory, which has the crate's `lib.rs`.
    fn read(dir: &Path) -> Sources {
        let mut sources = Sources::default();
        sources.add_dir(dir, &[]);
        sources
    }

    fn add_dir(&mut self, dir: &Path, module: &[String]) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let is_root = matches!(stem.as_str(), "mod" | "lib");
            let inner =
                if is_root { module.to_vec() } else { [module, std::slice::from_ref(&stem)].concat() };
            if path.is_dir() {
                self.add_dir(&path, &inner);
            } else if stem != "tests" && path.extension().is_some_and(|extension| extension == "rs") {
                self.add(&inner, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }

    fn add(&mut self, module: &[String], text: &str) {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{module:?}: {error}"));
        let mut file = File::default();
        file.read(tokens, module);
        self.0.insert(module.join("::"), file);
    }

    /// The module of this crate that a path leads to; where modules on the way pass on what others declare,
    /// the one that does. Nothing for paths into other crates.
    fn declared(&self, module: &str, path: &[String]) -> Option<String> {
        let mut path = match path {
            [first, rest @ ..] if first == "crate" => rest.to_vec(),
            // a module below this one
            [first, ..] if self.0.contains_key(&joined(module, first)) => module
                .split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .chain(path.to_vec())
                .collect(),
            _ => return None,
        };
        // no chain is longer
        for _ in 0..8 {
            let end = (0..=path.len()).rev().find(|&end| self.0.contains_key(&path[..end].join("::")))?;
            let (file, rest) = path.split_at(end);
            let file = file.join("::");
            match rest.first().and_then(|name| self.0[&file].uses.get(name)) {
                Some(passed_on) if passed_on[0] == "crate" => path = passed_on[1..].to_vec(),
                Some(passed_on) if self.0.contains_key(&joined(&file, &passed_on[0])) => {
                    path = [&path[..end], passed_on].concat();
                }
                _ => return Some(file),
            }
        }
        None
    }

    /// What the rules do not allow.
    fn faults(&self) -> BTreeSet<String> {
        let mut faults = BTreeSet::new();
        let all = self.0.iter().flat_map(|(module, file)| file.paths.iter().map(move |path| (module, path)));
        for (module, path) in all {
            let is_in = |rooms: &[&str]| rooms.iter().any(|room| is_below(module, room));
            let mut fault = |why: &str| {
                faults.insert(format!("{module} names {}: {why}", path.join("::")));
            };
            if let Some(declared) = self.declared(module, path) {
                for (rooms, others) in NEVER {
                    if is_in(rooms) && others.iter().any(|other| is_below(&declared, other)) {
                        fault("it may not use that room");
                    }
                }
                continue;
            }
            for (crates, rooms) in ONLY {
                if crates.contains(&path[0].as_str()) && !is_in(rooms) {
                    fault(&format!("only {} may use it", rooms.join(" and ")));
                }
            }
            let (rooms, parts) = PURE;
            let is_shared = path[1..] == ["sync", "Arc"];
            let is_impure = path.get(1).is_some_and(|part| parts.contains(&part.as_str())) && !is_shared;
            if path[0] == "std" && is_in(rooms) && is_impure {
                fault("the room is pure");
            }
        }
        faults
    }

    /// The files that each file uses. What a module passes on of those below it is no use of them.
    fn graph(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let used = |module: &str, file: &File| {
            let used = file.paths.iter().filter_map(|path| self.declared(module, path));
            // the root has what macros are named by
            used.filter(|used| used != module && !used.is_empty() && !is_below(used, module)).collect()
        };
        let files = self.0.iter().filter(|(module, _)| !module.is_empty());
        files.map(|(module, file)| (module.as_str(), used(module, file))).collect()
    }

    /// Groups of files that use each other in a circle.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let graph = self.graph();
        let reached = |from: &str| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(next) = open.pop() {
                for used in graph.get(next.as_str()).into_iter().flatten() {
                    if reached.insert(used.clone()) {
                        open.push(used.clone());
                    }
                }
            }
            reached
        };
        let reached: BTreeMap<&str, BTreeSet<String>> =
            graph.keys().map(|module| (*module, reached(module))).collect();
        let circle = |module: &str| {
            let both = reached[module].iter().filter(|other| reached[other.as_str()].contains(module));
            both.cloned().collect::<BTreeSet<_>>()
        };
        graph.keys().map(|module| circle(module)).filter(|circle| !circle.is_empty()).collect()
    }
}

impl File {
    /// Takes all code of a module but its unit tests.
    fn read(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at..] {
                [TokenTree::Punct(mark), TokenTree::Group(attribute), ..] if mark.as_char() == '#' => {
                    at += 2;
                    if is_for_tests(attribute.stream()) {
                        at += item_len(&tokens[at..]);
                    }
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(code), ..]
                    if word == "mod" =>
                {
                    self.read(code.stream(), &[module, &[name.to_string()]].concat());
                    at += 3;
                }
                [TokenTree::Ident(word), ..] if word == "use" => {
                    let len = item_len(&tokens[at..]);
                    self.read_use(&tokens[at + 1..at + len - 1], module, &[]);
                    at += len;
                }
                [TokenTree::Group(group), ..] => {
                    self.read(group.stream(), module);
                    at += 1;
                }
                [TokenTree::Ident(_), ..] => {
                    let (path, len) = path(&tokens[at..]);
                    if path.len() > 1 {
                        self.paths.push(from_crate(path, module));
                    }
                    at += len;
                }
                _ => at += 1,
            }
        }
    }

    /// Takes what stands between `use` and its end.
    fn read_use(&mut self, tokens: &[TokenTree], module: &[String], before: &[String]) {
        // `::name` is another crate's
        let start = tokens.iter().take_while(|token| is_mark(token, ':')).count();
        let (own, len) = path(&tokens[start..]);
        let full = [before, &own].concat();
        match &tokens[start + len..] {
            [TokenTree::Group(group)] if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in inner.split(|token| is_mark(token, ',')).filter(|part| !part.is_empty()) {
                    self.read_use(part, module, &full);
                }
            }
            rest => {
                // `as name`, `*` or nothing
                let name = rest.get(1).map_or_else(|| full.last().cloned(), |name| Some(name.to_string()));
                let mut named = from_crate(full, module);
                if named.last().is_some_and(|last| last == "self") {
                    named.pop();
                }
                self.paths.push(named.clone());
                self.uses.extend(name.map(|name| (name, named)));
            }
        }
    }
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn is_for_tests(attribute: TokenStream) -> bool {
    let text = attribute.to_string().replace(' ', "");
    text.starts_with("cfg(test") || text.starts_with("cfg(all(test") || text == "test"
}

/// The tokens of an item: up to its braces or its semicolon.
fn item_len(tokens: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_mark(token, ';'),
    };
    let is_use = matches!(tokens, [TokenTree::Ident(word), ..] if word == "use");
    let end = tokens.iter().position(|token| is_end(token) && (!is_use || is_mark(token, ';')));
    end.map_or(tokens.len(), |end| end + 1)
}

/// The path that begins here, and its tokens; the `::` behind it among them.
fn path(tokens: &[TokenTree]) -> (Named, usize) {
    let (mut path, mut at) = (Named::new(), 0);
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        path.push(name.to_string());
        at += 1;
        match &tokens[at..] {
            [a, b, ..] if is_mark(a, ':') && is_mark(b, ':') => at += 2,
            _ => break,
        }
    }
    (path, at)
}

/// A path from the crate on, of one that stands in a module.
fn from_crate(path: Named, module: &[String]) -> Named {
    let up = path.iter().take_while(|part| *part == "super").count();
    let own = match path.first().map(String::as_str) {
        Some("self") => 1,
        _ if up > 0 => up,
        _ => return path,
    };
    let module = &module[..module.len() - up];
    [&["crate".to_owned()], module, &path[own..]].concat()
}

/// Whether a module is a room, or in it.
fn is_below(module: &str, room: &str) -> bool {
    module.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn joined(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// The library's.
fn library() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../hobbit/src"))
}

#[test]
fn every_room_uses_only_what_it_may() {
    let library = library();
    let faults = library.faults();
    assert!(faults.is_empty(), "{faults:#?}");
    // a rule about what is not there holds nothing
    let never = NEVER.iter().flat_map(|(rooms, others)| [*rooms, *others]);
    for room in never.chain(ONLY.iter().map(|(_, rooms)| *rooms)).chain([PURE.0]).flatten() {
        assert!(library.0.keys().any(|module| is_below(module, room)), "there is no {room}");
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut circles = library().circles();
    for (room, files) in OPEN {
        let files: BTreeSet<String> = files.iter().map(|file| joined(room, file)).collect();
        circles.retain(|circle| !circle.is_subset(&files));
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn what_is_wrong_is_found() {
    let mut sources = Sources::default();
    for (module, text) in [
        ("", "mod observe; pub use observe::Event;"),
        ("observe", "mod console; pub use console::{print as say}; pub enum Event { Ended }"),
        (
            "observe::console",
            "use rayon::join; pub fn print() { crate::results::Results::new(\"crate::runner::x\") }",
        ),
        ("results", "pub(crate) use crate::observe::say;"),
        ("schedule", "use std::sync::Arc; use super::observe::{self, say}; fn f() { g(std::thread::sleep) }"),
        (
            "schedule::plan",
            "/// As [`crate::runner`].\n #[cfg(test)] mod tests { use crate::runner::Y; } mod inner { use super::super::Plan; }",
        ),
        ("train", "use dfdx::prelude::*;"),
        (
            "trial",
            "fn f(event: &crate::Event) -> ::ron::Error { crate::schedule::plan::Plan; gemm::f::<u32>() }",
        ),
    ] {
        let module: Vec<String> =
            module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        sources.add(&module, text);
    }
    let faults: Vec<String> = sources.faults().into_iter().collect();
    let expected = [
        "observe::console names crate::results::Results::new: it may not use that room",
        "observe::console names rayon::join: only runner::place may use it",
        "schedule names crate::observe: it may not use that room",
        "schedule names crate::observe::say: it may not use that room",
        "schedule names std::thread::sleep: the room is pure",
        "trial names crate::Event: it may not use that room",
        "trial names gemm::f: only train may use it",
        "trial names ron::Error: only repository and testing and remote::wire may use it",
    ];
    assert_eq!(faults, expected);
    let circle = ["observe::console", "results"].map(str::to_owned).into();
    assert_eq!(sources.circles(), [circle].into());
}
