//! Which run this is, and what concerns the whole of it.

use std::rc::Rc;

use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::icon::{INSPECT, Icon, LIST};
use crate::ui::format;
use crate::ui::hooks::use_theme::Theme;
use crate::ui::link::Link;
use crate::ui::prose::plain;
use crate::ui::state::{Action, Panel, Sheet, State};
use crate::ui::text::TEXT;
use crate::view::protocol::Ask;

/// What the header needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub state: Rc<State>,
    pub link: Link,
    pub theme: Theme,
    pub turn: Callback<()>,
    pub open: Callback<()>,
}

/// The first row.
#[component]
pub fn Header(props: &Props) -> Html {
    let link = &props.link;
    let run = props.state.frame.as_ref().map(|frame| &frame.run);
    let other = if props.theme == Theme::Dark { TEXT.light } else { TEXT.dark };
    let scenarios = link.acting(|| Action::Toggle(Panel::Scenarios));
    html! {
        <header>
            <span class="brand">{ "log" }<i>{ "lab" }</i></span>
            if let Some(run) = run {
                <button class="scenario" onclick={scenarios.clone()} title={plain(&run.about)}>
                    <span>{ &run.title }</span>
                </button>
                <span class="chip narrow-hide"><b>{ TEXT.seed }</b>{ run.seed }</span>
                <span class="chip narrow-hide" data-hash={run.hash.clone()}>
                    <b>{ TEXT.hash }</b>{ format::hash(&run.hash) }
                </span>
            }
            { branches(props) }
            <span class="grow" />
            <button class="button only-narrow" aria-label={TEXT.processes} onclick={link.acting(|| Action::Side(Sheet::Rail))}>
                <Icon path={LIST} />
            </button>
            <button class="button only-narrow" aria-label={TEXT.inspector}
                onclick={link.acting(|| Action::Side(Sheet::Inspector))}>
                <Icon path={INSPECT} />
            </button>
            <button class="button narrow-hide" onclick={scenarios}>
                { TEXT.scenarios }<kbd class="wide">{ "S" }</kbd>
            </button>
            <button class="button" onclick={props.open.reform(|_| ())}>{ TEXT.open }<kbd class="wide narrow-hide">{ "O" }</kbd></button>
            <button class="button" onclick={props.turn.reform(|_| ())}>{ other }<kbd class="wide narrow-hide">{ "T" }</kbd></button>
            <button class="button" aria-label={TEXT.help} onclick={link.acting(|| Action::Toggle(Panel::Help))}>
                { "?" }
            </button>
        </header>
    }
}

/// Which branch one stands on, and the others; where there is one only, it needs no name.
fn branches(props: &Props) -> Option<Html> {
    let frame = props.state.frame.as_ref().filter(|frame| frame.branches.len() > 1)?;
    let choose = {
        let (link, frame) = (props.link.clone(), frame.clone());
        Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            let chosen = usize::try_from(select.selected_index()).ok().and_then(|place| frame.branches.get(place));
            if let Some(branch) = chosen {
                link.go(Ask::Switch { branch: branch.id, to: None });
            }
            let _ = select.blur();
        })
    };
    Some(html! {
        <label class="chip branch">
            <b class="narrow-hide">{ TEXT.branch }</b>
            <select aria-label={TEXT.branches} onchange={choose}>
                { for frame.branches.iter().map(|branch| html! {
                    <option selected={branch.id == frame.run.branch}>{ &branch.name }</option>
                }) }
            </select>
        </label>
    })
}
