//! The last notable event, for those who hear the page: at most one a second.

use gloo::timers::callback::Interval;
use yew::prelude::*;

use crate::ui::format;
use crate::ui::link::Link;

/// At most one announcement in this time.
const EVERY_MS: u32 = 1000;

/// What the announcer needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub link: Link,
}

/// The announcer.
#[component]
pub fn Live(props: &Props) -> Html {
    let words = use_state_eq(String::new);
    {
        let (link, words) = (props.link.clone(), words.setter());
        use_effect_with((), move |()| {
            let interval = Interval::new(EVERY_MS, move || words.set(last(&link)));
            move || drop(interval)
        });
    }
    html! { <p class="hidden" aria-live="polite">{ &*words }</p> }
}

fn last(link: &Link) -> String {
    let state = link.state();
    let event = state.frame.as_ref().and_then(|frame| frame.events.last());
    event.map_or_else(String::new, |it| format!("{}: {}", format::seconds(it.at_us), it.text))
}
