//! What was not done, and that a branch began.

use std::rc::Rc;

use yew::prelude::*;

use super::prose::prose;
use crate::ui::link::Link;
use crate::ui::state::{Action, State};
use crate::ui::text::{self, TEXT};
use crate::view::protocol::{Ask, Complaint};

/// What the notice needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub state: Rc<State>,
    pub link: Link,
}

/// A panel at the foot of the stage; the run stays as it is behind it.
#[component]
pub fn Notice(props: &Props) -> Html {
    let errors = &props.state.errors;
    if errors.is_empty() && !props.state.began {
        return Html::default();
    }
    let bad = !errors.is_empty();
    let role = if bad { "alert" } else { "status" };
    html! {
        <div class={classes!("notice", bad.then_some("bad"))} {role}>
            <header>
                <span>{ if bad { TEXT.not_loaded } else { TEXT.began } }</span>
                <button class="button" onclick={props.link.acting(|| Action::Close)}>{ TEXT.close }<kbd>{ "Esc" }</kbd></button>
            </header>
            <ul>
                { for errors.iter().map(error) }
                if !bad {
                    { left(props) }
                }
            </ul>
        </div>
    }
}

/// The branch that keeps its future, and the way back to it.
fn left(props: &Props) -> Option<Html> {
    let frame = props.state.frame.as_ref()?;
    let of = |id: u32| frame.branches.iter().find(|branch| branch.id == id);
    let left = of(of(frame.run.branch)?.parent?.branch)?;
    let onclick = props.link.asking(Ask::Switch { branch: left.id, to: None });
    Some(html! {
        <li><button class="button framed" {onclick}>{ text::back_to(&left.name) }</button></li>
    })
}

fn error(it: &Complaint) -> Html {
    html! {
        <li>
            if let Some(line) = it.line {
                <code>{ format!("{} {line}", TEXT.line) }</code>
            }
            <span>{ prose(&it.message) }</span>
        </li>
    }
}
