//! The row above the picture: which view, and what the view itself offers.

use std::rc::Rc;

use yew::prelude::*;

use super::icon::{Icon, MEANING};
use crate::ui::link::Link;
use crate::ui::state::{Action, State};
use crate::ui::text::TEXT;
use crate::ui::views;
use crate::view::frame::Frame;
use crate::view::lens::View;

/// What the row needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub state: Rc<State>,
    pub frame: Rc<Frame>,
    pub link: Link,
}

/// The row.
#[component]
pub fn Views(props: &Props) -> Html {
    let tab = |view: View| {
        let chosen = props.state.view == view;
        let views::Row { name, key, .. } = views::row(view);
        html! {
            <button class={classes!("tab", chosen.then_some("chosen"))} aria-pressed={chosen.to_string()}
                onclick={props.link.acting(move || Action::Show(view))}>
                { *name }<kbd class="wide narrow-hide">{ *key }</kbd>
            </button>
        }
    };
    html! {
        <div class="views" role="group" aria-label={TEXT.views}>
            { for views::ALL.iter().map(|view| tab(*view)) }
            <span class="grow" />
            { (views::row(props.state.view).tools)(&props.state, &props.frame, &props.link) }
            <button class="button" aria-label={TEXT.legend} aria-pressed={props.state.legend.to_string()}
                onclick={props.link.acting(|| Action::Legend)}>
                <span class="narrow-hide">{ TEXT.legend }</span>
                <span class="only-narrow"><Icon path={MEANING} /></span>
                <kbd class="wide narrow-hide">{ "Y" }</kbd>
            </button>
        </div>
    }
}
