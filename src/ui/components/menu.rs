//! What can be done to something on the stage.

use std::rc::Rc;

use yew::prelude::*;

use super::tip::use_beside;
use crate::ui::format;
use crate::ui::hooks::use_focus::use_focus;
use crate::ui::interventions::{self, Choice};
use crate::ui::link::Link;
use crate::view::frame::{Frame, Selection};

/// What the menu needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub frame: Rc<Frame>,
    pub what: Selection,
    pub x: i32,
    pub y: i32,
    pub link: Link,
    pub close: Callback<()>,
}

/// A menu at a point; Escape or leaving it closes it.
#[component]
pub fn Menu(props: &Props) -> Html {
    let node = use_node_ref();
    use_beside(&node, props.x, props.y);
    let first = use_node_ref();
    use_focus(&first, props.what.clone());
    let choices = interventions::choices(&props.what, &props.frame);
    let onkeydown = {
        let close = props.close.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                event.stop_propagation();
                close.emit(());
            }
        })
    };
    let item = |(i, choice): (usize, Choice)| {
        let (link, close) = (props.link.clone(), props.close.clone());
        let command = choice.command.clone();
        let onclick = Callback::from(move |_: MouseEvent| {
            link.command(command.clone());
            close.emit(());
        });
        let node = if i == 0 { first.clone() } else { NodeRef::default() };
        html! {
            <button class="button" role="menuitem" ref={node} {onclick}>
                { choice.command }<kbd>{ choice.key.to_uppercase() }</kbd>
            </button>
        }
    };
    html! {
        <div class="menu" role="menu" ref={node} {onkeydown} onpointerleave={props.close.reform(|_: PointerEvent| ())}>
            <h3>{ format::selection(&props.what, &props.frame) }</h3>
            { for choices.into_iter().enumerate().map(item) }
        </div>
    }
}
