//! The little Markdown that scenarios' texts and complaints use: `code` and *emphasis*. Whatever else looks like a mark stands as
//! it is written; nothing becomes an element that is not one of these two. Plain reading: no browser is needed.

/// How a piece of a text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Between backticks.
    Code,
    /// Between asterisks.
    Emphasis,
}

/// The pieces of a text, without their marks.
#[must_use]
pub fn pieces(text: &str) -> Vec<(Style, &str)> {
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(found) = text[at..].find(['`', '*']) {
        let start = at + found;
        let mark = if text[start..].starts_with('`') { '`' } else { '*' };
        let inside = text[start + 1..].find(mark).map(|length| &text[start + 1..start + 1 + length]);
        // An asterisk between words, as in 2 * 3, marks nothing.
        let Some(inside) = inside.filter(|it| !it.is_empty() && (mark == '`' || it.trim() == *it)) else {
            at = start + 1;
            continue;
        };
        pieces.push((Style::Plain, &text[plain..start]));
        pieces.push((if mark == '`' { Style::Code } else { Style::Emphasis }, inside));
        (plain, at) = (start + inside.len() + 2, start + inside.len() + 2);
    }
    pieces.push((Style::Plain, &text[plain..]));
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}

/// A text where no elements can stand, without its marks.
#[must_use]
pub fn plain(text: &str) -> String {
    pieces(text).into_iter().map(|(_, piece)| piece).collect()
}
