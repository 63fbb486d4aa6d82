//! `xtask/mutants.toml`: which mutants there are.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table as Toml, Value};

use crate::Outcome;

/// A small change that breaks a promise.
pub struct Mutant {
    /// Its name, for people and for the switch.
    pub name: String,
    /// What it breaks, in a sentence.
    pub promise: String,
    /// In which file.
    pub file: String,
    /// A text that stands in the file once.
    pub was: String,
    /// What stands there instead. With `MUTANT` in it this is the text for both: `MUTANT` is true where this mutant is meant.
    pub is: String,
    /// Scenarios that reach it, where those of the table do not.
    pub on: Vec<String>,
}

/// All of them.
pub struct Table {
    /// On which scenarios a mutant is to be found, in this order, where it names none itself.
    pub scenarios: Vec<String>,
    /// In the order of the file.
    pub mutants: Vec<Mutant>,
}

impl Table {
    /// Reads the table of a checkout. Names are unique, and each text stands once in its file.
    pub fn read(top: &Path) -> Outcome<Self> {
        let path = top.join("xtask/mutants.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let table = Self::parse(&text).map_err(|why| format!("{}: {why}", path.display()))?;
        table.mutants.iter().try_for_each(|mutant| mutant.check(top))?;
        Ok(table)
    }

    fn parse(text: &str) -> Outcome<Self> {
        let toml: Toml = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let scenarios = toml.get("scenarios").map_or(Ok(Vec::new()), |list| words(list, "scenarios"))?;
        let entries = toml.get("mutant").and_then(Value::as_array).ok_or("there is no [[mutant]]")?;
        let mutants = entries.iter().map(Mutant::parse).collect::<Outcome<Vec<_>>>()?;
        let mut names = BTreeSet::new();
        match mutants.iter().find(|mutant| !names.insert(mutant.name.as_str())) {
            Some(twice) => Err(format!("two mutants are called `{}`", twice.name)),
            None => Ok(Self { scenarios, mutants }),
        }
    }

    /// The mutant of this name.
    pub fn named(&self, name: &str) -> Option<&Mutant> {
        self.mutants.iter().find(|mutant| mutant.name == name)
    }

    /// The scenarios on which these mutants are to be found.
    pub fn scenarios_of(&self, mutants: &[&Mutant]) -> Vec<String> {
        let mut used: Vec<String> = Vec::new();
        for scenario in mutants.iter().flat_map(|mutant| mutant.scenarios(&self.scenarios)) {
            if !used.contains(scenario) {
                used.push(scenario.clone());
            }
        }
        used
    }
}

impl Mutant {
    fn parse(entry: &Value) -> Outcome<Self> {
        let entry = entry.as_table().ok_or("a [[mutant]] is a table")?;
        let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_word = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_word {
            return Err(format!("`{name}` is no name of a mutant: small letters, digits and -"));
        }
        let known = ["name", "promise", "file", "was", "is", "on"];
        if let Some(other) = entry.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("mutant `{name}` has a key `{other}`, which means nothing"));
        }
        let text = |key: &str| {
            let text = entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("mutant `{name}` has no `{key}`"))
        };
        let on = entry.get("on").map_or(Ok(Vec::new()), |list| words(list, "on"))?;
        Ok(Self { promise: text("promise")?, file: text("file")?, was: text("was")?, is: text("is")?, on, name })
    }

    /// Whoever changes what a mutant changes takes it along.
    fn check(&self, top: &Path) -> Outcome {
        let Self { name, file, was, .. } = self;
        let text = std::fs::read_to_string(top.join(file)).map_err(|e| format!("mutant `{name}`: {file}: {e}"))?;
        match text.matches(was.as_str()).count() {
            1 => Ok(()),
            0 => Err(format!("mutant `{name}`: its `was` is not in {file} (any more)")),
            count => Err(format!("mutant `{name}`: its `was` is {count} times in {file}, and must be there once")),
        }
    }

    /// Where it is to be found.
    pub fn scenarios<'a>(&'a self, all: &'a [String]) -> &'a [String] {
        if self.on.is_empty() { all } else { &self.on }
    }
}

fn words(list: &Value, key: &str) -> Outcome<Vec<String>> {
    let words = list.as_array().and_then(|list| list.iter().map(|word| word.as_str().map(str::to_owned)).collect());
    words.ok_or_else(|| format!("`{key}` is a list of names of scenarios"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::top;

    const ONE: &str =
        "[[mutant]]\nname = 'a'\npromise = 'p'\nfile = 'xtask/Cargo.toml'\nwas = 'name = \"xtask\"'\nis = '2'\n";

    #[test]
    fn the_table_fits_the_sources() {
        let table = Table::read(&top()).expect("names are unique, and texts are found");
        assert!(table.mutants.len() >= 60);
        for scenario in table.mutants.iter().flat_map(|mutant| mutant.scenarios(&table.scenarios)) {
            let file = top().join("xtask/mutants").join(format!("{scenario}.toml"));
            let builtin = top().join("www/scenarios").join(format!("{scenario}.toml"));
            assert!(file.is_file() || builtin.is_file(), "there is no scenario {scenario}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_table_is_named() {
        let why = |text: &str| Table::parse(text).err().unwrap_or_default();
        assert_eq!(why(ONE), "");
        assert_eq!(why(&format!("{ONE}{ONE}")), "two mutants are called `a`");
        assert_eq!(why(&ONE.replace("is = ", "was_is = ")), "mutant `a` has a key `was_is`, which means nothing");
        assert_eq!(why(&ONE.replace("promise = 'p'", "promise = ''")), "mutant `a` has no `promise`");
        assert_eq!(why(&ONE.replace("'a'", "'A b'")), "`A b` is no name of a mutant: small letters, digits and -");
    }

    #[test]
    fn a_text_that_does_not_stand_there_once_is_an_error_that_names_the_mutant() {
        let check = |was: &str| {
            let mut table = Table::parse(ONE).expect("a table");
            was.clone_into(&mut table.mutants[0].was);
            table.mutants[0].check(&top())
        };
        assert_eq!(check("name = \"xtask\""), Ok(()));
        assert!(check("surely not there").is_err_and(|why| why.contains("`a`") && why.contains("not in")));
        assert!(check("workspace").is_err_and(|why| why.contains("`a`") && why.contains("times")));
    }
}
