//! Texts with code and emphasis in them.

use yew::prelude::*;

use crate::ui::prose::{Style, pieces};

/// A text as elements.
pub fn prose(text: &str) -> Html {
    let piece = |(style, text): (Style, &str)| match style {
        Style::Plain => html! { { text } },
        Style::Code => html! { <code>{ text }</code> },
        Style::Emphasis => html! { <em>{ text }</em> },
    };
    pieces(text).into_iter().map(piece).collect()
}
