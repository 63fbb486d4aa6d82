//! What the marks of the picture mean, along its lower edge.

use yew::prelude::*;

use crate::ui::text::{self, TEXT};
use crate::view::lens::View;

/// The legend of a view.
pub fn legend(view: View) -> Html {
    let mark = |(paths, words): &text::Mark| {
        html! {
            <li>
                <svg viewBox="0 0 18 12" aria-hidden="true">
                    { for paths.iter().map(|(class, d)| html! { <path class={*class} d={*d} /> }) }
                </svg>
                { *words }
            </li>
        }
    };
    html! {
        // It scrolls on a narrow screen: the keyboard gets there.
        <ul class="legend" aria-label={TEXT.legend} tabindex="0">{ for text::legend(view).map(mark) }</ul>
    }
}
