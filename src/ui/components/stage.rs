//! The canvas with brokers, clients and what travels between them.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};
use yew::prelude::*;

use super::menu::Menu;
use super::tip::Tip;
use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::paint::Paint;
use crate::ui::canvas::palette::Palette;
use crate::ui::canvas::stage::Scene;
use crate::ui::hooks::use_size::use_size;
use crate::ui::hooks::use_theme::{Theme, system_is};
use crate::ui::link::Link;
use crate::ui::shown::Shown;
use crate::ui::state::Action;
use crate::ui::text::TEXT;
use crate::view::frame::{Frame, Selection};

/// Into how many steps travel is cut for those who want less motion.
const STEPS: f64 = 4.0;

/// The button of a menu that was asked for by pointer; the context key has none.
const BY_POINTER: i16 = 2;

/// What the stage needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub answer: u32,
    pub selection: Selection,
    pub playing: bool,
    pub theme: Theme,
    pub link: Link,
}

/// The view's picture.
pub fn picture(shown: &Shown) -> Html {
    let Shown { state, frame, theme, link } = shown;
    html! {
        <Stage frame={frame.clone()} answer={state.answer} selection={state.selection.clone()} playing={state.playing}
            theme={*theme} link={link.clone()} />
    }
}

/// Something under the pointer, and where.
#[derive(Clone, PartialEq)]
struct Pointed {
    what: Selection,
    x: i32,
    y: i32,
}

/// The stage.
#[component]
pub fn Stage(props: &Props) -> Html {
    let around = use_node_ref();
    let canvas = use_node_ref();
    let (width, height) = use_size(&around);
    let hover = use_state_eq(|| None::<Pointed>);
    let menu = use_state_eq(|| None::<Pointed>);
    let palette = use_memo(props.theme, |_| Palette::read());

    {
        let (frame, selection, link) = (props.frame.clone(), props.selection.clone(), props.link.clone());
        let (canvas, answer) = (canvas.clone(), props.answer);
        use_effect_with(
            (answer, selection, palette, width as i64, height as i64),
            move |(answer, selection, palette, ..)| {
                let steps = system_is("(prefers-reduced-motion: reduce)").then_some(STEPS);
                let layout = Layout::new(&frame, width, height - 1.0);
                if width > 0.0
                    && let Some(canvas) = canvas.cast::<HtmlCanvasElement>()
                {
                    let scene = Scene { frame: &frame, layout: &layout, palette, selection, steps };
                    paint(&canvas, &scene, width);
                }
                link.drawn(*answer);
            },
        );
    }

    let at = {
        let (frame, canvas) = (props.frame.clone(), canvas.clone());
        move |event: &MouseEvent| -> Option<Pointed> {
            let place = canvas.cast::<HtmlCanvasElement>()?.get_bounding_client_rect();
            let (x, y) = (event.client_x(), event.client_y());
            let layout = Layout::new(&frame, width, height - 1.0);
            let what =
                layout.hit(&frame, frame.run.time_us, f64::from(x) - place.left(), f64::from(y) - place.top())?;
            Some(Pointed { what, x, y })
        }
    };
    let onpointermove = {
        let (hover, at) = (hover.clone(), at.clone());
        Callback::from(move |event: PointerEvent| hover.set(at(&event)))
    };
    let onpointerleave = {
        let hover = hover.clone();
        Callback::from(move |_: PointerEvent| hover.set(None))
    };
    let onclick = {
        let (menu, at, link) = (menu.clone(), at.clone(), props.link.clone());
        Callback::from(move |event: MouseEvent| {
            menu.set(None);
            link.act(Action::Select(at(&event).map(|it| it.what).unwrap_or_default()));
        })
    };
    let oncontextmenu = {
        let (menu, link, selected, canvas) =
            (menu.clone(), props.link.clone(), props.selection.clone(), canvas.clone());
        Callback::from(move |event: MouseEvent| {
            event.prevent_default();
            let pointed = if event.button() == BY_POINTER { at(&event) } else { of_selection(&canvas, &selected) };
            if let Some(it) = &pointed {
                link.act(Action::Select(it.what.clone()));
            }
            menu.set(pointed);
        })
    };
    let close = {
        let menu = menu.clone();
        Callback::from(move |()| menu.set(None))
    };
    html! {
        <main class="view" ref={around}>
            <canvas ref={canvas} tabindex="0" role="img" aria-label={TEXT.stage} aria-description={TEXT.stage_hint}
                {onpointermove} {onpointerleave} {onclick} {oncontextmenu} />
            if !props.playing {
                { packets(&props.frame) }
            }
            if let Some(it) = menu.as_ref() {
                <Menu frame={props.frame.clone()} what={it.what.clone()} x={it.x} y={it.y} link={props.link.clone()} {close} />
            } else if let Some(it) = hover.as_ref() {
                <Tip frame={props.frame.clone()} what={it.what.clone()} x={it.x} y={it.y} />
            }
        </main>
    }
}

/// The context key has no place: the menu is then that of what is selected, in the corner.
fn of_selection(canvas: &NodeRef, selected: &Selection) -> Option<Pointed> {
    let corner = canvas.cast::<HtmlCanvasElement>()?.get_bounding_client_rect();
    let (x, y) = (corner.left() as i32 + 24, corner.top() as i32 + 24);
    (*selected != Selection::None).then(|| Pointed { what: selected.clone(), x, y })
}

/// What travels, for those who hear the page; while it plays nobody could follow.
fn packets(frame: &Frame) -> Html {
    html! {
        <ul class="hidden">
            { for frame.packets.iter().take(40).map(|packet| html! { <li>{ super::tip::packet_line(packet) }</li> }) }
        </ul>
    }
}

fn paint(canvas: &HtmlCanvasElement, scene: &Scene, width: f64) {
    if let Some(context) = sized(canvas, width, scene.layout.height) {
        scene.draw(&Paint::new(&context), width);
    }
}

/// A canvas of this size in CSS pixels, and the way to draw on it in them.
pub fn sized(canvas: &HtmlCanvasElement, width: f64, height: f64) -> Option<CanvasRenderingContext2d> {
    let ratio = gloo::utils::window().device_pixel_ratio();
    let (w, h) = ((width * ratio).round() as u32, (height * ratio).round() as u32);
    if canvas.width() != w || canvas.height() != h {
        canvas.set_width(w);
        canvas.set_height(h);
        // Through the object model: the policy of the page forbids style attributes.
        let style = canvas.style();
        let _ = style.set_property("width", &format!("{width}px"));
        let _ = style.set_property("height", &format!("{height}px"));
    }
    let context = canvas.get_context("2d").ok().flatten()?.dyn_into::<CanvasRenderingContext2d>().ok()?;
    let _ = context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
    Some(context)
}
