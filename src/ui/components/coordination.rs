//! Groups, transactional ids and what clients keep for them, in the inspector.

use yew::prelude::*;

use crate::lab::lag::LagParts;
use crate::ui::format;
use crate::ui::interventions::is_down;
use crate::ui::link::Link;
use crate::ui::state::Action;
use crate::ui::text::{self, FACT, TEXT};
use crate::view::coordination::{Group, GroupOffset, Member, Rebalance, Sending, Stood, TransactionalId};
use crate::view::frame::{Consumer, Frame, Node, Selection};
use crate::view::protocol::{Ask, Instant};

/// A name, a value, and whether it alarms.
pub type Fact = (&'static str, String, bool);

/// Width and height of a chart, in its own units.
const CHART: (f64, f64) = (272.0, 34.0);

/// What is told of a group before its tables.
pub fn facts_of_group(it: &Group) -> Vec<Fact> {
    let mut facts = vec![
        (
            FACT.state,
            format!("{} {}", text::group_state(it), text::group_waits(it).unwrap_or_default()),
            it.state.is_empty(),
        ),
        (FACT.protocol, known(&it.protocol), false),
        (if it.protocol == "consumer" { FACT.group_epoch } else { FACT.generation }, it.epoch.to_string(), false),
    ];
    if it.protocol == "consumer" {
        facts.push((FACT.assignment_epoch, it.assignment_epoch.to_string(), false));
    }
    facts.push((FACT.assignor, known(&it.assignor), false));
    facts.push((FACT.coordinator, coordinator(it.coordinator), it.coordinator < 0));
    facts
}

fn known(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn coordinator(broker: i32) -> String {
    if broker < 0 { TEXT.none.into() } else { format::node(&Node::Broker(broker)) }
}

/// Members with what they have, then each partition with its lag.
pub fn of_group(frame: &Frame, it: &Group, link: &Link) -> Html {
    html! {
        <>
            <h2>{ TEXT.members }<span>{ it.members.len() }</span></h2>
            <ul class="list plain members">
                { for it.members.iter().map(|member| row_of_member(frame, member, link)) }
            </ul>
            { rebalances(frame, &it.id, link) }
            <h2>{ TEXT.committed_and_end }</h2>
            if it.offsets.is_empty() {
                <p class="quiet">{ TEXT.no_offsets }</p>
            }
            { for it.offsets.iter().map(|offset| lag(frame, offset, None)) }
        </>
    }
}

fn row_of_member(frame: &Frame, it: &Member, link: &Link) -> Html {
    let state = frame.consumers.iter().find(|other| other.name == it.client).map(|other| other.state);
    let (words, waits) = text::member(it, state).map_or(("", false), |(_, words, waits)| (words, waits));
    let has = text::names(frame, if it.former { &it.due } else { &it.has });
    let select = Selection::Node(Node::Client(it.client.clone()));
    let id = if it.instance.is_empty() { it.id.clone() } else { format!("{} ({})", it.id, it.instance) };
    let is_gone = it.former || state.is_some_and(is_down);
    html! {
        <li>
            <b class={classes!("badge", format!("tint{}", it.number % 6), is_gone.then_some("gone"))}>{ text::letter(it.number) }</b>
            <div>
                <button class="name" onclick={link.acting(move || Action::Select(select.clone()))}>{ &it.client }</button>
                if it.leads {
                    <span class="quiet">{ format!(" {}", FACT.leader) }</span>
                }
                if !words.is_empty() {
                    <p class={waits.then_some("waits")}>{ words }</p>
                }
                if !has.is_empty() {
                    <p>{ has }</p>
                }
                <p class="mono">{ id }</p>
            </div>
        </li>
    }
}

/// Where a group stands in a partition: over time, and what its lag is made of. `of`: which group, where that is not said.
pub fn lag(frame: &Frame, it: &GroupOffset, of: Option<&str>) -> Html {
    let name = frame.partitions.get(it.partition as usize).map(format::partition).unwrap_or_default();
    let lag = if it.lag < 0 { "-".into() } else { format::count(it.lag.unsigned_abs()) };
    html! {
        <figure class="lag">
            <figcaption>
                <span>{ of.map_or(name, ToOwned::to_owned) }</span>
                <span>{ text::committed_at(&format::offset(it.committed), it.pending) }</span>
                <span>{ text::lag(&lag) }</span>
            </figcaption>
            { chart(&it.series, frame.run.time_us) }
            { curve(it, frame.run.time_us) }
            { it.parts.as_ref().map(split) }
        </figure>
    }
}

/// What a lag is made of: a bar in proportion, and the same in words.
fn split(it: &LagParts) -> Html {
    let parts = it.words();
    let all = it.lag().max(1) as f64;
    let mut x = 0.0;
    let bars = parts.iter().map(|(words, count)| {
        let w = *count as f64 / all * CHART.0;
        let bar =
            html! { <rect class={class(words)} x={fixed(x)} y="0" width={fixed((w - 1.0).max(1.0))} height="6" /> };
        x += w;
        bar
    });
    let bars: Vec<Html> = bars.collect();
    html! {
        if !parts.is_empty() {
            <svg class="split" viewBox={format!("0 0 {} 6", CHART.0)} preserveAspectRatio="none" aria-hidden="true">{ bars }</svg>
            <ul>
                { for parts.iter().map(|(words, count)| html! {
                    <li><i class={class(words)} />{ format!("{} {words}", format::count(*count)) }</li>
                }) }
            </ul>
        }
    }
}

/// How the page draws a part of a lag: what can be read is filled, what waits is amber, a phantom is pale.
fn class(words: &str) -> &'static str {
    match words {
        "readable now" => "real",
        "in open transactions" => "open",
        "behind open transactions" => "held",
        "aborted" => "phantom aborted",
        "not looked at" => "unknown",
        _ => "phantom",
    }
}

fn fixed(x: f64) -> String {
    format!("{:.1}", x)
}

/// The end of a partition over time, and below it what is committed: the area between them is the lag.
fn chart(series: &[Stood], now_us: u64) -> Html {
    let known: Vec<&Stood> = series.iter().filter(|it| it.end >= 0).collect();
    let least = known.iter().map(|it| if it.committed >= 0 { it.committed } else { it.end }).min().unwrap_or(0);
    let most = known.iter().map(|it| it.end).max().unwrap_or(0);
    if known.len() < 2 {
        return Html::default();
    }
    let (w, h) = CHART;
    let point = |at_us: u64, offset: i64| {
        let x = at_us as f64 / now_us.max(1) as f64 * w;
        let y = h - 2.0 - (offset - least) as f64 / (most - least).max(1) as f64 * (h - 4.0);
        format!("{x:.1},{y:.1}")
    };
    let ends: Vec<String> = known.iter().map(|it| point(it.at_us, it.end)).collect();
    let committed: Vec<String> =
        known.iter().filter(|it| it.committed >= 0).map(|it| point(it.at_us, it.committed)).collect();
    let area: Vec<&str> = ends.iter().chain(committed.iter().rev()).map(String::as_str).collect();
    html! {
        <svg class="chart" viewBox={format!("0 0 {w} {h}")} role="img" aria-label={TEXT.committed_chart}>
            <polygon points={area.join(" ")} />
            <polyline class="end" points={ends.join(" ")} />
            <polyline points={committed.join(" ")} />
        </svg>
    }
}

/// The lag over time on a scale of its own: beside all of a log it would be a hair's breadth.
fn curve(of: &GroupOffset, now_us: u64) -> Html {
    let known = of.series.iter().filter(|it| it.end >= 0 && it.committed >= 0);
    let present = Some((now_us, of.lag)).filter(|(_, lag)| *lag >= 0 && !of.series.is_empty());
    let lags: Vec<(u64, i64)> = known.map(|it| (it.at_us, it.end - it.committed)).chain(present).collect();
    let most = lags.iter().map(|(_, lag)| *lag).max().unwrap_or(0).max(1);
    // Nothing was committed yet.
    let (Some((first, _)), Some((last, _))) = (lags.first(), lags.last()) else { return Html::default() };
    let (w, h) = CHART;
    let x = |at_us: u64| at_us as f64 / now_us.max(1) as f64 * w;
    let point =
        |(at_us, lag): &(u64, i64)| format!("{:.1},{:.1}", x(*at_us), h - *lag as f64 / most as f64 * (h - 4.0));
    let points: Vec<String> = lags.iter().map(point).collect();
    let area = format!("{:.1},{h} {} {:.1},{h}", x(*first), points.join(" "), x(*last));
    html! {
        <>
            <svg viewBox={format!("0 0 {w} {h}")} role="img" aria-label={TEXT.lag_chart}>
                <polygon class="behind" points={area} />
            </svg>
            <span class="quiet">{ text::most_lag(&format::count(most.unsigned_abs())) }</span>
        </>
    }
}

/// The rebalances of a group up to now, the last first: each leads to its begin.
fn rebalances(frame: &Frame, group: &str, link: &Link) -> Html {
    let begun = |it: &&Rebalance| it.group == group && it.from_us <= frame.run.time_us;
    let row = |it: &Rebalance| {
        let onclick = link.asking(Ask::Seek(Instant::Time(it.from_us)));
        html! { <li><button {onclick}><time>{ format::seconds(it.from_us) }</time>{ &it.about }</button></li> }
    };
    html! {
        <>
            <h2>{ TEXT.rebalances }</h2>
            <ol class="chain">{ for frame.rebalances.iter().rev().filter(begun).map(row) }</ol>
        </>
    }
}

/// What groups have committed of a partition.
pub fn of_partition(frame: &Frame, at: usize) -> Html {
    let known = frame.groups.iter().filter_map(|group| {
        let offset = group.offsets.iter().find(|it| it.partition as usize == at)?;
        let owner = group.members.iter().find(|it| it.has.contains(&offset.partition) && !it.former);
        let name =
            owner.map_or_else(|| group.id.clone(), |owner| format!("{} · {}", group.id, text::letter(owner.number)));
        Some(lag(frame, offset, Some(&name)))
    });
    let known: Vec<Html> = known.collect();
    html! {
        if !known.is_empty() {
            <h2>{ TEXT.groups }</h2>
            { known }
        }
    }
}

/// A transactional id.
pub fn facts_of_transactional_id(frame: &Frame, it: &TransactionalId) -> Vec<Fact> {
    let producers = frame.producers.iter().map(|producer| (&producer.name, &producer.sending));
    let pipelines = frame.consumers.iter().filter_map(|it| Some((&it.name, it.sending.as_ref()?)));
    let owner = producers.chain(pipelines).find(|(_, sending)| sending.transactional_id == it.id);
    let timeout = u64::try_from(it.timeout_ms).unwrap_or(0) * 1_000;
    let mut facts = vec![
        (FACT.state, text::id_state(it), it.state.is_empty()),
        (FACT.under_way, if it.pending { TEXT.yes } else { TEXT.no }.into(), false),
        (FACT.producer_id, format::offset(it.producer_id), false),
        (FACT.epoch, format::offset(it.producer_epoch.into()), false),
        (FACT.partitions, known(&text::names(frame, &it.partitions)), false),
        (FACT.timeout, format::span(timeout), false),
        (FACT.coordinator, coordinator(it.coordinator), it.coordinator < 0),
    ];
    if it.open_ms >= 0 {
        let open = it.open_ms.unsigned_abs().saturating_mul(1_000);
        facts.insert(1, (FACT.open_for, format::span(open), open >= timeout));
    }
    if let Some((name, owner)) = owner {
        // Another one has taken its id over: what it sends is refused.
        let is_fenced = owner.producer_id >= 0 && owner.producer_id != it.producer_id;
        facts.push((FACT.producer, name.clone(), is_fenced));
    }
    facts
}

/// What a client that sends keeps: its producer id, and its transactions.
pub fn facts_of_sending(it: &Sending) -> Vec<Fact> {
    let id = (FACT.producer_id, text::producer_id(it), false);
    if it.transactional_id.is_empty() {
        return vec![id];
    }
    let is_bad = matches!(it.transaction.as_str(), "ABORTABLE_ERROR" | "FATAL_ERROR");
    vec![
        (FACT.transactional_id, it.transactional_id.clone(), false),
        (FACT.transaction, it.transaction.clone(), is_bad),
        id,
    ]
}

/// What a client that sends keeps of partitions: sequence numbers, batches.
pub fn sequences(frame: &Frame, it: &Sending) -> Html {
    if it.sequences.is_empty() {
        return Html::default();
    }
    html! {
        <>
            <h2>{ TEXT.sequences }</h2>
            <table class="grid">
                <tr><th /><th>{ FACT.next }</th><th>{ FACT.in_flight }</th><th>{ FACT.queued }</th><th>{ FACT.records }</th></tr>
                { for it.sequences.iter().map(|it| html! {
                    <tr>
                        <td>{ frame.partitions.get(it.partition as usize).map(format::partition) }</td>
                        <td>{ format::offset(it.next.into()) }</td>
                        <td>{ it.in_flight }</td>
                        <td>{ it.queued }</td>
                        <td>{ it.records }</td>
                    </tr>
                }) }
            </table>
        </>
    }
}

/// What a member believes of itself.
pub fn facts_of_member(it: &Consumer) -> Vec<Fact> {
    if it.group.is_empty() {
        return Vec::new();
    }
    let generation = if it.generation < 0 { "-".into() } else { it.generation.to_string() };
    vec![
        (FACT.group, it.group.clone(), false),
        (FACT.member_id, if it.member_id.is_empty() { "-".into() } else { it.member_id.clone() }, false),
        (FACT.generation, generation, false),
        (FACT.membership, it.membership.clone(), false),
    ]
}

/// Where a member stands in each of its partitions, beside what the group has committed, and what its lag is made of.
pub fn of_member(frame: &Frame, it: &Consumer) -> Html {
    let group = frame.groups.iter().find(|group| group.id == it.group);
    let own = |offset: &&GroupOffset| it.positions.iter().any(|position| position.partition == offset.partition);
    html! { <>{ for group.into_iter().flat_map(|group| &group.offsets).filter(own).map(|it| lag(frame, it, None)) }</> }
}
