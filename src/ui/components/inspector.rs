//! What is selected, in Kafka's terms, with its last changes and what caused them.

use std::rc::Rc;

use yew::prelude::*;

use super::coordination::{self, Fact};
use super::prose::prose;
use crate::ui::format;
use crate::ui::interventions::{self, Choice};
use crate::ui::link::Link;
use crate::ui::state::Action;
use crate::ui::text::{self, FACT, TEXT};
use crate::view::frame::{
    Broker, Consumer, Event, Frame, Kind, Node, Packet, Partition, Position, Producer, Replica, Selection,
};
use crate::view::protocol::{Ask, Instant};

/// What the inspector needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub selection: Selection,
    pub link: Link,
}

/// How many changes are listed.
const CHANGES: usize = 8;

/// The right side.
#[component]
pub fn Inspector(props: &Props) -> Html {
    let choices = interventions::choices(&props.selection, &props.frame);
    html! {
        <aside class="inspector" aria-label={TEXT.inspector}>
            <header>
                <b>{ format::selection(&props.selection, &props.frame) }</b>
                <p>{ prose(&what(&props.selection, &props.frame)) }</p>
            </header>
            { for choices.chunk_by(|a, b| a.target == b.target).map(|of_one| actions(props, of_one)) }
            if props.selection == Selection::None {
                // What has just happened is news; seed and hash stand in the header already.
                { changes(props) }
                { body(props) }
            } else {
                { body(props) }
                { because(props) }
                { changes(props) }
            }
        </aside>
    }
}

/// What can be done to one target, named where it is not what is selected.
fn actions(props: &Props, choices: &[Choice]) -> Html {
    let named = matches!(props.selection, Selection::Partition { .. } | Selection::Batch { .. });
    let target = choices.first().filter(|choice| named && !choice.target.is_empty());
    html! {
        <div class="actions">
            if let Some(choice) = target {
                <span>{ &choice.target }</span>
            }
            { for choices.iter().map(|it| button(props, it)) }
        </div>
    }
}

fn button(props: &Props, choice: &Choice) -> Html {
    let (link, command) = (props.link.clone(), choice.command.clone());
    let onclick = Callback::from(move |_: MouseEvent| link.command(command.clone()));
    html! {
        <button class="button framed" title={choice.command.clone()} {onclick}>
            { choice.label }
            <kbd>{ choice.key.to_uppercase() }</kbd>
        </button>
    }
}

fn what(selection: &Selection, frame: &Frame) -> String {
    match selection {
        Selection::None => frame.run.about.clone(),
        Selection::Node(Node::Controller) => TEXT.controller.into(),
        Selection::Node(Node::Broker(id)) => frame
            .brokers
            .iter()
            .find(|it| it.id == *id)
            .map_or(String::new(), |it| text::since(text::state(it.state), &format::time(it.since_us))),
        Selection::Node(Node::Client(name)) => {
            let producer = frame.producers.iter().any(|it| it.name == *name);
            let pipeline = frame.consumers.iter().any(|it| it.name == *name && it.sending.is_some());
            let what = if producer { TEXT.producer } else { TEXT.consumer };
            if pipeline { TEXT.pipeline.into() } else { what.into() }
        }
        Selection::Batch { .. } if partition(selection, frame).is_none() => TEXT.partition_gone.into(),
        Selection::Batch { broker, .. } => text::batch_on(&format::node(&Node::Broker(*broker))),
        Selection::Partition { .. } => partition(selection, frame).map_or(TEXT.partition_gone.into(), |it| {
            format!("{}, replicas {}", TEXT.partition, format::ids(&it.replicas))
        }),
        Selection::Group(_) => TEXT.group.into(),
        Selection::TransactionalId(_) => TEXT.transactional_id.into(),
        Selection::Link(a, b) if interventions::is_cut(a, b, frame) => TEXT.link_cut.into(),
        Selection::Link(..) => TEXT.link.into(),
        Selection::Packet(id) => frame
            .packets
            .iter()
            .find(|it| it.id == *id)
            .map_or(TEXT.arrived.into(), |it| format!("{} → {}", format::node(&it.from), format::node(&it.to))),
        Selection::Event(number) => frame
            .because
            .iter()
            .chain(&frame.events)
            .find(|it| it.number == *number)
            .map_or(String::new(), |it| format::time(it.at_us)),
    }
}

fn partition<'a>(selection: &Selection, frame: &'a Frame) -> Option<&'a Partition> {
    frame.partitions.iter().find(|it| it.is_selected(selection))
}

fn body(props: &Props) -> Html {
    let frame = &*props.frame;
    match &props.selection {
        Selection::None => of_run(frame),
        Selection::Node(Node::Controller) => {
            let it = &frame.controller;
            let facts = vec![
                (FACT.state, text::state(it.state).into(), false),
                (FACT.controller_epoch, it.epoch.to_string(), false),
                (FACT.metadata_log_end, format::offset(it.metadata_end), false),
            ];
            html! { <>{ list(facts) }{ links(props, &Node::Controller) }</> }
        }
        Selection::Node(Node::Broker(id)) => {
            frame.brokers.iter().find(|it| it.id == *id).map_or_else(Html::default, |it| broker(props, it))
        }
        Selection::Node(Node::Client(name)) => client(props, name),
        Selection::Partition { .. } | Selection::Batch { .. } => {
            partition(&props.selection, frame).map_or_else(Html::default, |it| of_partition(frame, it))
        }
        Selection::Packet(id) => {
            frame.packets.iter().find(|it| it.id == *id).map_or_else(Html::default, |it| packet(frame, it))
        }
        Selection::Group(id) => frame.groups.iter().find(|it| it.id == *id).map_or_else(Html::default, |it| {
            html! { <>{ list(coordination::facts_of_group(it)) }{ coordination::of_group(frame, it, &props.link) }</> }
        }),
        Selection::TransactionalId(id) => frame
            .transactional_ids
            .iter()
            .find(|it| it.id == *id)
            .map_or_else(Html::default, |it| list(coordination::facts_of_transactional_id(frame, it))),
        Selection::Link(..) | Selection::Event(_) => Html::default(),
    }
}

fn of_run(frame: &Frame) -> Html {
    let run = &frame.run;
    let facts = vec![
        (TEXT.seed, run.seed.to_string(), false),
        (TEXT.hash, format::hash(&run.hash), false),
        (TEXT.event, format::count(run.event), false),
        (TEXT.lasts, format::span(run.duration_us), false),
        (TEXT.in_flight, frame.run.in_flight.to_string(), false),
    ];
    html! { <><h2>{ TEXT.what_next }</h2><p class="quiet">{ TEXT.try_this }</p>{ list(facts) }</> }
}

fn list(facts: Vec<Fact>) -> Html {
    html! {
        <dl>
            { for facts.into_iter().map(|(name, value, bad)| html! {
                <>
                    <dt>{ name }</dt>
                    <dd class={bad.then_some("bad")}>{ value }</dd>
                </>
            }) }
        </dl>
    }
}

fn broker(props: &Props, it: &Broker) -> Html {
    let facts = vec![
        (FACT.state, text::state(it.state).into(), false),
        (FACT.disk, text::disk(it).unwrap_or_else(|| TEXT.healthy.into()), it.disk_full),
        (FACT.broker_epoch, format::offset(it.epoch), false),
        (FACT.metadata_at, format::offset(it.metadata_end), false),
    ];
    let named = |replica: &Replica| props.frame.partitions.get(replica.partition as usize).map(format::partition);
    html! {
        <>
            { list(facts) }
            <h2>{ TEXT.replicas }</h2>
            { replicas(it.replicas.iter().map(|replica| (named(replica).unwrap_or_default(), replica))) }
            { links(props, &Node::Broker(it.id)) }
        </>
    }
}

fn of_partition(frame: &Frame, it: &Partition) -> Html {
    let lost = it.acknowledged_end > it.log_end && it.leader >= 0;
    let facts = vec![
        (FACT.leader, if it.leader < 0 { TEXT.none.into() } else { it.leader.to_string() }, it.leader < 0),
        (FACT.leader_epoch, it.leader_epoch.to_string(), false),
        (FACT.partition_epoch, it.partition_epoch.to_string(), false),
        (FACT.isr, format::ids(&it.isr), (it.isr.len() as i32) < it.min_isr),
        (FACT.elr, format::ids(&it.elr), false),
        (FACT.min_isr, it.min_isr.to_string(), false),
        (FACT.high_watermark, format::offset(it.high_watermark), false),
        (FACT.last_stable, format::offset(it.last_stable), false),
        (FACT.first_unstable, format::offset(it.first_unstable), false),
        (FACT.log_end, format::offset(it.log_end), false),
        (FACT.acknowledged, format::offset(it.acknowledged_end), lost),
    ];
    let at = frame.partitions.iter().position(|other| std::ptr::eq(other, it));
    let rows = frame.brokers.iter().flat_map(|broker| {
        let here = broker.replicas.iter().filter(|replica| Some(replica.partition as usize) == at);
        here.map(|replica| (format::node(&Node::Broker(broker.id)), replica))
    });
    html! {
        <>
            { list(facts) }
            <h2>{ TEXT.replicas }</h2>
            { replicas(rows) }
            { at.map(|at| coordination::of_partition(frame, at)) }
        </>
    }
}

fn replicas<'a>(rows: impl Iterator<Item = (String, &'a Replica)>) -> Html {
    html! {
        <table class="grid">
            <tr><th /><th>{ FACT.role }</th><th>{ FACT.epoch }</th><th>{ FACT.hw }</th><th>{ FACT.leo }</th></tr>
            { for rows.map(|(name, it)| html! {
                <tr>
                    <td>{ name }</td>
                    <td>{ text::role(it.role) }</td>
                    <td>{ it.leader_epoch }</td>
                    <td>{ format::offset(it.high_watermark) }</td>
                    <td>{ format::offset(it.log_end) }</td>
                </tr>
            }) }
        </table>
    }
}

fn client(props: &Props, name: &str) -> Html {
    let frame = &props.frame;
    let node = Node::Client(name.into());
    let facts = match frame.producers.iter().find(|it| it.name == name) {
        Some(it) => {
            html! { <>{ list(of_producer(it)) }{ coordination::sequences(frame, &it.sending) }{ links(props, &node) }</> }
        }
        None => Html::default(),
    };
    let reader = frame.consumers.iter().find(|it| it.name == name);
    html! {
        <>
            { facts }
            if let Some(it) = reader {
                { list(of_consumer(it)) }
                { positions(frame, it) }
                { coordination::of_member(frame, it) }
                if let Some(sending) = &it.sending {
                    { coordination::sequences(frame, sending) }
                }
                { links(props, &node) }
            }
        </>
    }
}

fn of_producer(it: &Producer) -> Vec<Fact> {
    let mut facts = coordination::facts_of_sending(&it.sending);
    facts.extend([
        (FACT.topic, it.topic.clone(), false),
        (FACT.acks, it.acks.clone(), false),
        (FACT.rate, it.rate.clone(), false),
        (FACT.in_flight, it.in_flight.to_string(), false),
        (FACT.sent, format::count(it.sent), false),
        (FACT.acknowledged, format::count(it.acked), false),
        (FACT.retried, format::count(it.retried), false),
        (FACT.failed, format::count(it.failed), text::is_failing(it)),
    ]);
    facts.extend(
        it.errors
            .iter()
            .map(|(error, records)| (FACT.failed_with, format!("{error}: {records}"), text::is_failure(error))),
    );
    if !it.last_error.is_empty() {
        facts.push((FACT.last_error, it.last_error.clone(), true));
    }
    facts
}

fn of_consumer(it: &Consumer) -> Vec<Fact> {
    let mut facts = coordination::facts_of_member(it);
    facts.extend(it.sending.iter().flat_map(coordination::facts_of_sending));
    facts.push((FACT.records_read, format::count(it.read), false));
    facts.push((FACT.lag, format::count(it.lag), false));
    if !it.last_error.is_empty() {
        facts.push((FACT.last_error, it.last_error.clone(), true));
    }
    facts
}

fn positions(frame: &Frame, it: &Consumer) -> Html {
    let group = frame.groups.iter().find(|group| group.id == it.group);
    let committed = |of: u32| group?.offsets.iter().find(|it| it.partition == of).map(|it| it.committed);
    let row = |(partition, at): (&Partition, &Position)| {
        html! {
            <tr>
                <td>{ format::partition(partition) }</td>
                <td>{ format::offset(at.offset) }</td>
                if group.is_some() {
                    <td>{ format::offset(committed(at.partition).unwrap_or(-1)) }</td>
                }
                if group.is_none() {
                    <td>{ format::offset(partition.high_watermark) }</td>
                }
                <td>{ at.lag.map_or_else(|| "-".into(), format::count) }</td>
            </tr>
        }
    };
    let known = it.positions.iter().filter_map(|it| Some((frame.partitions.get(it.partition as usize)?, it)));
    html! {
        <>
            <h2>{ TEXT.positions }</h2>
            <table class="grid">
                <tr>
                    <th /><th>{ FACT.position }</th>
                    if group.is_some() {
                        <th>{ FACT.committed }</th>
                    }
                    if group.is_none() {
                        <th>{ FACT.hw }</th>
                    }
                    <th>{ FACT.records_lag }</th>
                </tr>
                { for known.map(row) }
            </table>
        </>
    }
}

fn packet(frame: &Frame, it: &Packet) -> Html {
    let kind = if it.response { TEXT.response } else { TEXT.request };
    list(vec![
        (FACT.api, it.api.clone(), false),
        (FACT.kind, format!("{kind} {}", it.ordinal), false),
        (FACT.carries, it.about.clone(), false),
        (FACT.connection, it.connection.to_string(), false),
        (FACT.sent, format::time(it.sent_us), false),
        (FACT.arrives, format::time(it.arrives_us), false),
        (FACT.still_to_go, format::span(it.arrives_us.saturating_sub(frame.run.time_us)), false),
    ])
}

/// The links of a process, each to be cut or healed.
fn links(props: &Props, node: &Node) -> Html {
    let frame = &props.frame;
    let mut others: Vec<Node> = frame.brokers.iter().map(|it| Node::Broker(it.id)).collect();
    if matches!(node, Node::Broker(_)) {
        others.push(Node::Controller);
        others.extend(frame.producers.iter().map(|it| Node::Client(it.name.clone())));
        others.extend(frame.consumers.iter().map(|it| Node::Client(it.name.clone())));
    }
    others.retain(|other| other != node);
    let row = |other: Node| {
        let choice = interventions::of_link(node, &other, frame)?;
        let select = Selection::Link(node.clone(), other.clone());
        let (link, command) = (props.link.clone(), choice.command.clone());
        let act = Callback::from(move |_: MouseEvent| link.command(command.clone()));
        Some(html! {
            <li class="row">
                <button class="name" onclick={props.link.acting(move || Action::Select(select.clone()))}>
                    { format::node(&other) }
                </button>
                <span class="grow" />
                <button class="button" title={choice.command.clone()} onclick={act}>{ choice.label }</button>
            </li>
        })
    };
    html! { <><h2>{ TEXT.links }</h2><ul class="list plain">{ for others.into_iter().filter_map(row) }</ul></> }
}

fn because(props: &Props) -> Html {
    let chain = &props.frame.because;
    if chain.is_empty() || props.selection == Selection::None {
        return Html::default();
    }
    html! {
        <>
            <h2>{ TEXT.because }</h2>
            <ol class="chain linked">{ for chain.iter().map(|it| event(props, it)) }</ol>
        </>
    }
}

fn changes(props: &Props) -> Html {
    let all = props.selection == Selection::None;
    let selected = match &props.selection {
        Selection::Batch { topic, index, number, .. } => {
            Selection::Partition { topic: topic.clone(), index: *index, number: *number }
        }
        other => other.clone(),
    };
    let about = |it: &&Event| all || it.about.contains(&selected);
    let last: Vec<&Event> = props.frame.events.iter().rev().filter(about).take(CHANGES).collect();
    html! {
        <>
            <h2>{ TEXT.changes }</h2>
            if last.is_empty() {
                <p class="quiet">{ TEXT.no_changes }</p>
            }
            <ol class="chain">{ for last.into_iter().map(|it| event(props, it)) }</ol>
        </>
    }
}

/// An event, which a click goes to.
fn event(props: &Props, it: &Event) -> Html {
    let (link, number) = (props.link.clone(), it.number);
    let onclick = Callback::from(move |_: MouseEvent| link.go(Ask::Seek(Instant::Event(number))));
    let bad = (it.kind == Kind::Finding).then_some("bad");
    html! {
        <li class={bad}>
            <button {onclick} title={format!("{} {}", TEXT.event, format::count(number))}>
                <time>{ format::seconds(it.at_us) }</time>{ &it.text }
            </button>
        </li>
    }
}
