//! The processes with its live state, and the faults and commands in time order.

use std::rc::Rc;

use yew::prelude::*;

use crate::ui::format;
use crate::ui::link::Link;
use crate::ui::state::Action;
use crate::ui::text::{self, TEXT};
use crate::view::coordination::{Group, TransactionalId};
use crate::view::frame::{Broker, Finding, Frame, Intervention, Node, Partition, Selection};
use crate::view::protocol::{Ask, Instant};
use crate::view::state::State;

/// What the rail needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub selection: Selection,
    pub link: Link,
}

/// The left side.
#[component]
pub fn Rail(props: &Props) -> Html {
    let frame = &props.frame;
    let topics = {
        let mut topics: Vec<u32> = frame.partitions.iter().map(|partition| partition.number).collect();
        topics.dedup();
        topics
    };
    html! {
        <nav class="rail" aria-label={TEXT.processes}>
            <h2>{ TEXT.cluster }<span>{ text::brokers(frame.brokers.len()) }</span></h2>
            <ul>
                { controller(props) }
                { for frame.brokers.iter().map(|it| broker(props, it)) }
            </ul>
            if !topics.is_empty() {
                <h2>{ TEXT.topics }<span>{ topics.len() }</span></h2>
                <ul>{ for topics.into_iter().map(|number| topic(props, number)) }</ul>
            }
            if !frame.producers.is_empty() {
                <h2>{ TEXT.producers }</h2>
                <ul>
                    { for frame.producers.iter().map(|it| row(
                        props, Node::Client(it.name.clone()), it.state, it.rate.clone(), text::is_failing(it))) }
                </ul>
            }
            if !frame.consumers.is_empty() {
                <h2>{ TEXT.consumers }</h2>
                <ul>
                    { for frame.consumers.iter().map(|it| row(
                        props, Node::Client(it.name.clone()), it.state, text::lag(&format::count(it.lag)), false)) }
                </ul>
            }
            if !frame.groups.is_empty() {
                <h2>{ TEXT.groups }<span>{ frame.groups.len() }</span></h2>
                <ul>{ for frame.groups.iter().map(|it| group(props, it)) }</ul>
            }
            if !frame.transactional_ids.is_empty() {
                <h2>{ TEXT.transactional_ids }<span>{ frame.transactional_ids.len() }</span></h2>
                <ul>{ for frame.transactional_ids.iter().map(|it| transactional_id(props, it)) }</ul>
            }
            { findings(props) }
            <h2>{ TEXT.interventions }<span>{ frame.interventions.len() }</span></h2>
            if frame.interventions.is_empty() {
                <p class="quiet">{ TEXT.no_interventions }</p>
            }
            <ul>{ for frame.interventions.iter().map(|it| intervention(props, it)) }</ul>
        </nav>
    }
}

fn controller(props: &Props) -> Html {
    let it = &props.frame.controller;
    let fact = if it.state == State::Running { format!("epoch {}", it.epoch) } else { text::state(it.state).into() };
    row(props, Node::Controller, it.state, fact, false)
}

fn broker(props: &Props, it: &Broker) -> Html {
    let leads = props.frame.partitions.iter().filter(|partition| partition.leader == it.id).count();
    let fact = match (it.state, leads) {
        (State::Running, _) if it.disk_full => TEXT.disk_full.into(),
        (State::Running, leads) => text::leaders(leads),
        (state, _) => text::state(state).into(),
    };
    row(props, Node::Broker(it.id), it.state, fact, false)
}

fn row(props: &Props, node: Node, state: State, fact: String, bad: bool) -> Html {
    let dot = match state {
        State::Running => "",
        State::Fenced | State::Starting => "ring",
        State::Paused => "square",
        State::Killed | State::Halted | State::Stopped | State::PowerLost => "off",
    };
    let name = format::node(&node);
    let spoken = format!("{name}, {}, {fact}", text::state(state));
    selectable(
        props,
        Selection::Node(node),
        false,
        spoken,
        html! {
            <>
                <span class={classes!("dot", dot)} />
                <span class="name">{ name }</span>
                <span class={classes!("fact", bad.then_some("bad"))}>{ fact }</span>
            </>
        },
    )
}

fn group(props: &Props, it: &Group) -> Html {
    let waits = text::is_rebalancing(&it.state);
    let lag: i64 = it.offsets.iter().map(|it| it.lag.max(0)).sum();
    let fact = if waits || it.offsets.is_empty() {
        text::group_state(it)
    } else {
        text::lag(&format::count(lag.unsigned_abs()))
    };
    coordinated(props, Selection::Group(it.id.clone()), &it.id, (&it.state, fact, waits))
}

fn transactional_id(props: &Props, it: &TransactionalId) -> Html {
    let is_open = it.open_ms >= 0;
    coordinated(props, Selection::TransactionalId(it.id.clone()), &it.id, (&it.state, text::id_state(it), is_open))
}

/// Something that lives at a coordinator: its state, what is said of it, and whether it waits for somebody.
fn coordinated(props: &Props, it: Selection, id: &str, (state, fact, waits): (&str, String, bool)) -> Html {
    selectable(
        props,
        it,
        false,
        format!("{id}, {state}, {fact}"),
        html! {
            <>
                <span class={classes!("dot", waits.then_some("ring"))} />
                <span class="name">{ id }</span>
                <span class={classes!("fact", waits.then_some("waits"))}>{ fact.clone() }</span>
            </>
        },
    )
}

fn topic(props: &Props, number: u32) -> Html {
    let partitions: Vec<&Partition> = props.frame.partitions.iter().filter(|it| it.number == number).collect();
    let name = partitions.first().map_or("", |it| it.topic.as_str());
    let copies = partitions.iter().map(|it| it.replicas.len()).max().unwrap_or(0);
    let least = partitions.first().map_or(0, |it| it.min_isr);
    let is_shown = |it: &&Partition| !it.is_idle() || it.is_selected(&props.selection);
    let idle = partitions.iter().filter(|it| !is_shown(it)).count();
    let shown = partitions.into_iter().filter(is_shown);
    html! {
        <>
            <li class="row">
                <span class="name">{ name }</span>
                <span class="fact">{ format!("RF {copies} · min ISR {least}") }</span>
            </li>
            { for shown.map(|it| partition(props, it)) }
            if idle > 0 {
                <li class="row quiet">{ text::idle_partitions(idle) }</li>
            }
        </>
    }
}

fn partition(props: &Props, it: &Partition) -> Html {
    let bad = it.leader < 0 || it.acknowledged_end > it.log_end;
    let fact = if it.leader < 0 { TEXT.no_leader.into() } else { format::offset(it.high_watermark) };
    let spoken =
        format!("{}, leader {}, ISR {}, high watermark {fact}", format::partition(it), it.leader, format::ids(&it.isr));
    let selection = it.selection();
    let part = |id: &i32| match (*id == it.leader, it.isr.contains(id)) {
        (true, _) => "leader",
        (false, true) => "",
        (false, false) => "out",
    };
    selectable(
        props,
        selection,
        true,
        spoken,
        html! {
            <>
                <span class="name">{ it.index }</span>
                <span class="isr">{ for it.replicas.iter().map(|id| html! { <i class={part(id)} /> }) }</span>
                <span class={classes!("fact", bad.then_some("bad"))}>{ fact }</span>
            </>
        },
    )
}

/// Each cause has a row, with how many it made true.
fn findings(props: &Props) -> Html {
    let found = &props.frame.findings;
    if found.is_empty() {
        return Html::default();
    }
    html! {
        <>
            <h2>{ TEXT.findings }<span>{ found.iter().map(|it| it.count).sum::<u64>() }</span></h2>
            <ul>{ for found.iter().map(|it| finding(props, it)) }</ul>
        </>
    }
}

fn finding(props: &Props, it: &Finding) -> Html {
    html! {
        <li>
            <button class="row" title={it.about.clone()} onclick={to_event(props, it.event)}>
                <span class="at">{ format::seconds(it.at_us) }</span>
                <span class="name">{ &it.kind }</span>
                <span class="fact bad">
                    { if it.count > 1 { format!("◆ {}", it.count) } else { "◆".into() } }
                </span>
            </button>
        </li>
    }
}

fn to_event(props: &Props, event: u64) -> Callback<MouseEvent> {
    let link = props.link.clone();
    Callback::from(move |_| {
        link.act(Action::Select(Selection::Event(event)));
        link.go(Ask::Seek(Instant::Event(event)));
    })
}

fn intervention(props: &Props, it: &Intervention) -> Html {
    let coming = (!it.done).then_some("coming");
    html! {
        <li>
            <button class={classes!("row", "intervention", coming)} title={it.text.clone()}
                onclick={props.link.asking(Ask::Seek(Instant::Time(it.at_us)))}>
                <span class="at">{ format::seconds(it.at_us) }</span>
                <span class="name">{ &it.text }</span>
                if it.by_hand {
                    <span class="hand">{ TEXT.by_hand }</span>
                }
                if it.by_nemesis {
                    <span class="hand">{ TEXT.by_nemesis }</span>
                }
            </button>
        </li>
    }
}

fn selectable(props: &Props, it: Selection, indent: bool, spoken: String, inside: Html) -> Html {
    let selected = match (&props.selection, &it) {
        (Selection::Batch { .. }, it) => it.partition().is_some() && props.selection.partition() == it.partition(),
        (selection, it) => selection == it,
    };
    let class = classes!("row", selected.then_some("selected"), indent.then_some("indent"));
    let onclick = props.link.acting(move || Action::Select(it.clone()));
    html! {
        <li>
            <button {class} {onclick} aria-label={spoken} aria-pressed={selected.to_string()}>{ inside }</button>
        </li>
    }
}
