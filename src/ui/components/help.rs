//! Every key.

use yew::prelude::*;

use crate::lab::fault::FaultAction;
use crate::ui::hooks::use_focus::use_focus;
use crate::ui::link::Link;
use crate::ui::state::{Action, Panel};
use crate::ui::text::{self, TEXT};
use crate::ui::views;

/// What the panel needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub link: Link,
}

/// The panel.
#[component]
pub fn Help(props: &Props) -> Html {
    // Not its last button: the panel would open at its end.
    let panel = use_node_ref();
    use_focus(&panel, ());
    let close = || props.link.acting(|| Action::Toggle(Panel::Help));
    html! {
        <div class="veil" onclick={close()}>
            <section class="panel" role="dialog" aria-label={TEXT.help} ref={panel} tabindex="-1">
                <h1>{ TEXT.keys }</h1>
                <dl class="keys">
                    { for TEXT.keys_list.iter().map(|(keys, does)| html! {
                        <>
                            <dt><kbd>{ *keys }</kbd></dt>
                            <dd>{ *does }</dd>
                        </>
                    }) }
                    { for FaultAction::help().into_iter().map(|(key, does)| html! {
                        <>
                            <dt><kbd>{ key }</kbd></dt>
                            <dd>{ does }</dd>
                        </>
                    }) }
                    { for views::ALL.iter().map(|view| views::row(*view)).map(|view| html! {
                        <>
                            <dt><kbd>{ view.key }</kbd></dt>
                            <dd>{ text::shows_view(view.name) }</dd>
                        </>
                    }) }
                </dl>
                <p>{ TEXT.try_this }</p>
                <button class="button framed" onclick={close()}>{ TEXT.close }<kbd>{ "Esc" }</kbd></button>
            </section>
        </div>
    }
}
