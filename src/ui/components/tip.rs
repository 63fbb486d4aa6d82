//! What is under the pointer.

use std::rc::Rc;

use web_sys::HtmlElement;
use yew::prelude::*;

use crate::ui::format;
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Frame, Packet, Selection};

/// What the tip needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub what: Selection,
    pub x: i32,
    pub y: i32,
}

/// A few words beside the pointer.
#[component]
pub fn Tip(props: &Props) -> Html {
    let node = use_node_ref();
    use_beside(&node, props.x + 14, props.y + 14);
    let lines = about(&props.frame, &props.what);
    html! {
        <div class="tip" ref={node} role="tooltip">
            <b>{ format::selection(&props.what, &props.frame) }</b>
            { for lines.into_iter().map(|line| html! { <div>{ line }</div> }) }
        </div>
    }
}

/// Puts an element at a point, or as near as the window allows.
#[hook]
pub fn use_beside(node: &NodeRef, x: i32, y: i32) {
    let node = node.clone();
    use_effect(move || {
        // It is gone from the page already.
        let Some(element) = node.cast::<HtmlElement>() else { return };
        let window = gloo::utils::window();
        let size = |it: Result<wasm_bindgen::JsValue, _>| it.ok().and_then(|it| it.as_f64()).unwrap_or(0.0) as i32;
        let x = x.min(size(window.inner_width()) - element.offset_width() - 8).max(8);
        let y = y.min(size(window.inner_height()) - element.offset_height() - 8).max(8);
        let style = element.style();
        let _ = style.set_property("left", &format!("{x}px"));
        let _ = style.set_property("top", &format!("{y}px"));
    });
}

fn about(frame: &Frame, what: &Selection) -> Vec<String> {
    match what {
        Selection::Packet(id) => {
            // It arrived while the pointer stood still.
            let Some(it) = frame.packets.iter().find(|it| it.id == *id) else { return vec![] };
            let way = format!("{} → {}", format::node(&it.from), format::node(&it.to));
            let left = it.arrives_us.saturating_sub(frame.run.time_us);
            vec![way, it.about.clone(), text::arrives_in(&format::span(left))]
        }
        Selection::Partition { .. } => frame
            .partitions
            .iter()
            .find(|it| it.is_selected(what))
            .map(|it| {
                let (leader, isr) = (it.leader, format::ids(&it.isr));
                format!("leader {leader} · epoch {} · ISR {isr}", it.leader_epoch)
            })
            .into_iter()
            .collect(),
        Selection::Batch { broker, offset, .. } => of_batch(frame, *broker, *offset),
        Selection::Link(a, b) => {
            let cut = crate::ui::interventions::is_cut(a, b, frame);
            cut.then(|| TEXT.link_cut.to_string()).into_iter().collect()
        }
        // Their boxes say it all.
        Selection::None
        | Selection::Node(_)
        | Selection::Event(_)
        | Selection::Group(_)
        | Selection::TransactionalId(_) => vec![],
    }
}

/// The batch under the pointer, and its record there.
fn of_batch(frame: &Frame, broker: i32, offset: i64) -> Vec<String> {
    let replica = frame.log.as_ref().and_then(|log| log.replicas.iter().find(|it| it.broker == broker));
    // The window moved, or the log lost it, under a pointer that stood still.
    let Some(batch) = replica.and_then(|replica| replica.batch_at(offset)) else { return vec![] };
    let record = batch.records.iter().find(|record| record.offset == offset);
    let record = match record {
        Some(record) if record.tombstone => format!("{} {}, {}", TEXT.key, record.key, TEXT.tombstone),
        Some(record) if record.hue.is_some() => format!("{} {}", TEXT.key, record.key),
        Some(_) => TEXT.no_key.into(),
        None if batch.records.is_empty() => batch.codec.clone(),
        None => TEXT.removed.into(),
    };
    vec![record, text::batch(batch)]
}

/// A packet in one line.
pub fn packet_line(it: &Packet) -> String {
    let kind = if it.response { TEXT.response } else { TEXT.request };
    format!("{} {kind}, {} → {}, {}", it.api, format::node(&it.from), format::node(&it.to), it.about)
}
