//! Reads a TOML document against tables of keys, and goes on after an error so that a file's errors are all told.
//!
//! A file is read once: what many places call is not inlined into each of them, which keeps the page small.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ScenarioError, Wrong, short};
use super::keys::{SectionKeys, Takes, Unless};
use super::units;
use crate::settings::Raw;
use crate::sim::sorted::sort_by_key;

/// Where something stands, in bytes.
pub type Span = Range<usize>;
/// A value and where it stands.
pub type Value<'t> = &'t Spanned<DeValue<'t>>;

/// More errors than this help nobody.
pub const ERRORS_MAX: usize = 100;

/// The errors of a file so far.
pub struct Reader<'t> {
    text: &'t str,
    errors: Vec<(usize, ScenarioError)>,
}

/// A table of the file, with the keys that it may have.
pub struct Section<'t> {
    /// Its keys.
    pub keys: &'static SectionKeys,
    /// Where it stands.
    pub span: Span,
    table: &'t DeTable<'t>,
}

impl<'t> Reader<'t> {
    /// A reader of this text.
    pub fn new(text: &'t str) -> Self {
        Self { text, errors: Vec::new() }
    }

    /// Notes an error.
    #[inline(never)]
    pub fn wrong(&mut self, span: &Span, wrong: Wrong) {
        if self.errors.len() >= ERRORS_MAX {
            return;
        }
        let (line, column) = self.position(span.start);
        let Wrong { message, wrong, nearest } = wrong;
        self.errors.push((span.start, ScenarioError { line, column, message, wrong, nearest }));
    }

    /// Notes an error without a word.
    pub fn says(&mut self, span: &Span, message: impl Into<String>) {
        self.wrong(span, Wrong::new(message));
    }

    /// Notes what the TOML parser says. Of several on a line the first is the cause, the others what it led to. Of tables
    /// and lists that lie too deep in each other it does not say where.
    pub fn syntax(&mut self, span: Option<Span>, message: &str) {
        let span = &span.unwrap_or_else(|| deepest(self.text));
        let (line, _) = self.position(span.start);
        if !self.errors.iter().any(|(_, error)| error.line == line) {
            self.says(span, message.trim_end().replace('\n', ", "));
        }
    }

    /// Whether nothing was wrong so far.
    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors in the order of the file.
    pub fn into_errors(mut self) -> Vec<ScenarioError> {
        sort_by_key(&mut self.errors, |(at, _)| *at as u128);
        self.errors.into_iter().map(|(_, error)| error).collect()
    }

    /// Line and column, both from 1, of a byte.
    fn position(&self, byte: usize) -> (u32, u32) {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        // A byte that continues a character is none of its own.
        let column = before[start..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// A table, after looking for keys that it must not have. `also` are right too, but not read through the section.
    #[inline(never)]
    pub fn section(
        &mut self,
        keys: &'static SectionKeys,
        table: &'t DeTable<'t>,
        span: Span,
        also: &[&'static str],
    ) -> Section<'t> {
        for (name, _) in table {
            let word = name.get_ref().as_ref();
            if keys.key(word).is_none() && !also.contains(&word) {
                let right = keys.keys.iter().map(|key| key.name).chain(also.iter().copied());
                let message = format!("unknown key \"{}\" in {}", short(word), keys.title);
                self.wrong(&name.span(), Wrong::word(message, word, right));
            }
        }
        Section { keys, span, table }
    }

    /// A value that is there. Notes a key that must be there and is not.
    #[inline(never)]
    pub fn value(&mut self, section: &Section<'t>, name: &str) -> Option<Value<'t>> {
        let value = section.value(name);
        let required = section.keys.key(name).is_some_and(|key| key.unless == Unless::Required);
        if value.is_none() && required {
            self.says(&section.span, format!("{} lacks the key \"{name}\"", section.keys.title));
        }
        value
    }

    /// Text, also a name; empty if it is left out or wrong.
    #[inline(never)]
    pub fn text(&mut self, section: &Section<'t>, name: &str) -> String {
        // What is left out is empty; what is no text, or must be there, has been told.
        let Some(value) = self.value(section, name) else { return String::new() };
        let Some(text) = self.string(value, name) else { return String::new() };
        let key = section.keys.key(name).expect("a key of the table");
        match key.takes {
            Takes::Text(_) if key.unless == Unless::Required && text.trim().is_empty() => {
                self.says(&value.span(), format!("\"{name}\" in {} is empty", section.keys.title));
            }
            Takes::Text(_) if text.chars().any(is_hidden) => {
                let hidden = text.chars().find(|letter| is_hidden(*letter)).map_or(0, u32::from);
                let message = format!(
                    "\"{name}\" in {} holds U+{hidden:04X}, which controls how text is shown",
                    section.keys.title
                );
                self.says(&value.span(), message);
            }
            Takes::Text(most) if u64::try_from(text.chars().count()).map_or(true, |length| length > most) => {
                self.not(section, name, value);
            }
            Takes::Name => {
                if let Some(why) = not_a_name(text) {
                    let message = format!("\"{name}\" in {} is \"{}\": {why}", section.keys.title, short(text));
                    self.wrong(&value.span(), Wrong::word(message, text, []));
                }
            }
            // Whatever else is written as text is judged by who asks for it.
            takes => {
                assert!(matches!(takes, Takes::Text(_) | Takes::Topic), "\"{name}\" takes {takes:?}, which is no text")
            }
        }
        text.to_owned()
    }

    /// A string, or a note that it is none.
    #[inline(never)]
    pub fn string(&mut self, value: Value<'t>, name: &str) -> Option<&'t str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            let kind = value.get_ref().type_str();
            self.says(&value.span(), format!("\"{name}\" takes text in quotes, not {kind}"));
        }
        text
    }

    /// A whole number, duration or rate within its bounds, its default, or nothing. Wrong values are noted, and then
    /// the lower bound stands in for them, so that reading can go on.
    #[inline(never)]
    pub fn number(&mut self, section: &Section<'t>, name: &str) -> Option<u64> {
        self.sound_number(section, name).unwrap_or_else(Some)
    }

    /// The same, but `Err` with what stands in where the value is wrong or missing: what follows from it may be wrong, too,
    /// and is not worth telling.
    #[inline(never)]
    pub fn sound_number(&mut self, section: &Section<'t>, name: &str) -> Result<Option<u64>, u64> {
        let key = section.keys.key(name).expect("a key of the table");
        let (least, most) = match key.takes {
            Takes::Whole(least, most) | Takes::Duration(least, most) | Takes::Rate(least, most) => (least, most),
            Takes::After(_) => Takes::AFTER_BOUNDS,
            takes => panic!("\"{name}\" takes {takes:?}, which is no number"),
        };
        // That it is missing has been told, where it must be there.
        let Some(value) = self.value(section, name) else {
            return match key.unless {
                Unless::Number(number) => Ok(Some(number)),
                Unless::Required => Err(least),
                Unless::None => Ok(None),
            };
        };
        let (whole, text) = (value.get_ref().as_integer().and_then(integer), value.get_ref().as_str());
        let number = match key.takes {
            Takes::Duration(..) | Takes::After(_) => text.and_then(units::duration),
            Takes::Rate(..) => text.and_then(units::rate),
            Takes::Whole(..)
            | Takes::Text(_)
            | Takes::Name
            | Takes::Topic
            | Takes::Topics
            | Takes::Settings
            | Takes::Target(_)
            | Takes::Amount
            | Takes::Finding
            | Takes::Names
            | Takes::Flag
            | Takes::Work
            | Takes::Word(_)
            | Takes::Words(_)
            | Takes::Families => whole.and_then(|number| u64::try_from(number).ok()),
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.not(section, name, value);
        }
        number.map(Some).ok_or(least)
    }

    /// A number whose bounds fit in 32 bits.
    #[inline(never)]
    pub fn whole(&mut self, section: &Section<'t>, name: &str) -> u32 {
        self.number(section, name).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    /// A yes or no; no where it is left out.
    pub fn flag(&mut self, section: &Section<'t>, name: &str) -> bool {
        // Left out: no.
        let Some(value) = section.value(name) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.not(section, name, value);
        }
        flag.unwrap_or(false)
    }

    /// Notes that a value is not what its key takes.
    #[inline(never)]
    fn not(&mut self, section: &Section<'t>, name: &str, value: Value<'t>) {
        let key = section.keys.key(name);
        let takes = key.map(|key| key.takes.text()).unwrap_or_default();
        let example = key.and_then(|key| key.takes.example()).map(|it| format!(", such as {it}")).unwrap_or_default();
        let given = shown(value.get_ref());
        let message = format!("\"{name}\" in {} is {given}, but takes a {takes}{example}", section.keys.title);
        self.wrong(&value.span(), Wrong::word(message, &given, []));
    }

    /// The settings of a `config`, flat: unquoted keys with dots make nested tables, which mean the same.
    #[inline(never)]
    pub fn settings(&mut self, section: &Section<'t>, name: &str) -> Vec<(String, Span, Raw, Span)> {
        // Left out: nothing is set.
        let Some(value) = section.value(name) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            let kind = value.get_ref().type_str();
            self.says(&value.span(), format!("\"{name}\" takes a table, such as {{ \"acks\" = \"all\" }}, not {kind}"));
            return Vec::new();
        };
        let mut settings = Vec::new();
        self.flatten("", table, &mut settings);
        sort_by_key(&mut settings, |(_, span, ..)| span.start as u128);
        settings
    }

    fn flatten(&mut self, prefix: &str, table: &'t DeTable<'t>, settings: &mut Vec<(String, Span, Raw, Span)>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let raw = match value.get_ref() {
                DeValue::String(text) => Some(Raw::Text(text.to_string())),
                DeValue::Boolean(value) => Some(Raw::Boolean(*value)),
                DeValue::Integer(number) => integer(number).map(Raw::Integer),
                DeValue::Float(number) => Some(Raw::Decimal(number.as_str().to_owned())),
                DeValue::Table(nested) => {
                    self.flatten(&format!("{name}."), nested, settings);
                    continue;
                }
                _ => None,
            };
            match raw {
                Some(raw) => settings.push((name, key.span(), raw, value.span())),
                None => self.says(&value.span(), format!("\"{}\" takes text, a number or a boolean", short(&name))),
            }
        }
    }
}

impl<'t> Section<'t> {
    /// Whether its key `name` says this.
    pub fn is_named(&self, name: &str) -> bool {
        self.value("name").and_then(|value| value.get_ref().as_str()) == Some(name)
    }

    /// A value, if it is there.
    #[inline(never)]
    pub fn value(&self, name: &str) -> Option<Value<'t>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    /// Where a key's value stands, or the section if there is none.
    #[inline(never)]
    pub fn span_of(&self, name: &str) -> Span {
        self.value(name).map_or_else(|| self.span.clone(), Spanned::span)
    }
}

/// Why a topic or a client may not be called so, in the words of Kafka's `Topic.validate`.
pub fn not_a_name(name: &str) -> Option<String> {
    const MOST: usize = 249;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() {
        Some("the empty string is not allowed".to_owned())
    } else if name == "." || name == ".." {
        Some("'.' or '..' is not allowed".to_owned())
    } else if name.len() > MOST {
        Some(format!("its length is {}, longer than the max allowed length {MOST}", name.len()))
    } else if !name.bytes().all(legal) {
        Some("it contains characters other than ASCII alphanumerics, '.', '_' and '-'".to_owned())
    } else {
        None
    }
}

/// Whether a letter is not shown but changes how others are: a control character, or a mark that turns their direction.
fn is_hidden(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t')
        || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where brackets, braces or the dots of a key lie deepest in each other.
fn deepest(text: &str) -> Span {
    let mut depth = 0usize;
    let mut dots = 0usize;
    let mut found = (0, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'.' => dots += 1,
            b'\n' => dots = 0,
            // No other byte leads deeper.
            _ => continue,
        }
        if depth + dots > found.0 {
            found = (depth + dots, at);
        }
    }
    found.1..found.1
}

/// A whole number, if it fits.
pub fn integer(number: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value as it stands in a message.
pub fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{}\"", short(text)),
        DeValue::Integer(number) => short(&number.to_string()),
        DeValue::Float(number) => short(&number.to_string()),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
