//! The logs of one partition on a canvas, and below it a batch's bytes or the segments' files.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

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
use crate::ui::shown::Shown;
use crate::ui::state::{Action, ZOOMS};
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Frame, Node, Selection};
use crate::view::log::{Cleaning, Log, LogReplica};

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

/// The view's picture.
pub fn picture(shown: &Shown) -> Html {
    let Shown { state, frame, theme, link } = shown;
    html! {
        <LogView frame={frame.clone()} answer={state.answer} selection={state.selection.clone()} zoom={state.log.zoom}
            playing={state.playing} theme={*theme} link={link.clone()} />
    }
}

/// Where the pointer went down, and where the window began then.
#[derive(Clone, Copy)]
struct Held {
    x: i32,
    first: i64,
    overview: bool,
    moved: bool,
}

/// What is under the pointer, and where.
type Pointed = Option<(Selection, i32, i32)>;

/// The Log view.
#[component]
pub fn LogView(props: &Props) -> Html {
    let around = use_node_ref();
    let canvas = use_node_ref();
    let (width, _) = use_size(&around);
    let hover = use_state_eq(|| Pointed::None);
    let held = use_mut_ref(|| None::<Held>);
    let palette = use_memo(props.theme, |_| Palette::read());
    use_picture(props, &canvas, width, palette);
    let Some(log) = props.frame.log.clone() else {
        let why = if props.frame.partitions.is_empty() { TEXT.no_partition } else { TEXT.partition_gone };
        return html! { <main class="view" ref={around}><p class="quiet" role="status">{ why }</p></main> };
    };
    let layout = Rc::new(LogLayout::new(&log, &props.selection, width, cell(props.zoom)));
    let reference = layout.reference;
    let hand = Hand { canvas: canvas.clone(), layout, log: log.clone(), link: props.link.clone(), held, hover };
    html! {
        <main class="view log" ref={around}>
            <canvas ref={canvas} tabindex="0" role="img" aria-label={TEXT.log} aria-description={TEXT.log_hint}
                onpointerdown={hand.does(Hand::down)} onpointermove={hand.does(Hand::moved)}
                onpointerup={hand.does(Hand::up)} onpointercancel={hand.does(Hand::left)}
                onpointerleave={hand.does(Hand::left)} onwheel={hand.does(Hand::turned)} />
            if !props.playing {
                { spoken(&log) }
            }
            if let Some(open) = &log.open {
                <Bytes open={open.clone()} link={props.link.clone()} />
            } else {
                <Segments log={log.clone()} {reference} />
            }
            if let Some((what, x, y)) = hand.hover.as_ref() {
                <Tip frame={props.frame.clone()} what={what.clone()} x={*x} y={*y} />
            }
        </main>
    }
}

/// Pixels of an offset.
fn cell(zoom: usize) -> f64 {
    ZOOMS[zoom.min(ZOOMS.len() - 1)]
}

/// Draws each answer, and asks for as many offsets as fit.
#[hook]
fn use_picture(props: &Props, canvas: &NodeRef, width: f64, palette: Rc<Palette>) {
    let (link, zoom) = (props.link.clone(), props.zoom);
    use_effect_with((width as i64, zoom), move |_| {
        if width > 0.0 {
            link.act(Action::Fit(log_layout::fit(width, cell(zoom)).1));
        }
    });
    let (frame, link, canvas) = (props.frame.clone(), props.link.clone(), canvas.clone());
    use_effect_with(
        (props.answer, props.selection.clone(), palette, width as i64, zoom),
        move |(answer, selection, palette, ..)| {
            if let (Some(log), Some(canvas)) = (&frame.log, canvas.cast::<HtmlCanvasElement>())
                && width > 0.0
            {
                let layout = LogLayout::new(log, selection, width, cell(zoom));
                paint(&canvas, &LogScene { log, layout: &layout, palette, selection });
            }
            link.drawn(*answer);
        },
    );
}

/// The pointer over the canvas: it selects, drags the window, and jumps in the overview.
#[derive(Clone)]
struct Hand {
    canvas: NodeRef,
    layout: Rc<LogLayout>,
    log: Arc<Log>,
    link: Link,
    held: Rc<RefCell<Option<Held>>>,
    hover: UseStateHandle<Pointed>,
}

impl Hand {
    fn does<E: 'static>(&self, what: impl Fn(&Self, E) + 'static) -> Callback<E> {
        let hand = self.clone();
        Callback::from(move |event| what(&hand, event))
    }

    fn place(&self, event: &PointerEvent) -> (f64, f64) {
        let corner = self.canvas.cast::<HtmlCanvasElement>().map(|it| it.get_bounding_client_rect());
        let (left, top) = corner.map_or((0.0, 0.0), |it| (it.left(), it.top()));
        (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
    }

    fn begin_at(&self, first: i64) {
        self.link.act(Action::From(Some(first.clamp(self.log.earliest, self.log.latest))));
    }

    fn down(&self, event: PointerEvent) {
        let (x, y) = self.place(&event);
        let overview = self.layout.overview.has(x, y);
        *self.held.borrow_mut() = Some(Held { x: event.client_x(), first: self.log.first, overview, moved: false });
        if let Some(canvas) = self.canvas.cast::<HtmlCanvasElement>() {
            // Without capture a drag ends at the edge, nothing worse.
            let _ = canvas.set_pointer_capture(event.pointer_id());
        }
        if overview {
            self.begin_at(self.layout.overview_first(&self.log, x));
        }
    }

    fn moved(&self, event: PointerEvent) {
        let (x, y) = self.place(&event);
        let held = self.held.borrow_mut().as_mut().map(|it| {
            it.moved |= (event.client_x() - it.x).abs() >= CLICK;
            *it
        });
        let Some(held) = held else {
            let hit = self.layout.hit(&self.log, x, y);
            return self.hover.set(hit.map(|what| (what, event.client_x(), event.client_y())));
        };
        self.hover.set(None);
        if held.overview {
            self.begin_at(self.layout.overview_first(&self.log, x));
        } else if held.moved {
            let offsets = (f64::from(held.x - event.client_x()) / self.layout.scale.cell).round() as i64;
            self.begin_at(held.first + offsets);
        }
    }

    fn up(&self, event: PointerEvent) {
        let (x, y) = self.place(&event);
        if self.held.take().is_some_and(|it| !it.moved && !it.overview)
            && let Some(what) = self.layout.hit(&self.log, x, y)
        {
            self.link.act(Action::Select(what));
        }
    }

    fn left(&self, _: PointerEvent) {
        self.held.take();
        self.hover.set(None);
    }

    /// A wheel that turns sideways, or with Shift, moves the window.
    fn turned(&self, event: WheelEvent) {
        let sideways = event.shift_key() || event.delta_x() != 0.0;
        let turned = event.delta_x() + if event.shift_key() { event.delta_y() } else { 0.0 };
        if sideways && turned != 0.0 {
            event.prevent_default();
            let step = (i64::from(self.log.offsets) / 8).max(1);
            self.begin_at(self.log.first + if turned > 0.0 { step } else { -step });
        }
    }
}

/// The same as a table, for those who hear the page.
fn spoken(log: &Log) -> Html {
    html! {
        <table class="hidden">
            <caption>{ format!("{}-{}", log.topic, log.index) }</caption>
            <tr>
                <th>{ TEXT.broker }</th><th>{ TEXT.log_start }</th><th>{ TEXT.lso }</th><th>{ TEXT.hw }</th>
                <th>{ TEXT.leo }</th><th>{ TEXT.batches }</th><th>{ TEXT.segments }</th><th>{ TEXT.cleaner }</th>
            </tr>
            { for log.replicas.iter().map(spoken_row) }
            { for log.readers.iter().map(|it| html! {
                <tr>
                    <th>{ TEXT.consumer }</th>
                    <td colspan="7">{ text::reader(&it.name, &format::offset(it.position), log.is_gone(it.position)) }</td>
                </tr>
            }) }
        </table>
    }
}

fn spoken_row(it: &LogReplica) -> Html {
    let batches = it.batches.iter().rev().take(SPOKEN).map(text::batch).collect::<Vec<_>>().join("; ");
    let segments = it.segments.iter().rev().take(SPOKEN).map(|segment| format::offset(segment.base));
    let segments = segments.collect::<Vec<_>>().join(", ");
    html! {
        <tr>
            <th>{ format!("{} {}", format::node(&Node::Broker(it.broker)), text::role(it.role)) }</th>
            <td>{ it.log_start }</td><td>{ it.last_stable }</td><td>{ it.high_watermark }</td><td>{ it.log_end }</td>
            <td>{ batches }{ it.torn.as_ref().map(text::torn) }</td>
            <td>{ segments }</td>
            <td>{ it.cleaning.as_ref().map(spoken_cleaning) }</td>
        </tr>
    }
}

fn spoken_cleaning(it: &Cleaning) -> String {
    let (dirty, end) = (format::offset(it.first_dirty), format::offset(it.first_uncleanable));
    let doing = match &it.pass {
        Some(pass) => text::cleaning(pass),
        None => text::dirtiness(it),
    };
    format!("{}; {doing}", text::dirty_range(&dirty, &end))
}

fn paint(canvas: &HtmlCanvasElement, scene: &LogScene) {
    let context: Option<CanvasRenderingContext2d> = sized(canvas, scene.layout.width, scene.layout.height);
    if let Some(context) = context {
        scene.draw(&Paint::new(&context));
    }
}
