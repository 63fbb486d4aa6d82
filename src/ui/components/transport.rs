//! Play, pause, steps and speed.

use std::rc::Rc;

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::icon::{Icon, NEXT, PAUSE, PLAY, PREVIOUS, STEP_BACK, STEP_ON};
use crate::ui::format;
use crate::ui::link::Link;
use crate::ui::state::{Action, SPEEDS};
use crate::ui::text::TEXT;
use crate::view::frame::Frame;
use crate::view::protocol::Ask;

/// What the transport needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub playing: bool,
    pub speed: u32,
    pub link: Link,
}

/// The row of controls.
#[component]
pub fn Transport(props: &Props) -> Html {
    let (link, run, playing) = (&props.link, &props.frame.run, props.playing);
    let step = |forward: bool, interesting: bool, label: &'static str, path: &'static str, at_end: bool| {
        html! {
            <button class="button" aria-label={label} title={label} disabled={at_end}
                onclick={link.asking(Ask::Step { forward, interesting })}>
                <Icon {path} />
            </button>
        }
    };
    let start = run.event == 0;
    let end = run.time_us >= run.duration_us;
    let speed = {
        let link = link.clone();
        Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            if let Ok(speed) = select.value().parse() {
                link.act(Action::Speed(speed));
            }
        })
    };
    let word = if playing { TEXT.pause } else { TEXT.play };
    html! {
        <div class="transport">
            { step(false, true, TEXT.previous, PREVIOUS, start) }
            { step(false, false, TEXT.step_back, STEP_BACK, start) }
            <button class="button" aria-label={word} title={word} disabled={end && !playing}
                onclick={link.acting(move || Action::Play(!playing))}>
                <Icon path={if playing { PAUSE } else { PLAY }} />
            </button>
            { step(true, false, TEXT.step_on, STEP_ON, end) }
            { step(true, true, TEXT.next, NEXT, end) }
            <span class="now">{ format::time(run.time_us) }</span>
            <span class="count narrow-hide">
                { format!("{} {} {} {}", TEXT.event, format::count(run.event), TEXT.of, format::count(run.events_computed)) }
            </span>
            <span class="grow only-narrow" />
            <select class="speed" aria-label={TEXT.speed} onchange={speed}>
                { for SPEEDS.iter().map(|it| html! {
                    <option value={it.to_string()} selected={*it == props.speed}>{ name(*it) }</option>
                }) }
            </select>
            <span class="grow narrow-hide" />
            { for hints() }
        </div>
    }
}

fn name(speed: u32) -> String {
    if speed < 1000 {
        let digits = format!("{speed:03}");
        format!("×0.{}", digits.trim_end_matches('0'))
    } else {
        format!("×{}", speed / 1000)
    }
}

fn hints() -> impl Iterator<Item = Html> {
    [("Space", TEXT.play), (".", TEXT.step_on), ("N", TEXT.next)].into_iter().map(|(key, does)| {
        html! { <span class="count narrow-hide wide">{ does }{ " " }<kbd>{ key }</kbd></span> }
    })
}
