//! Texts of scenarios show no marks of Markdown, and lose nothing else.
#![cfg(not(target_family = "wasm"))]

#[path = "../src/ui/prose.rs"]
mod prose;

use loglab::lab::scenario::{BUILTINS, parse};
use prose::{Style, pieces, plain};

#[test]
fn code_and_emphasis_are_told_from_what_only_looks_like_them() {
    let text = "gives up *all* of it; `loglab run *.toml` tells; 2 * 3 * 4; a `b";
    let styles: Vec<(Style, &str)> = pieces(text).into_iter().filter(|(style, _)| *style != Style::Plain).collect();
    assert_eq!(styles, [(Style::Emphasis, "all"), (Style::Code, "loglab run *.toml")]);
    assert_eq!(plain(text), "gives up all of it; loglab run *.toml tells; 2 * 3 * 4; a `b");
    for text in ["", "*", "**", "``", "<b>*x*</b>", "naïve *é*"] {
        assert_eq!(plain(text).len() + 2 * (pieces(text).iter().filter(|it| it.0 != Style::Plain).count()), text.len());
    }
}

#[test]
fn no_built_in_text_shows_a_mark() {
    for builtin in BUILTINS {
        let about = parse(builtin.toml).expect("it has no errors").about;
        let shown = pieces(&about).into_iter().filter(|(style, _)| *style != Style::Code);
        assert!(shown.map(|(_, piece)| piece).all(|piece| !piece.contains(['`', '*'])), "{}: {about}", builtin.name);
    }
}
