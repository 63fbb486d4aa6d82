//! The whole page.

use gloo::file::File as GlooFile;
use gloo::file::futures::read_as_text;
use wasm_bindgen_futures::spawn_local;
use web_sys::{DragEvent, File, FileList, HtmlInputElement};
use yew::prelude::*;

use super::header::Header;
use super::help::Help;
use super::inspector::Inspector;
use super::legend::legend;
use super::live::Live;
use super::notice::Notice;
use super::panic::Panic;
use super::rail::Rail;
use super::scenarios::Scenarios;
use super::timeline::Timeline;
use super::transport::Transport;
use super::views::Views;
use crate::ui::format;
use crate::ui::hooks::use_engine::use_engine;
use crate::ui::hooks::use_keys::use_keys;
use crate::ui::hooks::use_playback::use_playback;
use crate::ui::hooks::use_theme::use_theme;
use crate::ui::link::Link;
use crate::ui::shown::Shown;
use crate::ui::state::{Action, Panel, Sheet};
use crate::ui::text::{self, TEXT};
use crate::ui::views;
use crate::view::protocol::{Ask, Complaint};

/// The largest scenario file that is read, in bytes.
const LARGEST_FILE: f64 = 1e6;

/// The whole page.
#[component]
pub fn App() -> Html {
    let (state, link) = use_engine();
    let (theme, turn) = use_theme();
    let chooser = use_node_ref();
    let dropping = use_state_eq(|| false);
    let open = {
        let chooser = chooser.clone();
        Callback::from(move |()| {
            if let Some(input) = chooser.cast::<HtmlInputElement>() {
                input.click();
            }
        })
    };
    use_playback(state.playing, state.speed, &link);
    use_keys(&link, open.clone(), turn.clone());

    let chosen = {
        let link = link.clone();
        Callback::from(move |event: Event| {
            let input: HtmlInputElement = event.target_unchecked_into();
            load_first(&link, input.files());
            // The same file can be chosen again after it was mended.
            input.set_value("");
        })
    };
    let over = {
        let dropping = dropping.clone();
        Callback::from(move |event: DragEvent| {
            event.prevent_default();
            dropping.set(true);
        })
    };
    let left = {
        let dropping = dropping.clone();
        Callback::from(move |event: DragEvent| dropping.set(event.related_target().is_some()))
    };
    let dropped = {
        let (dropping, link) = (dropping.clone(), link.clone());
        Callback::from(move |event: DragEvent| {
            event.prevent_default();
            dropping.set(false);
            load_first(&link, event.data_transfer().and_then(|data| data.files()));
        })
    };
    let class = classes!(
        "app",
        dropping.then_some("dropping"),
        (state.sheet == Some(Sheet::Rail)).then_some("sheet-rail"),
        (state.sheet == Some(Sheet::Inspector)).then_some("sheet-inspector"),
    );
    html! {
        <div {class} data-drop={TEXT.drop_here} ondragover={over} ondragleave={left} ondrop={dropped}>
            <Header state={state.clone()} link={link.clone()} {theme} {turn} {open} />
            if let Some(frame) = &state.frame {
                <Rail frame={frame.clone()} selection={state.selection.clone()} link={link.clone()} />
                <div class="viewport">
                    <Views state={state.clone()} frame={frame.clone()} link={link.clone()} />
                    if let Some(sentence) = text::standing(&state.selection, frame) {
                        <p class="sentence">{ sentence }</p>
                    }
                    { picture(Shown { state: state.clone(), frame: frame.clone(), theme, link: link.clone() }) }
                    if state.legend {
                        { legend(state.view) }
                    }
                    <Notice state={state.clone()} link={link.clone()} />
                </div>
                <Inspector frame={frame.clone()} selection={state.selection.clone()} link={link.clone()} />
                <section class="time" aria-label={TEXT.timeline}>
                    <Transport frame={frame.clone()} playing={state.playing} speed={state.speed} link={link.clone()} />
                    <Timeline frame={frame.clone()} link={link.clone()} />
                </section>
            } else {
                <div class="viewport">
                    <p class="quiet" role="status">{ TEXT.loading }</p>
                    <Notice state={state.clone()} link={link.clone()} />
                </div>
            }
            if state.panic.is_some() {
                <Panic state={state.clone()} link={link.clone()} />
            } else if state.panel == Some(Panel::Help) {
                <Help link={link.clone()} />
            } else if state.panel == Some(Panel::Scenarios) {
                <Scenarios builtins={state.builtins.clone()} link={link.clone()} />
            }
            <Live link={link.clone()} />
            <input ref={chooser} class="hidden" type="file" accept=".toml" tabindex="-1" aria-hidden="true"
                onchange={chosen} />
        </div>
    }
}

/// The picture of the chosen view. Right after it was chosen there is none for it yet.
fn picture(shown: Shown) -> Html {
    if shown.frame.view == shown.state.view {
        (views::row(shown.state.view).picture)(&shown)
    } else {
        html! { <main class="view" /> }
    }
}

/// Reads the first of some files and asks for its run.
fn load_first(link: &Link, files: Option<FileList>) {
    // Somebody dropped words, or chose nothing.
    let Some(file) = files.and_then(|files| files.get(0)) else { return };
    let link = link.clone();
    spawn_local(async move {
        match read(file).await {
            Ok(toml) => {
                link.ask(Ask::Load { toml, seed: None });
            }
            Err(message) => link.act(Action::Refused(vec![Complaint { line: None, message }])),
        }
    });
}

/// The text of a file, or why it is none. A file that nobody can have written by hand is not even read.
async fn read(file: File) -> Result<String, String> {
    if file.size() > LARGEST_FILE {
        return Err(text::too_large(&format::count(file.size() as u64), &format::count(LARGEST_FILE as u64)));
    }
    let text = read_as_text(&GlooFile::from(file)).await.map_err(|_| TEXT.unreadable.to_owned())?;
    let is_text = !text.contains(['\0', '\u{fffd}']);
    if is_text { Ok(text) } else { Err(TEXT.not_text.to_owned()) }
}
