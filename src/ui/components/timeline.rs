//! The whole run in one row: how much happens when, faults, elections, findings, and where we are.

use std::rc::Rc;

use web_sys::Element;
use yew::prelude::*;

use crate::ui::format;
use crate::ui::hooks::use_size::use_size;
use crate::ui::labels::{Label, Place, places};
use crate::ui::link::Link;
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Frame, Intervention, Kind, SLICES};
use crate::view::protocol::{Ask, Instant};

/// Where the axis runs.
const AXIS: f64 = 58.0;

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
        <div class="track" ref={node} role="slider" tabindex="0" aria-label={TEXT.timeline} aria-valuemin="0"
            aria-valuemax={run.duration_us.to_string()} aria-valuenow={run.time_us.to_string()}
            aria-valuetext={format::time(run.time_us)}
            {onpointerdown} {onpointermove} onpointerup={let_go.clone()} onpointercancel={let_go}>
            <svg aria-hidden="true">
                <svg x="0" y="16" width="100%" height="42" viewBox="0 0 1000 42" preserveAspectRatio="none">
                    <path class="density" d={density(&props.frame.density)} />
                </svg>
                <line class="axis" x1="0" x2="100%" y1={AXIS.to_string()} y2={AXIS.to_string()} />
                { for ticks(whole) }
                { for interventions(&props.frame, whole, width) }
                { for fork(&props.frame, whole) }
                { for marks(&props.frame, whole) }
                <line class="head" x1={at.clone()} x2={at.clone()} y1="2" y2="66" />
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

/// Lines of words above the axis.
const LINES: usize = 2;
/// Pixels of a letter: those of `.track text` are a little smaller.
const LETTER: f64 = 6.8;

/// Faults and commands: a dashed line, with words where there is room.
fn interventions(frame: &Frame, whole: u64, width: f64) -> Vec<Html> {
    let words: Vec<String> = frame.interventions.iter().map(|it| format::short(&it.text, LETTERS)).collect();
    let label = |(intervention, words): (&Intervention, &String)| Label {
        at: intervention.at_us.min(whole) as f64 / whole as f64 * width,
        width: words.chars().count() as f64 * LETTER,
    };
    let labels: Vec<Label> = frame.interventions.iter().zip(&words).map(label).collect();
    let placed = places(&labels, width, LINES);
    let draw = |((intervention, words), place): ((&Intervention, &String), Option<Place>)| {
        let x = percent(intervention.at_us, whole);
        html! {
            <>
                <line class={classes!("mark", (!intervention.done).then_some("coming"))} x1={x.clone()} x2={x} y1="4"
                    y2={AXIS.to_string()}><title>{ words }</title></line>
                if let Some(Place { line, left }) = place {
                    <text x={format!("{left:.1}")} y={(12 + 12 * line).to_string()} class="narrow-hide">{ words }</text>
                }
            </>
        }
    };
    frame.interventions.iter().zip(&words).zip(placed).map(draw).collect()
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
