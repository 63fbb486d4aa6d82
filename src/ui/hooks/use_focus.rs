//! Focus moves into what opens.

use web_sys::HtmlElement;
use yew::prelude::*;

/// Focuses an element when it appears, and again whenever `when` changes.
#[hook]
pub fn use_focus<T: PartialEq + 'static>(node: &NodeRef, when: T) {
    let node = node.clone();
    use_effect_with(when, move |_| {
        if let Some(element) = node.cast::<HtmlElement>() {
            // What cannot be focused still takes the pointer.
            let _ = element.focus();
        }
    });
}
