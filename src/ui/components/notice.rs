//! What was not done, and what was dropped.

use std::rc::Rc;

use yew::prelude::*;

use crate::ui::link::Link;
use crate::ui::state::{Action, State};
use crate::ui::text::TEXT;
use crate::view::protocol::Complaint;

/// What the notice needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub state: Rc<State>,
    pub link: Link,
}

/// A panel at the foot of the stage; the run stays as it is behind it.
#[component]
pub fn Notice(props: &Props) -> Html {
    let (errors, dropped) = (&props.state.errors, &props.state.dropped);
    if errors.is_empty() && dropped.is_empty() {
        return Html::default();
    }
    let bad = !errors.is_empty();
    let role = if bad { "alert" } else { "status" };
    html! {
        <div class={classes!("notice", bad.then_some("bad"))} {role}>
            <header>
                <span>{ if bad { TEXT.not_loaded } else { TEXT.dropped } }</span>
                <button class="button" onclick={props.link.acting(|| Action::Close)}>{ TEXT.close }<kbd>{ "Esc" }</kbd></button>
            </header>
            <ul>
                { for errors.iter().map(error) }
                if !bad {
                    { for dropped.iter().map(|command| html! { <li>{ command }</li> }) }
                }
            </ul>
        </div>
    }
}

fn error(it: &Complaint) -> Html {
    html! {
        <li>
            if let Some(line) = it.line {
                <code>{ format!("{} {line}", TEXT.line) }</code>
            }
            <span>{ &it.message }</span>
        </li>
    }
}
