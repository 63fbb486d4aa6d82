//! The whole run in one row: how much happens when, faults, elections, rebalances, findings, and where we are.

use std::rc::Rc;

use web_sys::Element;
use yew::prelude::*;

use crate::ui::format;
use crate::ui::hooks::use_size::use_size;
use crate::ui::labels::{Label, Place, places};
use crate::ui::link::Link;
use crate::ui::text::{self, TEXT};
use crate::view::coordination::Rebalance;
use crate::view::frame::{Frame, Intervention, Kind, SLICES};
use crate::view::protocol::{Ask, Instant};

/// Where the axis runs.
const AXIS: f64 = 66.0;
/// Where the rows of rebalances begin, how high each is, and how many groups have one.
const LANES: f64 = 88.0;
const LANE: f64 = 15.0;
const GROUPS: usize = 3;

/// What the timeline needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub link: Link,
}

/// The timeline; the arrow keys move along it too.
#[component]
pub fn Timeline(props: &Props) -> Html {
    let node = use_node_ref();
    let held = use_mut_ref(|| false);
    let (width, _) = use_size(&node);
    let run = &props.frame.run;
    let whole = run.duration_us.max(1);
    let seek = {
        let (node, link) = (node.clone(), props.link.clone());
        move |event: &PointerEvent| {
            // It is gone from the page already.
            let Some(element) = node.cast::<Element>() else { return };
            let place = element.get_bounding_client_rect();
            let part = ((f64::from(event.client_x()) - place.left()) / place.width().max(1.0)).clamp(0.0, 1.0);
            link.go(Ask::Seek(Instant::Time((part * whole as f64) as u64)));
        }
    };
    let onpointerdown = {
        let (held, seek, node) = (held.clone(), seek.clone(), node.clone());
        Callback::from(move |event: PointerEvent| {
            *held.borrow_mut() = true;
            if let Some(element) = node.cast::<Element>() {
                // Without capture scrubbing ends at the edge, nothing worse.
                let _ = element.set_pointer_capture(event.pointer_id());
            }
            seek(&event);
        })
    };
    let onpointermove = {
        let held = held.clone();
        Callback::from(move |event: PointerEvent| {
            if *held.borrow() {
                seek(&event);
            }
        })
    };
    let let_go = Callback::from(move |_: PointerEvent| *held.borrow_mut() = false);
    let at = percent(run.time_us, whole);
    html! {
        <div class={classes!("track", format!("lanes{}", rebalancing(&props.frame).len()))} ref={node} role="slider" tabindex="0" aria-label={TEXT.timeline} aria-valuemin="0"
            aria-valuemax={run.duration_us.to_string()} aria-valuenow={run.time_us.to_string()}
            aria-valuetext={format::time(run.time_us)}
            {onpointerdown} {onpointermove} onpointerup={let_go.clone()} onpointercancel={let_go}>
            <svg aria-hidden="true">
                <svg x="0" y="40" width="100%" height="26" viewBox="0 0 1000 42" preserveAspectRatio="none">
                    <path class="density" d={density(&props.frame.density)} />
                </svg>
                <line class="axis" x1="0" x2="100%" y1={AXIS.to_string()} y2={AXIS.to_string()} />
                { for ticks(whole) }
                <line class="head" x1={at.clone()} x2={at.clone()} y1="2" y2="74" />
                { for interventions(&props.frame, whole, width) }
                { for fork(&props.frame, whole) }
                { for marks(&props.frame, whole) }
                { for rebalances(&props.frame, whole, width) }
                <circle class="knob" cx={at} cy="4" r="4" />
            </svg>
        </div>
    }
}

fn percent(us: u64, whole: u64) -> String {
    format!("{:.3}%", us.min(whole) as f64 * 100.0 / whole as f64)
}

fn density(buckets: &[u32]) -> String {
    let most = f64::from(buckets.iter().copied().max().unwrap_or(0).max(1));
    let each = 1000.0 / SLICES as f64;
    let mut path = String::from("M0 42");
    for (i, &count) in buckets.iter().enumerate() {
        let y = 42.0 - 38.0 * f64::from(count) / most;
        path += &format!("L{:.1} {y:.1}L{:.1} {y:.1}", each * i as f64, each * (i + 1) as f64);
    }
    path + &format!("L{:.1} 42Z", each * buckets.len() as f64)
}

/// Times along the axis, about ten of them, at round numbers.
fn ticks(whole: u64) -> Vec<Html> {
    let rough = (whole / 10).max(1);
    let step =
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000]
            .into_iter()
            .map(|ms| ms * 1_000)
            .find(|&step| step >= rough)
            .unwrap_or(rough);
    (0..whole.div_ceil(step))
        .map(|n| {
            let x = percent(n * step, whole);
            let words = if step >= 1_000_000 { format!("{} s", n * step / 1_000_000) } else { format!("{} ms", n * step / 1_000) };
            html! {
                <>
                    <line class="tick" x1={x.clone()} x2={x.clone()} y1={AXIS.to_string()} y2={(AXIS + 4.0).to_string()} />
                    <text {x} dx="3" y={(AXIS + 15.0).to_string()} class={(n % 2 == 1).then_some("narrow-hide")}>{ words }</text>
                </>
            }
        })
        .collect()
}

/// Letters of a fault or a command on the timeline.
const LETTERS: usize = 40;

/// Lines of words above the axis, where the first stands and how far they are apart.
const LINES: usize = 3;
const FIRST_LINE: usize = 18;
const LINE: usize = 12;
/// Pixels of a letter: those of `.track text` are a little smaller.
const LETTER: f64 = 6.8;

/// As much of some words as so many pixels hold.
fn cut(words: &str, width: f64) -> String {
    let letters = (width / LETTER) as usize;
    if words.chars().count() <= letters { words.to_owned() } else { format::short(words, letters.saturating_sub(1)) }
}

/// Faults and commands: a dashed line, with words where there is room.
fn interventions(frame: &Frame, whole: u64, width: f64) -> Vec<Html> {
    let words: Vec<String> = frame.interventions.iter().map(|it| format::short(&it.text, LETTERS)).collect();
    let label = |(intervention, words): (&Intervention, &String)| Label {
        at: pixels(intervention.at_us, whole, width),
        width: (words.chars().count() + 1) as f64 * LETTER,
    };
    let labels: Vec<Label> = frame.interventions.iter().zip(&words).map(label).collect();
    let placed = places(&labels, width, LINES);
    let draw = |((intervention, words), place): ((&Intervention, &String), Option<Place>)| {
        let x = percent(intervention.at_us, whole);
        let top = FIRST_LINE - 10 + LINE * place.map_or(LINES, |place| place.line);
        html! {
            <>
                <line class={classes!("mark", (!intervention.done).then_some("coming"))} x1={x.clone()} x2={x}
                    y1={top.to_string()} y2={AXIS.to_string()}><title>{ &intervention.text }</title></line>
                if let Some(Place { line, left, width }) = place {
                    <text x={format!("{left:.1}")} y={(FIRST_LINE + LINE * line).to_string()}>{ cut(words, width) }</text>
                }
            </>
        }
    };
    frame.interventions.iter().zip(&words).zip(placed).map(draw).collect()
}

/// The groups that have rebalanced, each with its rebalances in order of time.
fn rebalancing(frame: &Frame) -> Vec<Vec<&Rebalance>> {
    let mut groups: Vec<Vec<&Rebalance>> = Vec::new();
    for it in &frame.rebalances {
        match groups.iter().position(|known| known[0].group == it.group) {
            Some(known) => groups[known].push(it),
            None if groups.len() < GROUPS => groups.push(vec![it]),
            // There is no room for the rows of more; the inspector lists them.
            None => {}
        }
    }
    groups
}

/// A bar from a rebalance's begin to its end, filled while nobody reads, with words behind it where there is room.
fn rebalances(frame: &Frame, whole: u64, width: f64) -> Vec<Html> {
    let groups = rebalancing(frame);
    let is_one = groups.len() == 1;
    let of_group = |(lane, all): (usize, &Vec<&Rebalance>)| {
        let y = LANES + LANE * lane as f64;
        let bar = |(place, it): (usize, &&Rebalance)| {
            let (from, to) = (pixels(it.from_us, whole, width), pixels(it.to_us, whole, width));
            let rect = |class: &'static str, from: f64, to: f64| {
                html! {
                    <rect {class} x={format!("{from:.1}")} y={format!("{y:.0}")} width={format!("{:.1}", (to - from).max(3.0))}
                        height="11" />
                }
            };
            let end = all.get(place + 1).map_or(width, |next| pixels(next.from_us, whole, width)) - 6.0;
            let left = to.max(from + 3.0) + 5.0;
            let words = text::rebalance(it, !is_one);
            // Words that have no room behind a bar have it inside, where it is hollow.
            let place = match (end - left >= 8.0 * LETTER, it.stops_us.is_empty() && to - from >= 9.0 * LETTER) {
                (true, _) => Some((left, end - left)),
                (false, true) => Some((from + 4.0, to - from - 4.0)),
                (false, false) => None,
            };
            let stop = |(from_us, to_us): &(u64, u64)| {
                rect("stop", pixels(*from_us, whole, width), pixels(*to_us, whole, width))
            };
            html! {
                <g class={classes!("rebalance", (!it.is_over).then_some("open"))}>
                    <title>{ &it.about }</title>
                    { rect("", from, to) }
                    { for it.stops_us.iter().map(stop) }
                    if let Some((left, room)) = place {
                        <text x={format!("{left:.1}")} y={format!("{:.0}", y + 9.0)}>{ cut(&words, room) }</text>
                    }
                </g>
            }
        };
        all.iter().enumerate().map(bar).collect::<Vec<Html>>()
    };
    groups.iter().enumerate().flat_map(of_group).collect()
}

fn pixels(us: u64, whole: u64, width: f64) -> f64 {
    us.min(whole) as f64 / whole as f64 * width
}

/// Where the present branch leaves another.
fn fork(frame: &Frame, whole: u64) -> Option<Html> {
    let of = |id: u32| frame.branches.iter().find(|branch| branch.id == id);
    let fork = of(frame.run.branch)?.parent?;
    let x = percent(fork.at_us, whole);
    let words = text::leaves(&of(fork.branch)?.name);
    Some(html! {
        <>
            <circle class="fork" cx={x} cy={AXIS.to_string()} r="4"><title>{ words }</title></circle>
        </>
    })
}

/// Elections and findings: a notch under the axis.
fn marks(frame: &Frame, whole: u64) -> Vec<Html> {
    let notable = frame.marks.iter().filter(|mark| matches!(mark.kind, Kind::Election | Kind::Finding));
    notable
        .map(|mark| {
            let x = percent(mark.at_us, whole);
            let finding = (mark.kind == Kind::Finding).then_some("finding");
            html! {
                <line class={classes!("event", finding)} x1={x.clone()} x2={x} y1={(AXIS - 4.0).to_string()}
                    y2={(AXIS + 4.0).to_string()}><title>{ &mark.text }</title></line>
            }
        })
        .collect()
}
