//! The page. The only module that knows a browser.
//!
//! The engine lives in a [`worker`]; the page talks to it over a [`link`], keeps what it was told in a [`state`], and
//! draws. Nothing on screen is computed anywhere but in the engine.

// What is hidden is public for `tests/wasm/page_parts.rs` alone.
#[doc(hidden)]
pub mod canvas;
mod codec;
#[doc(hidden)]
pub mod components;
mod face;
mod format;
mod hooks;
#[doc(hidden)]
pub mod interventions;
mod labels;
mod link;
mod prose;
mod shown;
#[doc(hidden)]
pub mod state;
mod text;
#[doc(hidden)]
pub mod views;
pub mod worker;

/// Puts the page into the document.
pub fn start() {
    std::panic::set_hook(Box::new(|info| last_words(&info.to_string())));
    yew::Renderer::<components::app::App>::new().render();
}

/// The page itself has panicked: its picture stays, and what happened stands over it.
fn last_words(words: &str) {
    gloo::console::error!(words);
    let document = gloo::utils::document();
    if let (Ok(note), Some(body)) = (document.create_element("pre"), document.body()) {
        note.set_class_name("last-words");
        note.set_text_content(Some(&format!("{}\n\n{words}", text::TEXT.page_panic)));
        // There is nobody left to tell if even this fails.
        let _ = body.append_child(&note);
    }
}
