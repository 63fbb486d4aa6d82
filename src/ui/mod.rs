//! The page. The only module that knows a browser.
//!
//! The engine lives in a [`worker`]; the page talks to it over a [`link`], keeps what it was told in a [`state`], and
//! draws. Nothing on screen is computed anywhere but in the engine.

mod canvas;
mod codec;
mod components;
mod face;
mod format;
mod hooks;
mod link;
mod orders;
mod state;
mod text;
pub mod worker;

/// Puts the page into the document.
pub fn start() {
    yew::Renderer::<components::app::App>::new().render();
}
