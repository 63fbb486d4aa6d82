//! Reads `[nemesis]`: which faults are drawn, how many, and what a run is like that each seed draws anew.

use super::error::{Wrong, short};
use super::keys::DRAWN_MAX;
use super::model::{Budget, Nemesis, Sort};
use super::reader::{Reader, Section};
use super::units::duration_text;
use crate::lab::fault::FaultAction;

/// What is known of the file so far: how long a run lasts and how many brokers there are, where that could be read.
pub struct Frame {
    pub duration_us: Option<u64>,
    pub brokers: Option<u32>,
}

/// The table, with defaults for what is left out.
pub fn nemesis<'t>(reader: &mut Reader<'t>, section: &Section<'t>, frame: &Frame) -> Nemesis {
    let us = |reader: &mut Reader<'t>, name: &str| reader.number(section, name).unwrap_or_default();
    let nemesis = Nemesis {
        families: families(reader, section),
        sorts: sorts(reader, section),
        every_us: us(reader, "every"),
        longest_us: us(reader, "longest"),
        from_us: us(reader, "from"),
        calm_us: us(reader, "calm"),
        budget: budget(reader, section),
        least_duration_us: least(reader, section, "least-duration", "duration", frame.duration_us, duration_text),
        least_brokers: least(reader, section, "least-brokers", "brokers", frame.brokers.map(u64::from), |number| {
            number.to_string()
        }) as u32,
        slowest_disk_us: us(reader, "slowest-disk"),
    };
    if let Some(duration_us) = frame.duration_us {
        bound(reader, section, &nemesis, duration_us);
    }
    nemesis
}

/// That there is time for faults, and not for too many.
fn bound<'t>(reader: &mut Reader<'t>, section: &Section<'t>, nemesis: &Nemesis, duration_us: u64) {
    let Nemesis { from_us, calm_us, every_us, least_duration_us, .. } = *nemesis;
    if from_us + calm_us >= least_duration_us {
        let [from, calm, least] = [from_us, calm_us, least_duration_us].map(duration_text);
        let message = format!(
            "the nemesis has no time: it begins at \"from\", {from}, ends \"calm\", {calm}, before the end, and the shortest run lasts {least}"
        );
        reader.says(&section.span, message);
    } else if duration_us / every_us > DRAWN_MAX {
        let message = format!(
            "the nemesis would draw about {} faults; at most {DRAWN_MAX} are drawn: raise \"every\"",
            duration_us / every_us
        );
        reader.says(&section.span_of("every"), message);
    }
}

/// The least of something whose most stands elsewhere, which it is where it is left out.
fn least<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    name: &str,
    most_name: &str,
    most: Option<u64>,
    text: fn(u64) -> String,
) -> u64 {
    let given = reader.number(section, name);
    // Where the most is wrong, that has been told.
    let (Some(least), Some(most)) = (given, most) else { return given.or(most).unwrap_or(1) };
    if least > most {
        let message = format!("\"{name}\" is {}, more than \"{most_name}\", {}", text(least), text(most));
        reader.says(&section.span_of(name), message);
    }
    least.min(most)
}

/// The words of the faults that may be drawn, in the order of the table.
fn families<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> Vec<&'static str> {
    let drawn = FaultAction::ROWS.iter().filter(|row| row.drawn.is_ever());
    let all: Vec<&'static str> = drawn.clone().map(|row| row.word).collect();
    let given = words(reader, section, "families", &all);
    let is_usual = |word: &str| FaultAction::named(word).is_some_and(|row| row.drawn.is_usual());
    all.into_iter().filter(|word| given.as_ref().map_or_else(|| is_usual(word), |given| given.contains(word))).collect()
}

fn sorts<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> Vec<Sort> {
    let given = words(reader, section, "targets", &Sort::WORDS.map(|(word, _)| word));
    let is_given = |word: &str| given.as_ref().is_none_or(|given| given.contains(&word));
    Sort::WORDS.into_iter().filter(|(word, _)| is_given(word)).map(|(_, sort)| sort).collect()
}

fn budget<'t>(reader: &mut Reader<'t>, section: &Section<'t>) -> Budget {
    const LEFT_OUT: Budget = Budget::OneReplica;
    // Left out: it has its default.
    let Some(value) = section.value("budget") else { return LEFT_OUT };
    // What is no text has been told.
    let Some(word) = reader.string(value, "budget") else { return LEFT_OUT };
    let known = Budget::WORDS.into_iter().find(|(known, _)| *known == word);
    known.map_or_else(
        || {
            let message = format!("\"{}\" is no \"budget\"", short(word));
            reader.wrong(&value.span(), Wrong::word(message, word, Budget::WORDS.map(|(word, _)| word)));
            LEFT_OUT
        },
        |(_, budget)| budget,
    )
}

/// The words of a list, each one of those that are right; `None` where it is left out.
fn words<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    name: &str,
    right: &[&'static str],
) -> Option<Vec<&'static str>> {
    let value = section.value(name)?;
    let Some(items) = value.get_ref().as_array().filter(|items| !items.is_empty()) else {
        reader.says(&value.span(), format!("\"{name}\" takes a list of words, such as [\"{}\"]", right[0]));
        return None;
    };
    let mut given = Vec::new();
    for item in items {
        // What is no text has been told.
        let Some(word) = reader.string(item, name) else { continue };
        match right.iter().find(|known| **known == word) {
            Some(known) if given.contains(known) => {
                reader.says(&item.span(), format!("\"{word}\" is listed twice"));
            }
            Some(known) => given.push(*known),
            None => {
                let message = format!("\"{}\" is nothing that \"{name}\" may list", short(word));
                reader.wrong(&item.span(), Wrong::word(message, word, right.iter().copied()));
            }
        }
    }
    Some(given)
}
