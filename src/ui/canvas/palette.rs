//! The colours of the page's theme, read from its custom properties.

use gloo::utils::{document, window};

/// Colours as the canvas takes them.
#[derive(Clone, PartialEq)]
pub struct Palette {
    /// The ground.
    pub bg: String,
    /// Boxes.
    pub surface: String,
    /// Boxes on boxes.
    pub raised: String,
    /// Hairlines.
    pub line: String,
    /// Quiet hairlines.
    pub line_soft: String,
    /// Text.
    pub ink: String,
    /// Less important text.
    pub ink2: String,
    /// The least important text.
    pub ink3: String,
    /// Cells of a replica that is down.
    pub hollow: String,
    /// The alarming colour.
    pub bad: String,
    /// What waits.
    pub warn: String,
    /// What is selected.
    pub focus: String,
    /// Words on a filled cell.
    pub on_cell: String,
    /// Pale tints of members of groups: with a letter, never alone.
    tints: Vec<String>,
    /// Colours of keys, around the circle.
    hues: Vec<String>,
    /// The same where only a line is drawn: it needs more contrast with the ground than an area.
    edges: Vec<String>,
}

/// How many hues there are; more could not be told apart.
const HUES: u32 = 24;

/// How many tints there are; letters tell more apart.
const TINTS: u32 = 6;

impl Palette {
    /// The colours of the present theme.
    pub fn read() -> Self {
        let root = document().document_element();
        let style = root.and_then(|root| window().get_computed_style(&root).ok().flatten());
        let get = |name: &str| {
            let value = style.as_ref().and_then(|style| style.get_property_value(name).ok());
            value.map_or_else(String::new, |value| value.trim().to_string())
        };
        // The golden angle keeps neighbouring keys far apart.
        let circle = |light: String, chroma: String| {
            (0..HUES).map(|n| format!("oklch({light} {chroma} {})", n * 1375 % 3600 / 10)).collect()
        };
        let (hues, edges) = (circle(get("--cell-l"), get("--cell-c")), circle(get("--edge-l"), get("--edge-c")));
        Palette {
            bg: get("--bg"),
            surface: get("--surface"),
            raised: get("--raised"),
            line: get("--line"),
            line_soft: get("--line-soft"),
            ink: get("--ink"),
            ink2: get("--ink2"),
            ink3: get("--ink3"),
            hollow: get("--hollow"),
            bad: get("--bad"),
            warn: get("--warn"),
            focus: get("--focus"),
            on_cell: get("--on-cell"),
            tints: (0..TINTS).map(|n| format!("oklch(0.86 0.055 {})", (n * 75 + 250) % 360)).collect(),
            hues,
            edges,
        }
    }

    /// The tint of a member.
    pub fn tint(&self, member: u32) -> &str {
        &self.tints[(member % TINTS) as usize]
    }

    /// A key's colour; records without a key are grey.
    pub fn key(&self, key: Option<u32>) -> &str {
        key.map_or(&self.ink3, |key| &self.hues[(key % HUES) as usize])
    }

    /// A key's colour for a line.
    pub fn edge(&self, key: Option<u32>) -> &str {
        key.map_or(&self.ink3, |key| &self.edges[(key % HUES) as usize])
    }
}
