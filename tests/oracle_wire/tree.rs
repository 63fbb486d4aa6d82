//! A message as a tree of names and values, read off how it prints: all of its fields do.

use std::fmt::Debug;

use serde_json::{Map, Value, json};

/// The tree of a message. What only wraps something is left out, `None` is null, bytes are their hexadecimal digits.
pub fn tree(message: &dyn Debug) -> Result<Value, String> {
    let text = format!("{message:?}");
    let mut reader = Reader { rest: &text };
    let value = reader.value()?;
    if reader.rest.is_empty() { Ok(value) } else { Err(format!("what follows a message: {}", reader.rest)) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Value, String> {
        self.skip_spaces();
        if self.takes("[") {
            return self.list();
        }
        if self.takes("{") {
            return self.map();
        }
        if self.takes("b\"") {
            return Ok(Value::String(hex(&self.quoted()?)));
        }
        if self.takes("\"") {
            let bytes = self.quoted()?;
            return String::from_utf8(bytes).map(Value::String).map_err(|error| error.to_string());
        }
        let word = self.word();
        if self.takes("(") {
            let inner = self.value()?;
            self.skip_spaces();
            return if self.takes(")") { Ok(inner) } else { Err(format!("{word} wraps more than one value")) };
        }
        if self.takes(" {") {
            return self.fields();
        }
        Ok(scalar(word))
    }

    fn list(&mut self) -> Result<Value, String> {
        let mut values = Vec::new();
        while !self.takes("]") {
            values.push(self.value()?);
            self.skip_separator();
        }
        Ok(Value::Array(values))
    }

    fn fields(&mut self) -> Result<Value, String> {
        let mut fields = Map::new();
        self.skip_spaces();
        while !self.takes("}") {
            let name = self.word().to_owned();
            if !self.takes(":") {
                return Err(format!("no value of {name:?} at {:.40}", self.rest));
            }
            fields.insert(name, self.value()?);
            self.skip_separator();
        }
        Ok(Value::Object(fields))
    }

    fn map(&mut self) -> Result<Value, String> {
        let mut entries = Vec::new();
        while !self.takes("}") {
            let key = self.value()?;
            if !self.takes(":") {
                return Err(format!("no value of {key} at {:.40}", self.rest));
            }
            entries.push(json!([key, self.value()?]));
            self.skip_separator();
        }
        Ok(Value::Array(entries))
    }

    /// The bytes behind an opening quote, up to the closing one.
    fn quoted(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut letters = self.rest.char_indices();
        while let Some((place, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[place + 1..];
                    return Ok(bytes);
                }
                '\\' => {
                    let (_, escape) = letters.next().ok_or("it ends in an escape")?;
                    match escape {
                        'n' => bytes.push(b'\n'),
                        'r' => bytes.push(b'\r'),
                        't' => bytes.push(b'\t'),
                        '0' => bytes.push(0),
                        'x' => {
                            let digits: String = letters.by_ref().take(2).map(|(_, digit)| digit).collect();
                            bytes.push(u8::from_str_radix(&digits, 16).map_err(|error| error.to_string())?);
                        }
                        'u' => {
                            let digits: String = letters
                                .by_ref()
                                .map(|(_, digit)| digit)
                                .skip_while(|digit| *digit == '{')
                                .take_while(|digit| *digit != '}')
                                .collect();
                            let code = u32::from_str_radix(&digits, 16).map_err(|error| error.to_string())?;
                            let letter = char::from_u32(code).ok_or("no letter")?;
                            bytes.extend(letter.to_string().as_bytes());
                        }
                        other => bytes.push(other as u8),
                    }
                }
                other => bytes.extend(other.to_string().as_bytes()),
            }
        }
        Err("a quote is not closed".to_owned())
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|letter: char| !letter.is_alphanumeric() && !"_-.".contains(letter));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn takes(&mut self, what: &str) -> bool {
        self.rest.strip_prefix(what).map(|rest| self.rest = rest).is_some()
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn skip_separator(&mut self) {
        self.skip_spaces();
        self.takes(",");
        self.skip_spaces();
    }
}

fn scalar(word: &str) -> Value {
    match word {
        "None" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        word => word.parse::<i64>().map_or_else(|_| Value::String(word.to_owned()), |number| json!(number)),
    }
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
