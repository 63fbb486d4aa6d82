//! Finds code that does nothing about something, and does not say why.
//!
//! Of interest are arms that do nothing or leave with nothing (`=> {}`, `=> continue`, `=> return None`), and a `let` whose `else`
//! leaves without an error. Each has a comment above or beside it, or follows another one directly and so shares its comment, or
//! the doc of its function says in which case nothing comes of it. Tests are left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What an arm leaves with that leaves with nothing.
const NOTHING: [&str; 8] = ["", "None", "false", "true", "Ok(())", "Ok(None)", "Ok(false)", "Vec::new()"];

/// What an `else` leaves with that says something.
const SAYS: [&str; 4] = ["Err(", "Error::", "refuse(", "format!("];

/// What the doc of a function says that tells when nothing comes of it.
const TELLS: [&str; 11] = [
    "Whether",
    "whether",
    "None",
    "none",
    "nothing",
    "Nothing",
    "nobody",
    "empty",
    "unless",
    "false",
    "if there is one",
];

/// The places below a folder that are silent without a word, as `file:line: text`.
pub fn wordless(src: &Path) -> Vec<String> {
    let files = files_below(src);
    let tests: BTreeSet<PathBuf> = files.iter().flat_map(|file| tests_of(file, &read(file))).collect();
    let is_test = |file: &Path| tests.contains(file) || tests.iter().any(|test| file.starts_with(test));
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !is_test(file)) {
        let text = read(file);
        let lines: Vec<&str> = text.lines().collect();
        let places = wordless_lines(&lines).into_iter();
        found.extend(places.map(|at| format!("{}:{}: {}", file.display(), at + 1, lines[at].trim())));
    }
    found
}

/// The lines of a file that are silent without a word, from 0.
pub fn wordless_lines(lines: &[&str]) -> Vec<usize> {
    let mut wordless = Vec::new();
    let mut spoken_for = None;
    for at in outside_of_tests(lines) {
        let Some(silence) = silence(lines, at) else { continue };
        let shares = spoken_for.is_some_and(|last| last + 1 == silence.first);
        if shares || has_comment(lines, &silence) || silence.returns && is_told_by_the_doc(lines, at) {
            spoken_for = Some(silence.last);
        } else {
            wordless.push(at);
        }
    }
    wordless
}

/// A place that is silent: the lines of its statement or arm.
struct Silence {
    first: usize,
    last: usize,
    /// It leaves the function, maybe with a value.
    returns: bool,
}

/// What is silent at a line; none if nothing is.
fn silence(lines: &[&str], at: usize) -> Option<Silence> {
    let code = code_of(lines[at]);
    if is_silent_arm(code) {
        let begins = |line: &usize| indent(lines[*line]) == indent(code) && begins_a_pattern(lines[*line]);
        let first = (0..=at).rev().find(begins)?;
        return Some(Silence { first, last: at, returns: code.contains("=> return") });
    }
    let (body, last) = match behind_else(code)? {
        "" => {
            let inner = (at + 1..lines.len()).find(|line| !is_comment(lines[*line]))?;
            (code_of(lines[inner]).trim(), inner + 1)
        }
        body => (body, at),
    };
    let leaves = ["return", "continue", "break"].iter().any(|word| body.starts_with(word));
    let says = SAYS.iter().any(|word| body.contains(word));
    let first = (0..=at).rev().find(|line| lines[*line].trim_start().starts_with("let "))?;
    (leaves && !says).then_some(Silence { first, last, returns: body.starts_with("return") })
}

/// `pattern => {}` and the like.
fn is_silent_arm(code: &str) -> bool {
    let Some((_, does)) = code.rsplit_once("=> ") else { return false };
    let does = does.trim().trim_end_matches(',');
    let leaves_with = does.strip_prefix("return").map(str::trim);
    ["{}", "()", "continue", "break"].contains(&does) || leaves_with.is_some_and(|value| NOTHING.contains(&value))
}

/// Whether a line is the first of a pattern, where those before are of it.
fn begins_a_pattern(line: &str) -> bool {
    !is_comment(line) && !line.trim_start().starts_with(['|', ')', '}', ']'])
}

/// What stands behind `else {` where it belongs to a `let`.
fn behind_else(code: &str) -> Option<&str> {
    let (before, rest) = code.split_once("else {")?;
    (!before.trim_end().ends_with('}')).then_some(rest.trim())
}

/// A comment on a line of it or right above it.
fn has_comment(lines: &[&str], silence: &Silence) -> bool {
    let above = silence.first.checked_sub(1).map(|above| lines[above]);
    above.is_some_and(is_comment) || lines[silence.first..=silence.last].iter().any(|line| code_of(line) != *line)
}

/// Whether the doc of the function around a line says when nothing comes of it.
fn is_told_by_the_doc(lines: &[&str], at: usize) -> bool {
    let is_around = |line: &&usize| indent(lines[**line]) < indent(lines[at]) && is_function(lines[**line]);
    let above: Vec<usize> = (0..at).rev().collect();
    let Some(function) = above.iter().find(is_around) else { return false };
    let doc = lines[..*function].iter().rev().map(|line| line.trim_start());
    let doc = doc.take_while(|line| line.starts_with("///") || line.starts_with("#["));
    doc.filter(|line| line.starts_with("///")).any(|line| TELLS.iter().any(|words| holds(line, words)))
}

/// Whether a line has these words, not as a part of longer ones.
fn holds(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let is_joined = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
        !is_joined(line[..at].chars().next_back()) && !is_joined(line[at + words.len()..].chars().next())
    })
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    !is_comment(line) && (line.starts_with("fn ") || line.contains(" fn "))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// A line without the comment at its end.
fn code_of(line: &str) -> &str {
    let is_text = |at: usize| line[..at].matches('"').count() % 2 == 1;
    line.match_indices("//").find(|(at, _)| !is_text(*at)).map_or(line, |(at, _)| &line[..at])
}

/// The attribute of what only tests have.
fn is_of_tests(line: &str) -> bool {
    let line = line.trim();
    line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test,")
}

/// The lines of a file that are not of an item that only tests have.
fn outside_of_tests(lines: &[&str]) -> Vec<usize> {
    let mut outside = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if is_of_tests(lines[at]) {
            let depth = indent(lines[at]);
            let is_end = |line: &&str| {
                indent(line) == depth && (line.ends_with([';', ',']) || line.trim_start().starts_with('}'))
            };
            at += lines[at..].iter().position(is_end).unwrap_or(lines.len());
        } else {
            outside.push(at);
        }
        at += 1;
    }
    outside
}

/// The files and folders of the modules that a file declares for tests only.
fn tests_of(file: &Path, text: &str) -> Vec<PathBuf> {
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.windows(2).filter(|pair| is_of_tests(pair[0])).filter_map(|pair| {
        let name = pair[1].trim().rsplit("mod ").next()?.strip_suffix(';')?;
        Some(name)
    });
    let is_folder = file.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
    let folder = if is_folder { file.with_file_name("") } else { file.with_extension("") };
    declared.flat_map(|name| [folder.join(name), folder.join(format!("{name}.rs"))]).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder's entry").path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let mut files: Vec<_> = files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "rs")).collect();
    files.extend(folders.iter().flat_map(|folder| files_below(folder)));
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a source file is text")
}
