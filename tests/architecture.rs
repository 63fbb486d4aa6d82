//! The house's own rules: which module may use which, and what a deterministic module may not name.
#![cfg(not(target_family = "wasm"))]

mod circles;
mod silence;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module may use those before it, never those after it.
const LADDER: [&str; 12] =
    ["sim", "settings", "log", "wire", "note", "broker", "controller", "client", "service", "lab", "view", "ui"];

/// What no module below `ui` may name, not even in a comment, each with the reason.
const BANNED: [(&str, &str); 22] = [
    ("HashMap", "its order differs from run to run"),
    ("HashSet", "its order differs from run to run"),
    ("web_sys", "only `ui` knows a browser"),
    ("web-sys", "only `ui` knows a browser"),
    ("js_sys", "only `ui` knows a browser"),
    ("js-sys", "only `ui` knows a browser"),
    ("gloo", "only `ui` knows a browser"),
    ("yew", "only `ui` knows a browser"),
    ("wasm_bindgen", "only `ui` knows a browser"),
    ("wasm-bindgen", "only `ui` knows a browser"),
    ("std::time::Instant", "a run has virtual time only"),
    ("SystemTime", "a run has virtual time only"),
    ("std::thread", "a run has one thread"),
    ("thread_rng", "randomness comes from the run's seed"),
    ("rand::random", "randomness comes from the run's seed"),
    (".ln(", "differs between native and wasm"),
    (".exp(", "differs between native and wasm"),
    (".sin(", "differs between native and wasm"),
    (".cos(", "differs between native and wasm"),
    (".tan(", "differs between native and wasm"),
    (".powf(", "differs between native and wasm"),
    (".log10(", "differs between native and wasm"),
];

#[test]
fn modules_use_only_those_above_them() {
    let mut wrong = Vec::new();
    for (rank, module) in LADDER.iter().enumerate() {
        for (file, line, text) in lines_of(module) {
            let below = LADDER[rank + 1..].iter().find(|below| uses(&text, below));
            if let Some(below) = below {
                wrong.push(format!("{}:{line}: `{module}` uses `{below}`, which stands below it", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A file is understood by itself or from those that it names, never only together with those that name it.
#[test]
fn no_files_take_names_from_each_other_in_a_circle() {
    let knots = LADDER.iter().flat_map(|module| circles::knots(&source(), module));
    let wrong: Vec<String> =
        knots.map(|knot| format!("{} -> {} ({})", knot.way.join(" -> "), knot.way[0], knot.files.join(", "))).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A variant that is new asks for its arm everywhere: no match that names variants of our own enums ends in a wildcard. Tests may.
#[test]
fn no_match_over_our_own_enums_has_a_wildcard_arm() {
    let own = own_enums();
    let mut wrong = Vec::new();
    LADDER.iter().for_each(|module| wrong.append(&mut wildcards(module, &own)));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The wildcard arms of a module that stand beside variants of these enums.
fn wildcards(module: &str, own: &BTreeSet<String>) -> Vec<String> {
    let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for (file, _, text) in lines_of(module) {
        files.entry(file).or_default().push(text);
    }
    let is_test = |file: &Path| file.to_string_lossy().contains("tests");
    let found = files.iter().filter(|(file, _)| !is_test(file)).flat_map(|(file, lines)| {
        let arms = (0..lines.len()).filter(|at| is_wildcard(&lines[*at]) && names_variants(lines, *at, own));
        arms.map(|at| format!("{}:{}: {}", file.display(), at + 1, lines[at].trim()))
    });
    found.collect()
}

fn is_wildcard(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("_ => ") || line.starts_with("_ if ")
}

/// Whether a pattern before this arm names a variant of these enums. Arms of one match stand one under the other, as rustfmt
/// has them.
fn names_variants(lines: &[String], arm: usize, own: &BTreeSet<String>) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = indent(&lines[arm]);
    let before = lines[..arm].iter().rev().filter(|line| !line.trim().is_empty());
    let of_match = before.take_while(|line| indent(line) >= depth).filter(|line| indent(line) == depth);
    let pattern = |line: &str| line.split("=>").next().unwrap_or_default().split(" if ").next().map(str::to_owned);
    of_match.filter_map(|line| pattern(line)).any(|pattern| {
        pattern.match_indices("::").any(|(at, _)| {
            let name = pattern[..at].rsplit(|letter| !is_word(letter)).next().unwrap_or_default();
            let is_variant = pattern[at + 2..].starts_with(|letter: char| letter.is_ascii_uppercase());
            is_variant && (name == "Self" || own.contains(name))
        })
    })
}

/// The names of the enums of this crate.
fn own_enums() -> BTreeSet<String> {
    let lines = lines_below(&source()).into_iter();
    let name = |line: String| {
        let (_, name) =
            line.split_once("enum ").filter(|(before, _)| before.trim_start().is_empty() || before.contains("pub"))?;
        Some(name.split(|letter| !is_word(letter)).next().unwrap_or_default().to_owned())
    };
    lines
        .filter_map(|(.., line)| name(line))
        .filter(|name| name.starts_with(|letter: char| letter.is_uppercase()))
        .collect()
}

#[test]
fn the_lint_of_wildcards_sees_what_it_forbids() {
    let own = BTreeSet::from(["Role".to_owned()]);
    let is_seen = |text: &str| {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (0..lines.len()).any(|at| is_wildcard(&lines[at]) && names_variants(&lines, at, &own))
    };
    assert!(is_seen("match it {\n    Some(names::Role::Broker(id)) => {\n        id\n    }\n    _ => 1,\n}"));
    assert!(is_seen("match self {\n    Self::A | Self::B => 1,\n    _ if x => 2,\n}"));
    assert!(!is_seen("match it {\n    Value::Text(it) => Role::Broker,\n    _ => 1,\n}"), "it is somebody else's enum");
    assert!(!is_seen("match it {\n    Role::Broker => match x {\n        1 => 2,\n        _ => 3,\n    },\n}"));
}

/// Mistakes are loud: an assertion for what is ours, an error for what comes from outside. Where nothing is to be done, a word
/// says why.
#[test]
fn no_code_does_nothing_without_a_word() {
    let wrong = silence::wordless(&source());
    assert!(wrong.is_empty(), "assert, return an error, or say why nothing is to be done:\n{}", wrong.join("\n"));
}

#[test]
fn the_lint_of_silence_sees_what_it_forbids() {
    let seen = |text: &str| silence::wordless_lines(&text.lines().collect::<Vec<_>>()).len();
    assert_eq!(seen("match it {\n    A => {}\n    B => continue,\n    C => return None,\n    D => do_it(),\n}"), 3);
    assert_eq!(seen("match it {\n    // It is known.\n    A => {}\n    B => {} // So is this.\n}"), 0);
    assert_eq!(seen("match it {\n    // These are known.\n    A\n    | B(\n        C\n    )\n    | D => {}\n}"), 0);
    assert_eq!(seen("match it {\n    A\n    | B => {}\n    C => 1,\n    D => {}\n}"), 2);
    assert_eq!(seen("let Some(x) = y else { return };"), 1);
    assert_eq!(seen("let Some(x) = y else {\n    return State::Gone;\n};"), 1);
    assert_eq!(seen("let Some(x) = y\n    .z()\nelse {\n    continue;\n};"), 1);
    assert_eq!(seen("// Nobody waits.\nlet Some(x) = y else { return };\nlet Some(z) = x else { return };"), 0);
    assert_eq!(seen("let Some(x) = y else { return Err(Wrong) };"), 0, "an error is loud");
    assert_eq!(seen("let Some(x) = y else { unreachable!(\"it is here\") };"), 0, "an assertion is loud");
    assert_eq!(seen("let x = if y { 1 } else { return };"), 0, "it is no pattern that does not match");
    let told =
        "/// It; `None` while there is none.\nfn it() -> Option<X> {\n    let Some(x) = y else { return None };\n";
    assert_eq!(seen(told), 0, "the doc says it");
    assert_eq!(seen(&told.replace("; `None` while there is none", "")), 1);
    assert_eq!(seen("#[cfg(test)]\nmod tests {\n    let Some(x) = y else { return };\n}\nA => {}"), 1, "tests may");
}

#[test]
fn nothing_below_the_page_names_a_browser_a_clock_or_luck() {
    let mut wrong = Vec::new();
    for module in &LADDER[..LADDER.len() - 1] {
        for (file, line, text) in lines_of(module) {
            for (word, why) in BANNED.iter().filter(|(word, _)| names(&text, word)) {
                wrong.push(format!("{}:{line}: `{word}`: {why}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place_on_the_ladder() {
    let modules = children(&source()).into_iter().filter(|path| path.is_dir());
    let strange: Vec<_> =
        modules.map(|path| name(&path)).filter(|name| name != "bin" && !LADDER.contains(&&**name)).collect();
    assert!(strange.is_empty(), "not on the ladder: {strange:?}");
}

#[test]
fn the_lints_see_what_they_forbid() {
    assert!(uses("use crate::view::frame::Frame;", "view"));
    assert!(uses("use crate::{lab, view::Frame};", "view"));
    assert!(!uses("use crate::viewer::Frame;", "view"));
    assert!(!uses("a sentence about the view", "view"));
    assert!(names("let m: HashMap<u8, u8>;", "HashMap"));
    assert!(!names("use super::igloo;", "gloo"));
    assert!(names("x.ln()", ".ln("));
}

/// A case that passes because it was recognised is worthless: no code may know a recorded case by its name.
#[test]
fn no_code_names_a_case_of_the_recordings() {
    let cases = recorded_cases();
    assert!(cases.len() > 100, "the recordings are there");
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "benches", "xtask/src"] {
        for (file, line, text) in lines_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            for case in cases.iter().filter(|case| names_case(&text, case)) {
                wrong.push(format!("{}:{line}: {case}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_lint_of_recordings_sees_what_it_forbids() {
    let case = format!("{}/{}", "cleaner", "some-case-name");
    assert!(names_case("if path == \"cleaner/some-case-name\" {", &case));
    assert!(names_case("match name { \"some-case-name\" => {} }", &case));
    assert!(!names_case("some-case-name in a sentence", &case));
    assert!(!names_case("\"name\"", "cleaner/name"), "one word alone says nothing");
}

/// The case's path stands in the line, or its name as a text of its own where it is of three words or more.
fn names_case(line: &str, case: &str) -> bool {
    let name = case.rsplit('/').next().unwrap_or(case);
    names(line, case) || name.matches('-').count() >= 2 && line.contains(&format!("\"{name}\""))
}

/// The paths of all cases in the archives of recordings, below their area.
fn recorded_cases() -> Vec<String> {
    let archives = children(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle"));
    let mut cases = Vec::new();
    for path in archives.iter().filter(|path| path.extension().is_some_and(|ending| ending == "gz")) {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).expect("an archive")));
        for entry in archive.entries().expect("an archive") {
            let path = entry.expect("an entry").path().expect("a path").to_string_lossy().into_owned();
            cases.extend(path.trim_start_matches("./").strip_suffix("/case.json").map(str::to_owned));
        }
    }
    cases
}

/// Whether a line reaches for a module of this crate: `crate::view`, or `view` among the braces of `crate::{...}`.
fn uses(line: &str, module: &str) -> bool {
    let paths = |path: &str| line.match_indices(path).map(|(at, _)| at).collect::<Vec<_>>();
    let direct = format!("crate::{module}");
    let ends_there = |at: &usize| !line[at + direct.len()..].starts_with(is_word);
    paths(&direct).iter().any(ends_there)
        || line.split_once("crate::{").is_some_and(|(_, list)| {
            list.split([',', '{', '}', ' ']).any(|item| item.split("::").next() == Some(module))
        })
}

/// Whether a line holds a word, not as a part of a longer one.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let joined_before = word.starts_with(is_word) && line[..at].ends_with(is_word);
        let joined_after = word.ends_with(is_word) && line[at + word.len()..].starts_with(is_word);
        !joined_before && !joined_after
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Every line of a module's files, with the file and the line's number.
fn lines_of(module: &str) -> Vec<(PathBuf, usize, String)> {
    lines_below(&source().join(module))
}

/// Every line of the source files below a folder.
fn lines_below(folder: &Path) -> Vec<(PathBuf, usize, String)> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in children(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is text");
                lines.extend(text.lines().zip(1..).map(|(line, number)| (path.clone(), number, line.to_string())));
            }
        }
    }
    assert!(!lines.is_empty(), "{} holds no source", folder.display());
    lines
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut children: Vec<_> = entries.map(|entry| entry.expect("a folder's entry").path()).collect();
    children.sort();
    children
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
