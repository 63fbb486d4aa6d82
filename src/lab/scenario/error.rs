//! What is wrong with a file, and what its author probably meant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioError {
    /// The line, from 1.
    pub line: u32,
    /// The character of the line, from 1.
    pub column: u32,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// The word that is wrong, where there is one.
    pub wrong: Option<String>,
    /// The nearest word that would be right.
    pub nearest: Option<String>,
}

impl ScenarioError {
    /// As compilers write it, with the file's name before the line.
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{}: {self}", self.line)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ScenarioError {}

/// What is wrong with one word or value, before it is known where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// The wrong word.
    pub wrong: Option<String>,
    /// The nearest word that would be right.
    pub nearest: Option<String>,
}

impl Wrong {
    /// A sentence alone.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), wrong: None, nearest: None }
    }

    /// A word that is none of those that are right.
    pub fn word<'a>(message: impl Into<String>, wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Self {
        Self { message: message.into(), wrong: Some(short(wrong)), nearest: nearest(wrong, right) }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
            None => Ok(()),
        }
    }
}

/// Words longer than this are cut in messages, and nothing is near them.
const WORD_MAX: usize = 64;

/// A word for a message: printable, and not a whole page of it.
pub fn short(word: &str) -> String {
    let mut characters = word.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = characters.by_ref().take(WORD_MAX).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

/// The word with the fewest edits to this one, if it is near enough to have been meant: few edits, or one is the other's end
/// or beginning. The first of equals.
pub fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// Shorter ends and beginnings say little.
    const PART_MIN: usize = 6;
    let whole = wrong;
    let wrong: Vec<char> = wrong.chars().take(WORD_MAX + 1).collect();
    if wrong.len() > WORD_MAX {
        return None;
    }
    let is_part = |word: &str| whole.len() >= PART_MIN && (word.ends_with(whole) || word.starts_with(whole));
    right
        .into_iter()
        .filter(|word| word.len() <= 4 * WORD_MAX)
        .map(|word| (distance(&wrong, &word.chars().collect::<Vec<_>>()), word))
        .filter(|(edits, word)| *edits <= 1.max(word.chars().count().max(wrong.len()) / 3) || is_part(word))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word.to_owned())
}

/// Levenshtein's distance, letters added, removed or replaced; two neighbours that changed places count as one.
fn distance(a: &[char], b: &[char]) -> usize {
    if a.len() == b.len() && swapped(a, b) {
        return 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Whether two neighbours changed places and nothing else differs.
fn swapped(a: &[char], b: &[char]) -> bool {
    let differ: Vec<usize> = (0..a.len()).filter(|&i| a[i] != b[i]).collect();
    matches!(differ[..], [i, j] if j == i + 1 && a[i] == b[j] && a[j] == b[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let words = ["brokers", "config", "without"];
        assert_eq!(nearest("brokrs", words).as_deref(), Some("brokers"));
        assert_eq!(nearest("witout", words).as_deref(), Some("without"));
        assert_eq!(nearest("titel", ["title", "seed"]).as_deref(), Some("title"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest("Heartbeat", ["Metadata", "BrokerHeartbeat"]).as_deref(), Some("BrokerHeartbeat"));
        assert_eq!(nearest(&"b".repeat(100_000), words), None);
    }
}
