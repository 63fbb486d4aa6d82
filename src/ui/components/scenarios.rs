//! The built-in scenarios.

use yew::prelude::*;

use crate::ui::hooks::use_focus::use_focus;
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
    let first = use_node_ref();
    use_focus(&first, ());
    let close = props.link.acting(|| Action::Toggle(Panel::Scenarios));
    let item = |(i, it): (usize, &Builtin)| {
        let (link, name) = (props.link.clone(), it.name.clone());
        let onclick = Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            link.act(Action::Close);
            link.ask(Ask::LoadBuiltin { name: name.clone(), seed: None });
        });
        let node = if i == 0 { first.clone() } else { NodeRef::default() };
        html! {
            <li><button class="button" ref={node} {onclick}><span>{ &it.title }</span><code>{ &it.name }</code></button></li>
        }
    };
    html! {
        <div class="veil" onclick={close}>
            <section class="panel" role="dialog" aria-label={TEXT.scenarios}>
                <h1>{ TEXT.scenarios }</h1>
                <ul class="list">{ for props.builtins.iter().enumerate().map(item) }</ul>
                <p>{ TEXT.drop_here }</p>
            </section>
        </div>
    }
}
