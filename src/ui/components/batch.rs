//! An opened batch: its fields beside its bytes. Pointing at one lights the other.

use yew::prelude::*;

use crate::ui::format;
use crate::ui::link::Link;
use crate::ui::state::Action;
use crate::ui::text::{self, TEXT};
use crate::view::log::{Field, OpenBatch};

/// Bytes in a row.
const ROW: usize = 16;

/// What the panel needs.
#[derive(Properties, PartialEq)]
pub struct Props {
    pub open: OpenBatch,
    pub link: Link,
}

/// Bytes of one row that belong to one field; `None` where no field claims them.
#[derive(Clone, Copy, PartialEq)]
pub struct Run {
    /// Its place in the batch's list of fields.
    pub field: Option<usize>,
    pub from: usize,
    pub to: usize,
}

/// The panel.
#[component]
pub fn Bytes(props: &Props) -> Html {
    let lit = use_state_eq(|| None::<usize>);
    let it = &props.open;
    let light = |field: Option<usize>| {
        let lit = lit.clone();
        Callback::from(move |_: PointerEvent| lit.set(field))
    };
    let focus = |field: Option<usize>| {
        let lit = lit.clone();
        Callback::from(move |_: FocusEvent| lit.set(field))
    };
    let row = |(place, field): (usize, &Field)| {
        let class = classes!("field", (*lit == Some(place)).then_some("lit"));
        let begins = field.record.is_some() && field.name == "length";
        html! {
            <>
                if begins {
                    <tr class="record"><th colspan="2">{ text::record(&format::offset(field.record.unwrap_or(-1))) }</th></tr>
                }
                <tr {class} tabindex="0" onpointerover={light(Some(place))} onfocus={focus(Some(place))}>
                    <th>{ &field.name }</th>
                    <td>{ &field.value }</td>
                </tr>
            </>
        }
    };
    let run = |run: Run| {
        let hex: Vec<String> = it.bytes[run.from..run.to].iter().map(|byte| format!("{byte:02x}")).collect();
        let is_lit = run.field.is_some() && *lit == run.field;
        html! {
            <>
                <span class={classes!("run", is_lit.then_some("lit"))} onpointerover={light(run.field)}>{ hex.join(" ") }</span>
                { " " }
            </>
        }
    };
    let more = it.size as usize - it.bytes.len().min(it.size as usize);
    html! {
        <section class="bytes" aria-label={TEXT.batch}>
            <header>
                <b>{ text::batch_title(it.base, it.last) }</b>
                <span class={(!it.crc_valid).then_some("bad")}>{ about(it) }</span>
                <span class="grow" />
                <button class="button" onclick={props.link.acting(|| Action::Close)}>
                    { TEXT.close }<kbd class="narrow-hide">{ "Esc" }</kbd>
                </button>
            </header>
            <div class="meaning" onpointerleave={light(None)}>
                <table class="fields"><tbody>{ for it.fields.iter().enumerate().map(row) }</tbody></table>
            </div>
            <div class="dump" onpointerleave={light(None)}>
                { for rows(it).into_iter().map(|(at, runs)| html! {
                    <div><i>{ format!("{at:04x} ") }</i><code>{ for runs.iter().map(|it| run(*it)) }</code>
                        <code class="letters">{ letters(&it.bytes[at..(at + ROW).min(it.bytes.len())]) }</code></div>
                }) }
                if more > 0 {
                    <p class="quiet">{ text::more_bytes(&format::count(more as u64)) }</p>
                }
            </div>
        </section>
    }
}

fn about(it: &OpenBatch) -> String {
    let crc = if it.crc_valid { TEXT.crc_valid } else { TEXT.crc_wrong };
    let horizon = it.delete_in_ms.map_or(String::new(), |left| format!(" · {}", text::horizon(left)));
    format!(
        "{} {} · {} {} {} · {} {} · {crc}{horizon}",
        TEXT.broker,
        it.broker,
        it.file,
        TEXT.at,
        format::count(it.position.into()),
        format::count(it.size.into()),
        TEXT.bytes,
    )
}

/// The bytes in rows, cut where a field ends.
pub fn rows(it: &OpenBatch) -> Vec<(usize, Vec<Run>)> {
    (0..it.bytes.len()).step_by(ROW).map(|at| (at, runs(it, at, (at + ROW).min(it.bytes.len())))).collect()
}

fn runs(it: &OpenBatch, from: usize, to: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut at = from;
    while at < to {
        let field = it.fields.partition_point(|field| (field.at + field.len) as usize <= at);
        let inside = it.fields.get(field).filter(|field| field.at as usize <= at);
        let end = inside.map_or(to, |field| ((field.at + field.len) as usize).min(to));
        runs.push(Run { field: inside.map(|_| field), from: at, to: end });
        at = end;
    }
    runs
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' }).collect()
}
