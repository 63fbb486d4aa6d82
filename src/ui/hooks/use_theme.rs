//! Dark or light: as the system says, until the person says otherwise.

use gloo::events::EventListener;
use gloo::storage::{LocalStorage, Storage};
use yew::prelude::*;

/// Under this name the person's choice is kept.
const KEY: &str = "loglab.theme";

/// What the system is asked.
const LIGHT: &str = "(prefers-color-scheme: light)";

/// A theme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
}

impl Theme {
    /// Its name in the document.
    pub fn name(self) -> &'static str {
        match self {
            Theme::Dark => "dark",
            Theme::Light => "light",
        }
    }

    fn other(self) -> Self {
        match self {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::Dark,
        }
    }
}

/// The theme on screen.
pub fn present() -> Theme {
    match LocalStorage::get::<String>(KEY).as_deref() {
        Ok("dark") => Theme::Dark,
        Ok("light") => Theme::Light,
        _ if system_is(LIGHT) => Theme::Light,
        // Nothing kept, or not by this page.
        Ok(_) | Err(_) => Theme::Dark,
    }
}

/// Does the system say so?
pub fn system_is(query: &str) -> bool {
    gloo::utils::window().match_media(query).ok().flatten().is_some_and(|answer| answer.matches())
}

/// The theme, and a callback that turns it over.
#[hook]
pub fn use_theme() -> (Theme, Callback<()>) {
    let theme = use_state_eq(present);
    use_memo(*theme, |theme| {
        if let Some(root) = gloo::utils::document().document_element() {
            // Before the first picture, so that the canvas finds its colours.
            let _ = root.set_attribute("data-theme", theme.name());
        }
    });
    {
        let theme = theme.setter();
        use_effect_with((), move |()| {
            let system = gloo::utils::window().match_media(LIGHT).ok().flatten();
            let listener = system.map(|it| EventListener::new(&it, "change", move |_| theme.set(present())));
            move || drop(listener)
        });
    }
    let turn = {
        let theme = theme.clone();
        Callback::from(move |()| {
            let other = theme.other();
            // A browser that keeps nothing still turns over.
            let _ = LocalStorage::set(KEY, other.name());
            theme.set(other);
        })
    };
    (*theme, turn)
}
