//! The logs of one partition on a canvas, and below it a batch's bytes or the segments' files.

use std::rc::Rc;

use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};
use yew::prelude::*;

use super::batch::Bytes;
use super::segments::Segments;
use super::stage::sized;
use super::tip::Tip;
use crate::ui::canvas::log::LogScene;
use crate::ui::canvas::log_layout::{self, LogLayout};
use crate::ui::canvas::paint::Paint;
use crate::ui::canvas::palette::Palette;
use crate::ui::format;
use crate::ui::hooks::use_size::use_size;
use crate::ui::hooks::use_theme::Theme;
use crate::ui::link::Link;
use crate::ui::state::{Action, ZOOMS};
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Frame, Node, Selection};
use crate::view::log::{Log, LogReplica};

/// A pointer that moved less has clicked.
const CLICK: i32 = 4;
/// Batches of a replica that are read aloud.
const SPOKEN: usize = 40;

/// What the view needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub answer: u32,
    pub selection: Selection,
    pub zoom: usize,
    pub playing: bool,
    pub theme: Theme,
    pub link: Link,
}

/// Where the pointer went down, and where the window began then.
#[derive(Clone, Copy)]
struct Held {
    x: i32,
    first: i64,
    overview: bool,
    moved: bool,
}

/// The Log view.
#[component]
pub fn LogView(props: &Props) -> Html {
    let around = use_node_ref();
    let canvas = use_node_ref();
    let (width, _) = use_size(&around);
    let cell = ZOOMS[props.zoom.min(ZOOMS.len() - 1)];
    let hover = use_state_eq(|| None::<(Selection, i32, i32)>);
    let held = use_mut_ref(|| None::<Held>);
    let palette = use_memo(props.theme, |_| Palette::read());
    {
        let link = props.link.clone();
        use_effect_with((width as i64, props.zoom), move |_| {
            if width > 0.0 {
                link.act(Action::Fit(log_layout::fit(width, cell).1));
            }
        });
    }
    {
        let (frame, selection, link, canvas) =
            (props.frame.clone(), props.selection.clone(), props.link.clone(), canvas.clone());
        use_effect_with(
            (props.answer, selection, palette, width as i64, props.zoom),
            move |(answer, selection, palette, ..)| {
                if let (Some(log), Some(canvas)) = (&frame.log, canvas.cast::<HtmlCanvasElement>())
                    && width > 0.0
                {
                    let layout = LogLayout::new(log, selection, width, cell);
                    paint(&canvas, &LogScene { log, layout: &layout, palette, selection });
                }
                link.drawn(*answer);
            },
        );
    }
    let Some(log) = props.frame.log.clone() else {
        return html! { <main class="view" ref={around}><p class="quiet" role="status">{ TEXT.reading_log }</p></main> };
    };
    let place = {
        let canvas = canvas.clone();
        move |event: &PointerEvent| {
            let corner = canvas.cast::<HtmlCanvasElement>().map(|it| it.get_bounding_client_rect());
            let (left, top) = corner.map_or((0.0, 0.0), |it| (it.left(), it.top()));
            (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
        }
    };
    let layout = Rc::new(LogLayout::new(&log, &props.selection, width, cell));
    let onpointerdown = {
        let (held, place, layout, log, link, canvas) =
            (held.clone(), place.clone(), layout.clone(), log.clone(), props.link.clone(), canvas.clone());
        Callback::from(move |event: PointerEvent| {
            let (x, y) = place(&event);
            let overview = layout.overview.has(x, y);
            *held.borrow_mut() = Some(Held { x: event.client_x(), first: log.first, overview, moved: false });
            if let Some(canvas) = canvas.cast::<HtmlCanvasElement>() {
                // Without capture a drag ends at the edge, nothing worse.
                let _ = canvas.set_pointer_capture(event.pointer_id());
            }
            if overview {
                link.act(Action::From(Some(layout.overview_first(&log, x))));
            }
        })
    };
    let onpointermove = {
        let (held, place, layout, log, link, hover) =
            (held.clone(), place.clone(), layout.clone(), log.clone(), props.link.clone(), hover.clone());
        Callback::from(move |event: PointerEvent| {
            let (x, y) = place(&event);
            let Some(it) = held.borrow_mut().as_mut().map(|it| {
                it.moved |= (event.client_x() - it.x).abs() >= CLICK;
                *it
            }) else {
                hover.set(layout.hit(&log, x, y).map(|what| (what, event.client_x(), event.client_y())));
                return;
            };
            hover.set(None);
            if it.overview {
                link.act(Action::From(Some(layout.overview_first(&log, x))));
            } else if it.moved {
                let offsets = (f64::from(it.x - event.client_x()) / layout.scale.cell).round() as i64;
                link.act(Action::From(Some((it.first + offsets).clamp(log.earliest, log.latest))));
            }
        })
    };
    let onpointerup = {
        let (held, place, layout, log, link) =
            (held.clone(), place.clone(), layout.clone(), log.clone(), props.link.clone());
        Callback::from(move |event: PointerEvent| {
            let (x, y) = place(&event);
            if held.take().is_some_and(|it| !it.moved && !it.overview)
                && let Some(what) = layout.hit(&log, x, y)
            {
                link.act(Action::Select(what));
            }
        })
    };
    let let_go = {
        let (held, hover) = (held.clone(), hover.clone());
        Callback::from(move |_: PointerEvent| {
            held.take();
            hover.set(None);
        })
    };
    let onwheel = {
        let (log, link) = (log.clone(), props.link.clone());
        Callback::from(move |event: WheelEvent| {
            let turned =
                if event.shift_key() || event.delta_x() != 0.0 { event.delta_x() + event.delta_y() } else { 0.0 };
            if turned != 0.0 {
                event.prevent_default();
                let step = (i64::from(log.offsets) / 8).max(1) * if turned > 0.0 { 1 } else { -1 };
                link.act(Action::From(Some((log.first + step).clamp(log.earliest, log.latest))));
            }
        })
    };
    html! {
        <main class="view log" ref={around}>
            <canvas ref={canvas} tabindex="0" role="img" aria-label={TEXT.log} aria-description={TEXT.log_hint}
                {onpointerdown} {onpointermove} {onpointerup} {onwheel} onpointercancel={let_go.clone()}
                onpointerleave={let_go} />
            if !props.playing {
                { spoken(&log) }
            }
            if let Some(open) = &log.open {
                <Bytes open={open.clone()} link={props.link.clone()} />
            } else {
                <Segments log={log.clone()} reference={layout.reference} />
            }
            if let Some((what, x, y)) = hover.as_ref() {
                <Tip frame={props.frame.clone()} what={what.clone()} x={*x} y={*y} />
            }
        </main>
    }
}

/// The same as a table, for those who hear the page.
fn spoken(log: &Log) -> Html {
    html! {
        <table class="hidden">
            <caption>{ format!("{}-{}", log.topic, log.index) }</caption>
            <tr>
                <th>{ TEXT.broker }</th><th>{ TEXT.log_start }</th><th>{ TEXT.lso }</th><th>{ TEXT.hw }</th>
                <th>{ TEXT.leo }</th><th>{ TEXT.batches }</th>
            </tr>
            { for log.replicas.iter().map(spoken_row) }
        </table>
    }
}

fn spoken_row(it: &LogReplica) -> Html {
    let batches = it.batches.iter().rev().take(SPOKEN).map(text::batch).collect::<Vec<_>>().join("; ");
    html! {
        <tr>
            <th>{ format!("{} {}", format::node(&Node::Broker(it.broker)), text::role(it.role)) }</th>
            <td>{ it.log_start }</td><td>{ it.last_stable }</td><td>{ it.high_watermark }</td><td>{ it.log_end }</td>
            <td>{ batches }</td>
        </tr>
    }
}

fn paint(canvas: &HtmlCanvasElement, scene: &LogScene) {
    let context: Option<CanvasRenderingContext2d> = sized(canvas, scene.layout.width, scene.layout.height);
    if let Some(context) = context {
        scene.draw(&Paint::new(&context));
    }
}
