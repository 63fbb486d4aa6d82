//! Every action has a key.

use gloo::events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};
use yew::prelude::*;

use crate::ui::interventions;
use crate::ui::link::Link;
use crate::ui::state::{Action, Panel, Sheet};
use crate::ui::views;
use crate::view::frame::{Frame, Node, Selection};
use crate::view::protocol::{Ask, Instant};
use crate::view::state::Role;

/// Listens to keys wherever no text is being written.
#[hook]
pub fn use_keys(link: &Link, open: Callback<()>, theme: Callback<()>) {
    let link = link.clone();
    use_effect_with((), move |()| {
        let options = EventListenerOptions::enable_prevent_default();
        let listener = EventListener::new_with_options(&gloo::utils::document(), "keydown", options, move |event| {
            if let Some(event) = event.dyn_ref::<KeyboardEvent>()
                && !event.ctrl_key()
                && !event.meta_key()
                && !event.alt_key()
                && does(&link, event, &open, &theme)
            {
                event.prevent_default();
            }
        });
        move || drop(listener)
    });
}

fn does(link: &Link, event: &KeyboardEvent, open: &Callback<()>, theme: &Callback<()>) -> bool {
    let on = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let tag = on.as_ref().map(Element::tag_name).unwrap_or_default();
    let key = event.key();
    // A focused control keeps the keys that work it.
    if matches!(tag.as_str(), "INPUT" | "SELECT" | "TEXTAREA") && key != "Escape" || tag == "BUTTON" && key == " " {
        return false;
    }
    let state = link.state();
    match key.as_str() {
        " " => link.act(Action::Play(!state.playing)),
        "." => link.go(Ask::Step { forward: true, interesting: false }),
        "," => link.go(Ask::Step { forward: false, interesting: false }),
        "n" => link.go(Ask::Step { forward: true, interesting: true }),
        "N" => link.go(Ask::Step { forward: false, interesting: true }),
        "+" | "=" => link.act(Action::Faster(1)),
        "-" => link.act(Action::Faster(-1)),
        "o" => open.emit(()),
        "s" => link.act(Action::Toggle(Panel::Scenarios)),
        "t" => theme.emit(()),
        "?" => link.act(Action::Toggle(Panel::Help)),
        "y" => link.act(Action::Legend),
        "c" => link.act(Action::Side(Sheet::Rail)),
        "i" => link.act(Action::Side(Sheet::Inspector)),
        "{" => link.act(Action::Zoom(1)),
        "}" => link.act(Action::Zoom(-1)),
        "f" => link.act(Action::From(None)),
        "g" => return ask_for_offset(),
        "Escape" => link.act(Action::Close),
        key => match views::of_key(key) {
            Some(view) => link.act(Action::Show(view)),
            None => return state.frame.as_ref().is_some_and(|frame| in_the_run(link, event, frame, &state.selection)),
        },
    }
    true
}

/// Puts the cursor where the offset is written that the Log view shall begin at.
fn ask_for_offset() -> bool {
    let input = gloo::utils::document().query_selector(".views .offset").ok().flatten();
    let input = input.and_then(|input| input.dyn_into::<HtmlElement>().ok());
    input.is_some_and(|input| input.focus().is_ok())
}

fn in_the_run(link: &Link, event: &KeyboardEvent, frame: &Frame, selection: &Selection) -> bool {
    let percent = if event.shift_key() { 10 } else { 1 };
    let step = (frame.run.duration_us / 100).max(1) * percent;
    let key = event.key();
    match key.as_str() {
        "ArrowRight" => seek(link, (frame.run.time_us + step).min(frame.run.duration_us)),
        "ArrowLeft" => seek(link, frame.run.time_us.saturating_sub(step)),
        "Home" => seek(link, 0),
        "End" => seek(link, frame.run.duration_us),
        "PageDown" | "PageUp" => return shift(link, frame, key == "PageDown"),
        "b" | "B" => return next_batch(link, frame, selection, key == "b"),
        "ArrowUp" | "ArrowDown" => return other_replica(link, event, frame, selection, key == "ArrowDown"),
        "]" => link.act(Action::Select(neighbour(frame, selection, 1))),
        "[" => link.act(Action::Select(neighbour(frame, selection, -1))),
        // What is left are the keys of the table of faults, and keys that nothing has.
        _ => {
            let choices = interventions::choices(selection, frame);
            // A key that nothing has is left to the browser.
            let Some(choice) = choices.into_iter().find(|choice| choice.key == key) else { return false };
            link.command(choice.command);
        }
    }
    true
}

/// Moves the window of the Log view by its length. Whether there is one.
fn shift(link: &Link, frame: &Frame, on: bool) -> bool {
    let Some(log) = &frame.log else { return false };
    let by = if on { i64::from(log.offsets) } else { -i64::from(log.offsets) };
    link.act(Action::From(Some((log.first + by).clamp(log.earliest, log.latest))));
    true
}

/// Selects the next batch in the Log view, or the one before, of the replica that is selected or whose broker is, else of the
/// leader. Whether there is one.
fn next_batch(link: &Link, frame: &Frame, selection: &Selection, on: bool) -> bool {
    let Some(log) = &frame.log else { return false };
    let is_here = selection.partition() == Some((log.number, log.index));
    let (at_hand, chosen) = match selection {
        Selection::Batch { broker, offset, .. } if is_here => (Some(*broker), Some((*broker, *offset))),
        Selection::Node(Node::Broker(broker)) => (Some(*broker), None),
        Selection::None
        | Selection::Node(Node::Controller | Node::Client(_))
        | Selection::Partition { .. }
        | Selection::Batch { .. }
        | Selection::Link(..)
        | Selection::Packet(_)
        | Selection::Event(_)
        | Selection::Group(_)
        | Selection::TransactionalId(_) => (None, None),
    };
    let holding = || log.replicas.iter().filter(|it| !it.batches.is_empty());
    let replica = match at_hand {
        Some(broker) => log.replicas.iter().find(|it| it.broker == broker),
        None => holding().find(|it| it.role == Role::Leader).or_else(|| holding().next()),
    };
    let Some(replica) = replica else { return false };
    let (mut later, mut earlier) = (replica.batches.iter(), replica.batches.iter().rev());
    let next = match chosen {
        None if on => later.next(),
        None => earlier.next(),
        Some((_, offset)) if on => later.find(|batch| batch.base > offset),
        Some((_, offset)) => earlier.find(|batch| batch.last < offset),
    };
    let Some(batch) = next else { return false };
    let (topic, index) = (log.topic.clone(), log.index);
    link.act(Action::Select(Selection::Batch {
        topic,
        index,
        number: log.number,
        broker: replica.broker,
        offset: batch.base,
    }));
    true
}

/// Selects the batch that the replica below or above has at the same offset, or its last one before. Whether
/// there is one.
fn other_replica(link: &Link, event: &KeyboardEvent, frame: &Frame, selection: &Selection, below: bool) -> bool {
    let Some(log) = &frame.log else { return false };
    let Selection::Batch { broker, offset, .. } = selection else { return false };
    // Lists that have the focus scroll with these keys.
    let on = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    if on.is_some_and(|on| !matches!(on.tag_name().as_str(), "CANVAS" | "BODY")) {
        return false;
    }
    let Some(at) = log.replicas.iter().position(|it| it.broker == *broker) else { return false };
    let others: Vec<_> = match below {
        true => log.replicas[at + 1..].iter().collect(),
        false => log.replicas[..at].iter().rev().collect(),
    };
    let Some(replica) = others.into_iter().find(|it| !it.batches.is_empty()) else { return false };
    let before = replica.batches.partition_point(|batch| batch.base <= *offset).saturating_sub(1);
    let (topic, index, offset) = (log.topic.clone(), log.index, replica.batches[before].base.max(*offset));
    let offset = offset.min(replica.batches[before].last);
    link.act(Action::Select(Selection::Batch { topic, index, number: log.number, broker: replica.broker, offset }));
    true
}

fn seek(link: &Link, to_us: u64) {
    link.go(Ask::Seek(Instant::Time(to_us)));
}

/// The next of the processes, in the order of the rail.
fn neighbour(frame: &Frame, selection: &Selection, step: isize) -> Selection {
    let processes = processes(frame);
    let at = processes.iter().position(|it| it == selection);
    let next = match at {
        Some(at) => (at as isize + step).rem_euclid(processes.len() as isize) as usize,
        None if step > 0 => 0,
        None => processes.len().saturating_sub(1),
    };
    processes.into_iter().nth(next).unwrap_or_default()
}

fn processes(frame: &Frame) -> Vec<Selection> {
    let brokers = frame.brokers.iter().map(|broker| Selection::Node(Node::Broker(broker.id)));
    let partitions = frame.partitions.iter().map(crate::view::frame::Partition::selection);
    let producers = frame.producers.iter().map(|it| Selection::Node(Node::Client(it.name.clone())));
    let consumers = frame.consumers.iter().map(|it| Selection::Node(Node::Client(it.name.clone())));
    let controller = std::iter::once(Selection::Node(Node::Controller));
    let groups = frame.groups.iter().map(|it| Selection::Group(it.id.clone()));
    let ids = frame.transactional_ids.iter().map(|it| Selection::TransactionalId(it.id.clone()));
    let clients = producers.chain(consumers).chain(groups).chain(ids);
    controller.chain(brokers).chain(partitions).chain(clients).collect()
}
