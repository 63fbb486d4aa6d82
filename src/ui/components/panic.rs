//! The engine has panicked: what it said, what is kept, and how to go on.

use std::rc::Rc;

use yew::prelude::*;

use crate::ui::format;
use crate::ui::hooks::use_focus::use_focus;
use crate::ui::link::{self, Link};
use crate::ui::state::State;
use crate::ui::text::TEXT;

/// What the panel needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub state: Rc<State>,
    pub link: Link,
}

/// The panel.
#[component]
pub fn Panic(props: &Props) -> Html {
    let first = use_node_ref();
    use_focus(&first, ());
    let commands = link::commands(&props.state);
    let again = |with_commands: bool| {
        let link = props.link.clone();
        Callback::from(move |_: MouseEvent| link.replay(with_commands))
    };
    html! {
        <div class="veil">
            <section class="panel" role="alertdialog" aria-label={TEXT.panic_title}>
                <h1>{ TEXT.panic_title }</h1>
                <p><code>{ props.state.panic.clone().unwrap_or_default() }</code></p>
                if !commands.is_empty() {
                    <p>{ TEXT.panic_kept }</p>
                    <ul class="list">
                        { for commands.iter().map(|(at, text)| html! {
                            <li><code>{ format::seconds(*at) }</code>{ " " }{ text }</li>
                        }) }
                    </ul>
                }
                if props.state.frame.is_some() {
                    <button class="button framed" ref={first} onclick={again(true)}>{ TEXT.panic_replay }</button>{ " " }
                    <button class="button framed" onclick={again(false)}>{ TEXT.panic_start }</button>
                }
            </section>
        </div>
    }
}
