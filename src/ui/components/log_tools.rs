//! What the Log view offers beside the tabs: which partition, which offsets, how near.

use std::rc::Rc;

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::ui::format;
use crate::ui::link::Link;
use crate::ui::state::{Action, State, ZOOMS};
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Frame, Partition, Selection};

/// The controls.
pub fn tools(state: &State, frame: &Rc<Frame>, link: &Link) -> Html {
    // Before the first picture, and of a partition that is gone, there is nothing to move about in.
    let Some(log) = &frame.log else { return Html::default() };
    let shown = Some((log.number, log.index));
    let partitions: Vec<Selection> = frame.partitions.iter().map(Partition::selection).collect();
    let choose = {
        let (link, partitions) = (link.clone(), partitions.clone());
        Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            let chosen = usize::try_from(select.selected_index()).ok().and_then(|place| partitions.get(place));
            if let Some(partition) = chosen {
                link.act(Action::Select(partition.clone()));
            }
        })
    };
    let go_to = {
        let (link, bounds) = (link.clone(), (log.earliest, log.latest));
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            if let Ok(offset) = input.value().trim().parse::<i64>() {
                link.act(Action::From(Some(offset.clamp(bounds.0, bounds.1))));
            }
            input.set_value("");
            let _ = input.blur();
        })
    };
    let place = &state.log;
    let zoom = |steps: i32, sign: &'static str, name: &'static str, end: bool| {
        html! {
            <button class="button" aria-label={name} title={name} disabled={end}
                onclick={link.acting(move || Action::Zoom(steps))}>{ sign }</button>
        }
    };
    let last = log.first + i64::from(log.offsets) - 1;
    html! {
        <>
            <select class="speed" aria-label={TEXT.partition} onchange={choose}>
                { for partitions.iter().map(|it| html! {
                    <option selected={it.partition() == shown}>{ format::selection(it, frame) }</option>
                }) }
            </select>
            <span class="count narrow-hide">{ text::offsets(&format::offset(log.first), &format::offset(last)) }</span>
            <input class="speed offset narrow-hide" type="number" min="0" placeholder={TEXT.offset} title={TEXT.go_to_offset}
                aria-label={TEXT.go_to_offset} onchange={go_to} />
            { zoom(1, "−", TEXT.farther, place.zoom + 1 == ZOOMS.len()) }
            { zoom(-1, "+", TEXT.nearer, place.zoom == 0) }
            <button class="button" disabled={place.first.is_none()} title={TEXT.follow_end}
                onclick={link.acting(|| Action::From(None))}>
                { TEXT.end }<kbd class="wide narrow-hide">{ "F" }</kbd>
            </button>
        </>
    }
}
