//! The segments of a replica and their files.

use std::sync::Arc;

use yew::prelude::*;

use crate::ui::format;
use crate::ui::text::{self, TEXT};
use crate::view::frame::Node;
use crate::view::log::{Log, Segment};

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
    let Some(replica) = props.log.replicas.get(props.reference) else { return Html::default() };
    let name = format!("{}-{}", props.log.topic, props.log.index);
    let facts = text::segments(replica.segments.len(), &format::offset(replica.recovery_point));
    html! {
        <section class="bytes files" aria-label={TEXT.files}>
            <header>
                <b>{ name }</b>
                <span>{ format!("{} · {facts}", format::node(&Node::Broker(replica.broker))) }</span>
            </header>
            <div class="meaning">
                <table class="grid">
                    <thead>
                        <tr><th>{ TEXT.file }</th><th>{ TEXT.bytes }</th><th>{ TEXT.offsets }</th></tr>
                    </thead>
                    <tbody>{ for replica.segments.iter().rev().map(segment) }</tbody>
                </table>
            </div>
            <p class="quiet hint">{ TEXT.open_hint }</p>
        </section>
    }
}

fn segment(it: &Segment) -> Html {
    let offsets = text::range(&format::offset(it.base), &format::offset((it.end - 1).max(it.base)));
    let range = match (it.active, it.end > it.base) {
        (false, _) => offsets,
        (true, true) => format!("{offsets}, {}", TEXT.active),
        (true, false) => TEXT.active.to_owned(),
    };
    html! {
        { for it.files.iter().map(|file| {
            html! {
                <tr>
                    <td>{ &file.name }</td>
                    <td>{ format::count(file.bytes) }</td>
                    <td>{ if file.name.ends_with(".log") { range.clone() } else { String::new() } }</td>
                </tr>
            }
        }) }
    }
}
