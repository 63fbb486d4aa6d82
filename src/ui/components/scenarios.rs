//! The built-in scenarios.

use yew::prelude::*;

use crate::ui::link::Link;
use crate::ui::state::{Action, Panel};
use crate::ui::text::TEXT;
use crate::view::protocol::{Ask, Builtin};

/// What the panel needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub builtins: Vec<Builtin>,
    pub link: Link,
}

/// The panel.
#[component]
pub fn Scenarios(props: &Props) -> Html {
    let close = props.link.acting(|| Action::Toggle(Panel::Scenarios));
    let item = |it: &Builtin| {
        let (link, name) = (props.link.clone(), it.name.clone());
        let onclick = Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            link.act(Action::Close);
            link.ask(Ask::LoadBuiltin { name: name.clone(), seed: None });
        });
        html! {
            <li><button class="button" {onclick}><span>{ &it.title }</span><code>{ &it.name }</code></button></li>
        }
    };
    html! {
        <div class="veil" onclick={close}>
            <section class="panel" role="dialog" aria-label={TEXT.scenarios}>
                <h1>{ TEXT.scenarios }</h1>
                <ul class="list">{ for props.builtins.iter().map(item) }</ul>
                <p>{ TEXT.drop_here }</p>
            </section>
        </div>
    }
}
