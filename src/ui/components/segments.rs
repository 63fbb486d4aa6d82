//! The segments of a replica and their files.

use std::sync::Arc;

use yew::prelude::*;

use crate::ui::format;
use crate::ui::text::{self, FACT, TEXT};
use crate::view::frame::Node;
use crate::view::log::{File, Log, LogReplica, ProducerState, Segment};

/// The ending of files that the cleaner is about to put in their place.
const SWAP: &str = ".swap";

/// What the panel needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub log: Arc<Log>,
    /// Which replica.
    pub reference: usize,
}

/// The panel.
#[component]
pub fn Segments(props: &Props) -> Html {
    // A partition with no replica has no files.
    let Some(replica) = props.log.replicas.get(props.reference) else { return Html::default() };
    let name = format!("{}-{}", props.log.topic, props.log.index);
    let facts = text::segments(replica.segments.len(), &format::offset(replica.recovery_point));
    html! {
        <section class="bytes files" aria-label={TEXT.files}>
            <header>
                <b>{ name }</b>
                <span>{ format!("{} · {facts}", format::node(&Node::Broker(replica.broker))) }</span>
            </header>
            <div class="meaning" tabindex="0" role="region" aria-label={TEXT.files}>
                <table class="grid">
                    <thead>
                        <tr>
                            <th>{ TEXT.segments }</th><th>{ TEXT.offsets }</th><th>{ TEXT.records }</th>
                            <th>{ TEXT.offset_index }</th><th>{ TEXT.time_index }</th>
                            <th>{ TEXT.txn_index }</th><th>{ TEXT.snapshot }</th>
                        </tr>
                    </thead>
                    <tbody>{ for replica.segments.iter().rev().map(segment) }</tbody>
                </table>
                if !replica.producers.is_empty() {
                    { producers(replica) }
                }
                if !replica.others.is_empty() {
                    <h3>{ TEXT.other_files }</h3>
                    <ul>{ for replica.others.iter().map(|file| html! {
                        <li><span>{ &file.name }</span><span>{ text::bytes(&format::count(file.bytes)) }</span></li>
                    }) }</ul>
                }
            </div>
            <p class="quiet hint">{ TEXT.open_hint }</p>
        </section>
    }
}

/// What the log knows of producers, and where the first transaction begins that keeps readers of committed records back.
fn producers(replica: &LogReplica) -> Html {
    let unstable = match replica.first_unstable {
        ..0 => String::new(),
        first => format!(" · {} {first}", FACT.first_unstable),
    };
    html! {
        <>
            <h3>{ TEXT.producer_state }{ unstable }</h3>
            <table class="grid producers">
                <thead>
                    <tr>
                        <th>{ FACT.pid }</th><th>{ FACT.epoch }</th><th>{ FACT.last_sequence }</th>
                        <th>{ FACT.last_offset }</th><th>{ FACT.cached_batches }</th><th>{ FACT.open_from }</th>
                    </tr>
                </thead>
                <tbody>{ for replica.producers.iter().map(producer) }</tbody>
            </table>
        </>
    }
}

fn producer(it: &ProducerState) -> Html {
    html! {
        <tr>
            <td>{ it.id }</td>
            <td>{ it.epoch }</td>
            <td>{ format::offset(it.last_sequence.into()) }</td>
            <td>{ format::offset(it.last_offset) }</td>
            <td>{ it.batches }</td>
            <td>{ format::offset(it.open_from) }</td>
        </tr>
    }
}

fn segment(it: &Segment) -> Html {
    let offsets = text::range(&format::offset(it.base), &format::offset((it.end - 1).max(it.base)));
    let range = match (it.active, it.end > it.base) {
        (false, _) => offsets,
        (true, true) => format!("{offsets}, {}", TEXT.active),
        (true, false) => TEXT.active.to_owned(),
    };
    let name = format!("{:020}", it.base);
    let digits = it.base.to_string().len().min(20);
    let is_it = |file: &&File, ending: &str| file.name.ends_with(ending) || file.name.contains(&format!("{ending}."));
    let file = |ending: &str| it.files.iter().find(|file| is_it(file, ending));
    // Kafka always has these two beside the records.
    let index = |ending: &str| match file(ending) {
        Some(file) => html! { <td>{ of_file(file) }</td> },
        None => html! { <td class="bad">{ TEXT.missing }</td> },
    };
    let perhaps = |ending: &str| html! { <td>{ file(ending).map_or_else(|| html! { "-" }, of_file) }</td> };
    html! {
        <tr>
            <td><span class="narrow-hide">{ &name[..20 - digits] }</span>{ &name[20 - digits..] }</td>
            <td>{ range }</td>
            { perhaps(".log") }
            { index(".index") }
            { index(".timeindex") }
            { perhaps(".txnindex") }
            { perhaps(".snapshot") }
        </tr>
    }
}

/// Its bytes, and its entries where it has some; on a narrow screen only these.
fn of_file(file: &File) -> Html {
    let mut bytes = format::count(file.bytes);
    if file.name.ends_with(SWAP) {
        bytes = format!("{bytes} {SWAP}");
    }
    match file.entries {
        Some(entries) => html! { <>{ text::entries(entries) }<span class="narrow-hide">{ " · " }{ bytes }</span></> },
        None => html! { { bytes } },
    }
}
