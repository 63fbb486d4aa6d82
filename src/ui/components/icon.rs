//! Line drawings of 16 by 16.

use yew::prelude::*;

/// A path in a square of 16.
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The path.
    pub path: AttrValue,
}

/// A line drawing; what it means stands on the button around it.
#[component]
pub fn Icon(props: &Props) -> Html {
    html! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d={&props.path} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" />
        </svg>
    }
}

/// Play.
pub const PLAY: &str = "M4.5 3v10l8-5z";
/// Pause.
pub const PAUSE: &str = "M5 3v10M11 3v10";
/// One step on.
pub const STEP_ON: &str = "M4 4l5 4-5 4M12 4v8";
/// One step back.
pub const STEP_BACK: &str = "M12 4L7 8l5 4M4 4v8";
/// To the next interesting event.
pub const NEXT: &str = "M2 4l5 4-5 4M8 4l4 4-4 4M14 3v10";
/// To the previous interesting event.
pub const PREVIOUS: &str = "M14 4L9 8l5 4M8 4L4 8l4 4M2 3v10";
/// What marks mean.
pub const MEANING: &str = "M4 2l2.5 2.5L4 7 1.5 4.5zM9 4.5h5.5M2 10h4v4H2zM9 12h5.5";
/// A list of what there is.
pub const LIST: &str = "M2 4h12M2 8h12M2 12h8";
/// What is selected.
pub const INSPECT: &str = "M2.5 3h11v10h-11zM9.5 3v10M11 6h1.2M11 9h1.2";
