//! What a person reads of a reader's stall.

use super::reason::Why;
use super::suffered::{Reader, Stall};
use crate::lab::names::Names;
use crate::lab::trouble;
use crate::lab::units::{list, seconds};

/// A stall in words.
#[must_use]
pub fn text(stall: &Stall, names: &Names) -> String {
    let partitions = trouble::partitions(&stall.partitions, names);
    let end = if stall.is_over { format!("over at {}", seconds(stall.to.time)) } else { "not over".to_owned() };
    let (how_long, why) = (seconds(stall.to.time - stall.from.time), why(&stall.whys, names));
    format!(
        "{} in {partitions}: nothing read for {how_long}{why}; lag {} by then; {end}",
        reader_text(&stall.reader, names),
        stall.lag
    )
}

/// Who reads.
#[must_use]
pub fn reader_text(reader: &Reader, names: &Names) -> String {
    match reader {
        Reader::Group(group) => format!("group {group}"),
        Reader::Alone(process) => names.process(*process),
    }
}

fn why(whys: &[Why], names: &Names) -> String {
    let of_members = whys.iter().filter_map(|why| match why {
        Why::Member(process, ill) => Some(format!("{} {}", names.process(*process), trouble::of_ill(*ill))),
        Why::Corrupt => Some("the batch there does not match its CRC".to_owned()),
        Why::OpenTransaction { producer, producer_id, since } => {
            let whose = producer.map_or_else(|| format!("producer id {producer_id}"), |it| names.process(it));
            let since = seconds(*since);
            Some(format!("it waited at the last stable offset for the transaction of {whose}, open since {since}"))
        }
        Why::HighWatermark(at) => Some(format!("the high watermark stood at {at}")),
        Why::Nobody | Why::Of(_) => None,
    });
    let nobody = whys.contains(&Why::Nobody).then(|| "no member had it assigned".to_owned());
    let reasons: Vec<trouble::Reason> = whys.iter().filter_map(Why::reason).collect();
    let of_leader = (!reasons.is_empty()).then(|| trouble::why(&reasons, "the reader"));
    let told: Vec<String> = of_members.chain(nobody).chain(of_leader).collect();
    if told.is_empty() { String::new() } else { format!(" ({})", list(told)) }
}

impl Why {
    fn reason(&self) -> Option<trouble::Reason> {
        match self {
            Self::Of(reason) => Some(*reason),
            Self::Member(..) | Self::Nobody | Self::Corrupt | Self::OpenTransaction { .. } | Self::HighWatermark(_) => {
                None
            }
        }
    }
}
