//! A copy of the sources with every mutant in it, each behind its switch.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::table::{Mutant, Table};
use crate::Outcome;

/// What of a checkout a build needs.
const COPIED: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "clippy.toml", "rustfmt.toml", "benches", "src", "tests", "www", "xtask"];

/// Writes the copy. Files that are as they should be stay untouched, or everything would be compiled each time.
pub fn mutate(top: &Path, copy: &Path, table: &Table) -> Outcome {
    let mut files = BTreeSet::new();
    COPIED.iter().try_for_each(|entry| list(top, Path::new(entry), &mut files))?;
    let switch = PathBuf::from("src/mutant.rs");
    write(&copy.join(&switch), module(table).as_bytes())?;
    for file in &files {
        let bytes = fs::read(top.join(file)).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        let numbered = (1..).zip(&table.mutants).filter(|(_, mutant)| Path::new(&mutant.file) == file);
        let mutants: Vec<(usize, &Mutant)> = numbered.collect();
        let mut bytes = if mutants.is_empty() {
            bytes
        } else {
            let text = String::from_utf8(bytes).map_err(|_| format!("{} is no text", file.display()))?;
            with_mutants(&text, &mutants)?.into_bytes()
        };
        if file == Path::new("src/lib.rs") {
            // What a mutant leaves unused is no matter.
            bytes = [b"#![allow(warnings)]\n", &bytes[..], b"\npub mod mutant;\n"].concat();
        }
        write(&copy.join(file), &bytes)?;
    }
    files.insert(switch);
    remove_others(copy, &files)
}

fn list(top: &Path, path: &Path, files: &mut BTreeSet<PathBuf>) -> Outcome {
    let full = top.join(path);
    if full.is_file() {
        files.insert(path.to_path_buf());
        return Ok(());
    }
    let entries = fs::read_dir(&full).map_err(|e| format!("cannot read {}: {e}", full.display()))?;
    entries.flatten().try_for_each(|entry| list(top, &path.join(entry.file_name()), files))
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    written.map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Files that the checkout has no more.
fn remove_others(copy: &Path, files: &BTreeSet<PathBuf>) -> Outcome {
    let mut there = BTreeSet::new();
    COPIED
        .iter()
        .filter(|entry| copy.join(entry).exists())
        .try_for_each(|entry| list(copy, Path::new(entry), &mut there))?;
    there.difference(files).try_for_each(|gone| {
        fs::remove_file(copy.join(gone)).map_err(|e| format!("cannot remove {}: {e}", gone.display()))
    })
}

/// The switch: read from the environment once.
fn module(table: &Table) -> String {
    let mut names = String::new();
    for mutant in &table.mutants {
        // Writing to a String cannot fail.
        let _ = writeln!(names, "    {:?},", mutant.name);
    }
    format!(
        "//! Which mutant is meant.\n\n\
         use std::sync::atomic::{{AtomicUsize, Ordering}};\n\n\
         const NAMES: &[&str] = &[\n{names}];\n\
         const UNREAD: usize = usize::MAX;\n\n\
         static MEANT: AtomicUsize = AtomicUsize::new(UNREAD);\n\n\
         #[inline]\n\
         pub fn is(number: usize) -> bool {{\n    \
             match MEANT.load(Ordering::Relaxed) {{\n        \
                 UNREAD => read() == number,\n        \
                 meant => meant == number,\n    \
             }}\n}}\n\n\
         #[cold]\n\
         fn read() -> usize {{\n    \
             let name = std::env::var(\"LOGLAB_MUTANT\").unwrap_or_default();\n    \
             let number = NAMES.iter().position(|known| *known == name).map_or(0, |at| at + 1);\n    \
             assert!(name.is_empty() || number > 0, \"there is no mutant {{name}}\");\n    \
             MEANT.store(number, Ordering::Relaxed);\n    \
             number\n}}\n"
    )
}

/// A place in a text, and the mutants of it.
struct Place<'a> {
    start: usize,
    was: &'a str,
    mutants: Vec<(usize, &'a Mutant)>,
}

/// A file's text with its mutants.
fn with_mutants(text: &str, mutants: &[(usize, &Mutant)]) -> Outcome<String> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for (number, mutant) in mutants {
        let start = text.find(&mutant.was).ok_or_else(|| format!("mutant `{}`: its `was` is gone", mutant.name))?;
        match places.iter_mut().find(|place| place.start == start && place.was == mutant.was) {
            Some(place) => place.mutants.push((*number, mutant)),
            None => places.push(Place { start, was: &mutant.was, mutants: vec![(*number, mutant)] }),
        }
    }
    places.sort_by_key(|place| place.start);
    let mut out = String::with_capacity(text.len() * 2);
    let mut end = 0;
    for place in &places {
        if place.start < end {
            let (_, mutant) = place.mutants[0];
            return Err(format!("mutant `{}`: its `was` overlaps another one's", mutant.name));
        }
        out.push_str(&text[end..place.start]);
        out.push_str(&place.text()?);
        end = place.start + place.was.len();
    }
    out.push_str(&text[end..]);
    Ok(out)
}

impl Place<'_> {
    /// What stands here: each mutant's text behind its switch, then what was there.
    fn text(&self) -> Outcome<String> {
        let switch = |number: usize, mutant: &Mutant| format!("crate::mutant::is({number} /* {} */)", mutant.name);
        if let Some((number, mutant)) = self.mutants.iter().find(|(_, mutant)| mutant.is.contains("MUTANT")) {
            if self.mutants.len() > 1 {
                return Err(format!("mutant `{}`: with MUTANT in it, its `was` is its own", mutant.name));
            }
            return Ok(mutant.is.replace("MUTANT", &switch(*number, mutant)));
        }
        let mut text = String::new();
        for (number, mutant) in &self.mutants {
            let _ = write!(text, "if {} {{ {} }} else ", switch(*number, mutant), mutant.is);
        }
        let _ = write!(text, "{{ {} }}", self.was);
        // A statement ends by itself, an expression may be a part of another one.
        let is_statement = self.was.trim_end().ends_with([';', '}']);
        Ok(if is_statement { text } else { format!("({text})") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(name: &str, was: &str, is: &str) -> Mutant {
        let text = |text: &str| text.to_owned();
        Mutant {
            name: text(name),
            promise: String::new(),
            file: String::new(),
            was: text(was),
            is: text(is),
            on: Vec::new(),
        }
    }

    fn mutated(text: &str, mutants: &[Mutant]) -> Outcome<String> {
        with_mutants(text, &(1..).zip(mutants).collect::<Vec<_>>())
    }

    #[test]
    fn an_expression_a_statement_and_a_text_each_have_their_form() {
        let text = "let a = b.min(c) + 1;\nstore(a);\nfn f() {\n}";
        let mutants = [
            mutant("max", "b.min(c)", "b.max(c)"),
            mutant("forget", "store(a);", "{}"),
            mutant("leave", "fn f() {\n", "fn f() {\nif MUTANT { return; }\n"),
        ];
        assert_eq!(
            mutated(text, &mutants).as_deref(),
            Ok("let a = (if crate::mutant::is(1 /* max */) { b.max(c) } else { b.min(c) }) + 1;\n\
                if crate::mutant::is(2 /* forget */) { {} } else { store(a); }\n\
                fn f() {\nif crate::mutant::is(3 /* leave */) { return; }\n}")
        );
    }

    #[test]
    fn two_mutants_may_share_a_place_but_not_overlap() {
        let two = [mutant("a", "x", "1"), mutant("b", "x", "2")];
        let expected = "(if crate::mutant::is(1 /* a */) { 1 } else if crate::mutant::is(2 /* b */) { 2 } else { x })";
        assert_eq!(mutated("x", &two).as_deref(), Ok(expected));
        assert!(mutated("xyz", &[mutant("a", "xy", "1"), mutant("b", "yz", "2")]).is_err());
    }
}
