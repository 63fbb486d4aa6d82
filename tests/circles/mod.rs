//! Finds circles between the files of a module: files that take names from each other, directly or through others.
//!
//! An arrow leads from a file to another where its code names something that the other one defines, by `use` or by a path.
//! A name that a file only hands on (`pub use`) counts for the file that defines it, so a `mod.rs` that only declares and
//! re-exports is never part of a circle; a parent with code of its own is, where its children take from it what it is and it
//! uses them. Tests are left out: they may look at anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module's path below `src`, such as `["log", "cleaner", "pass"]`.
type Module = Vec<String>;

/// What a `use` brings into a file.
struct Import {
    /// The name that it has there.
    name: String,
    /// The path as it stands in the file.
    path: Vec<String>,
    /// Others get it from here.
    is_handed_on: bool,
}

/// A file without its tests.
#[derive(Default)]
struct Source {
    children: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths of two names or more outside of imports.
    paths: Vec<Vec<String>>,
    /// Every name outside of imports.
    names: BTreeSet<String>,
}

/// Files that all reach each other.
#[derive(Debug, PartialEq, Eq)]
pub struct Knot {
    /// All of them, by their paths below `src` without ending.
    pub files: Vec<String>,
    /// The shortest way round that begins at the first of them.
    pub way: Vec<String>,
}

/// The knots among the files of `src/MODULE`.
pub fn knots(src: &Path, module: &str) -> Vec<Knot> {
    let mut sources = BTreeMap::new();
    read_module(src, vec![module.to_owned()], &mut sources);
    knots_of(&arrows(&sources))
}

/// Reads a module's file, and those of the children that it declares outside of tests.
fn read_module(src: &Path, module: Module, sources: &mut BTreeMap<Module, Source>) {
    let folder: PathBuf = module.iter().fold(src.to_owned(), |path, name| path.join(name));
    let [beside, within] = [folder.with_extension("rs"), folder.join("mod.rs")];
    let file = if within.exists() { within } else { beside };
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let source = read_source(&text);
    for child in &source.children {
        read_module(src, [&module[..], std::slice::from_ref(child)].concat(), sources);
    }
    sources.insert(module, source);
}

fn arrows(sources: &BTreeMap<Module, Source>) -> BTreeMap<Module, BTreeSet<Module>> {
    let of = |(module, source): (&Module, &Source)| {
        let imported = source.imports.iter().filter(|it| !it.is_handed_on || source.names.contains(&it.name));
        let paths = imported.map(|import| &import.path).chain(&source.paths);
        let targets = paths.filter_map(|path| resolve(sources, module, path, 0)).filter(|target| target != module);
        (module.clone(), targets.collect())
    };
    sources.iter().map(of).collect()
}

/// The file that defines what a path names where it is written in `module`; none where it is of another crate or module.
fn resolve(sources: &BTreeMap<Module, Source>, module: &Module, path: &[String], depth: usize) -> Option<Module> {
    assert!(depth < 32, "imports go round: {path:?} in {module:?}");
    let source = sources.get(module)?;
    let mut names = path.iter();
    let first = names.next()?;
    let mut at = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module[..module.len() - 1].to_vec(),
        child if source.children.contains(child) => [&module[..], &[child.to_owned()]].concat(),
        name => {
            let import = source.imports.iter().find(|import| import.name == name && import.path[0] != name)?;
            let rest = path.get(1..).unwrap_or_default();
            return resolve(sources, module, &[&import.path[..], rest].concat(), depth + 1);
        }
    };
    for (place, name) in names.enumerate() {
        if name == "super" {
            at.pop();
            continue;
        }
        let child = [&at[..], std::slice::from_ref(name)].concat();
        if sources.contains_key(&child) || at.is_empty() {
            at = child;
            continue;
        }
        let Some(import) = sources.get(&at)?.imports.iter().find(|import| import.name == *name) else { break };
        let rest = path.get(place + 2..).unwrap_or_default();
        return resolve(sources, &at, &[&import.path[..], rest].concat(), depth + 1);
    }
    sources.contains_key(&at).then_some(at)
}

fn knots_of(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Knot> {
    let mut found: Vec<Knot> = Vec::new();
    let text = |module: &Module| module.join("/");
    for start in arrows.keys() {
        if found.iter().any(|knot| knot.files.contains(&text(start))) {
            continue;
        }
        let Some(way) = shortest_way_back(arrows, start) else { continue };
        let reached_from_here = reached(arrows, start);
        let files = reached_from_here.iter().filter(|other| reached(arrows, other).contains(start)).map(text).collect();
        found.push(Knot { files, way: way.iter().map(text).collect() });
    }
    found
}

fn reached(arrows: &BTreeMap<Module, BTreeSet<Module>>, start: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(module) = waiting.pop() {
        let new = arrows[module].iter().filter(|target| reached.insert((*target).clone()));
        waiting.extend(new.collect::<Vec<_>>());
    }
    reached
}

fn shortest_way_back(arrows: &BTreeMap<Module, BTreeSet<Module>>, start: &Module) -> Option<Vec<Module>> {
    let mut ways = std::collections::VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for target in &arrows[&way[way.len() - 1]] {
            if target == start {
                return Some(way);
            }
            if seen.insert(target.clone()) {
                ways.push_back([&way[..], std::slice::from_ref(target)].concat());
            }
        }
    }
    None
}

fn read_source(text: &str) -> Source {
    let tokens = tokens(text);
    let mut source = Source::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "#" if is_for_tests(&tokens[at..]) => at = end_of_item(&tokens, at),
            "#" => at = end_of_group(&tokens, at),
            "mod" if tokens.get(at + 2).is_some_and(|after| after == ";") => {
                source.children.insert(tokens[at + 1].clone());
                at += 3;
            }
            // `impl Iterator + use<'a>` imports nothing.
            "use" if tokens.get(at + 1).is_some_and(|after| after != "<") => {
                let end = at + tokens[at..].iter().position(|token| token == ";").expect("a `use` ends");
                let is_handed_on = at > 0 && matches!(tokens[at - 1].as_str(), "pub" | ")");
                read_imports(&tokens[at + 1..end], &mut Vec::new(), is_handed_on, &mut source.imports);
                at = end;
            }
            // What stands in the brackets says who may see it, not what is used.
            "pub" if tokens.get(at + 1).is_some_and(|after| after == "(") => at = end_of_group(&tokens, at),
            first if is_name(first) => {
                let mut path = vec![first.to_owned()];
                while tokens.get(at + 1).is_some_and(|after| after == "::")
                    && tokens.get(at + 2).is_some_and(|name| is_name(name))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                at += 1;
                source.names.insert(path[0].clone());
                source.paths.extend(Some(path).filter(|path| path.len() > 1));
            }
            _ => at += 1,
        }
    }
    source
}

/// The imports of `a::{b, c::D as E}`: one for each name at an end.
fn read_imports(tree: &[String], before: &mut Vec<String>, is_handed_on: bool, imports: &mut Vec<Import>) {
    let shared = before.len();
    let mut at = 0;
    let mut renamed = None;
    let mut has_branches = false;
    while let Some(token) = tree.get(at) {
        match token.as_str() {
            "{" => {
                let end = end_of_group(tree, at);
                for branch in branches(&tree[at + 1..end - 1]) {
                    read_imports(branch, before, is_handed_on, imports);
                }
                has_branches = true;
                at = end;
            }
            "as" => {
                renamed = tree.get(at + 1).cloned();
                at += 2;
            }
            "::" => at += 1,
            "self" if !before.is_empty() => at += 1,
            name => {
                before.push(name.to_owned());
                at += 1;
            }
        }
    }
    if !has_branches && let Some(last) = before.last() {
        let name = renamed.unwrap_or_else(|| last.clone());
        imports.push(Import { name, path: before.clone(), is_handed_on });
    }
    before.truncate(shared);
}

/// What stands between the commas of a list, not those of lists in it.
fn branches(list: &[String]) -> Vec<&[String]> {
    let mut depth = 0;
    list.split(|token| {
        depth += i32::from(token == "{") - i32::from(token == "}");
        depth == 0 && token == ","
    })
    .filter(|branch| !branch.is_empty())
    .collect()
}

/// Whether an attribute is `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn is_for_tests(tokens: &[String]) -> bool {
    let attribute = &tokens[..end_of_group(tokens, 0)];
    attribute.iter().any(|token| token == "cfg") && attribute.iter().any(|token| token == "test")
}

/// Behind the brackets that open next.
fn end_of_group(tokens: &[String], from: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 1 => return at + 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    panic!("brackets stay open behind {:?}", &tokens[from..tokens.len().min(from + 10)])
}

/// Behind the item whose attributes begin here.
fn end_of_item(tokens: &[String], from: usize) -> usize {
    let mut at = from;
    loop {
        match tokens[at].as_str() {
            "#" | "(" | "[" => at = end_of_group(tokens, at),
            "{" => return end_of_group(tokens, at),
            ";" | "," => return at + 1,
            _ => at += 1,
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == '*')
}

/// Names, `::`, and single signs; without comments, texts, characters, lifetimes and numbers.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = text_literal(rest) {
            length
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.extend(Some(rest[..length].to_owned()).filter(|_| !first.is_ascii_digit()));
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            tokens.extend(Some(first.to_string()).filter(|_| !first.is_whitespace()));
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a text, a character or a lifetime that begins here.
fn text_literal(rest: &str) -> Option<usize> {
    let raw = rest.trim_start_matches('b');
    if let Some(marks) = raw.strip_prefix('r').map(|behind| behind.len() - behind.trim_start_matches('#').len())
        && raw[1 + marks..].starts_with('"')
        && rest.len() - raw.len() <= 1
    {
        let open = rest.len() - raw.len() + marks + 2;
        let close = format!("\"{}", "#".repeat(marks));
        return Some(open + rest[open..].find(&close).expect("a text ends") + close.len());
    }
    let quote = rest.strip_prefix('b').unwrap_or(rest);
    let skipped = rest.len() - quote.len();
    if quote.starts_with('"') {
        return Some(skipped + quoted(quote, '"'));
    }
    let behind = quote.strip_prefix('\'')?;
    let second = behind.chars().next()?;
    let is_character = second == '\\' || behind[second.len_utf8()..].starts_with('\'');
    Some(skipped + if is_character { quoted(quote, '\'') } else { 1 })
}

/// The length of what stands between two such signs, with them.
fn quoted(text: &str, sign: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == sign && !is_escaped {
            return at + 1;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    panic!("a text stays open")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest way round of each knot among files of these texts.
    fn graph(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let read = |(path, text): &(&str, &str)| (path.split('/').map(str::to_owned).collect(), read_source(text));
        knots_of(&arrows(&files.iter().map(read).collect())).into_iter().map(|knot| knot.way).collect()
    }

    #[test]
    fn two_files_that_take_names_from_each_other_are_a_circle() {
        let root = ("m", "mod a; mod b; pub use a::A;");
        let there = ("m/b", "use crate::m::a::{self, A as Other}; pub struct B;");
        assert_eq!(graph(&[root, ("m/a", "use super::b::B; pub struct A;"), there]), [["m/a", "m/b"]]);
        assert_eq!(graph(&[root, ("m/a", "pub struct A; fn f() { super::b::g::<A>() }"), there]), [["m/a", "m/b"]]);
        let in_tests = "pub struct A; // super::b::B\n#[cfg(test)] mod tests { use super::super::b::B; }";
        assert!(graph(&[root, ("m/a", in_tests), there]).is_empty());
        let in_texts = "pub struct A; const T: &str = \"super::b::B\"; fn f<'a>(c: &'a char) -> bool { *c == '\"' }";
        assert!(graph(&[root, ("m/a", in_texts), there]).is_empty());
    }

    #[test]
    fn a_name_that_a_parent_hands_on_counts_for_the_file_that_defines_it() {
        let uses_a = ("m/b", "use super::A; pub struct B;");
        assert!(
            graph(&[("m", "mod a; mod b; pub use a::A; pub use b::B;"), ("m/a", "pub struct A;"), uses_a]).is_empty()
        );
        let and_back = ("m/a", "use super::B; pub struct A;");
        assert_eq!(graph(&[("m", "mod a; mod b; pub use a::A; pub use b::B;"), and_back, uses_a]), [["m/a", "m/b"]]);
    }

    #[test]
    fn a_parent_with_code_of_its_own_is_part_of_the_circle() {
        let child = ("m/a", "use super::Parent; pub struct A(Parent);");
        assert_eq!(graph(&[("m", "mod a; pub struct Parent; fn f() -> a::A { a::make() }"), child]), [["m", "m/a"]]);
        assert!(graph(&[("m", "mod a; pub struct Parent; pub use a::A;"), child]).is_empty());
    }

    #[test]
    fn a_long_way_round_is_found_and_told_once() {
        let files = [
            ("m", "mod a; mod b; mod c;"),
            ("m/a", "use super::b::B;"),
            ("m/b", "use super::c::C; pub struct B;"),
            ("m/c", "use super::a; pub struct C;"),
        ];
        assert_eq!(graph(&files), [["m/a", "m/b", "m/c"]]);
        let more = [&files[..3], &[("m/c", "use super::a; use super::b::B; pub struct C;")]].concat();
        assert_eq!(graph(&more), [["m/a", "m/b", "m/c"]]);
    }
}
