//! A few strokes that the canvas lacks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use web_sys::CanvasRenderingContext2d;

use super::layout::{Curve, Rect};

/// The family of numbers and names on the canvas.
pub const MONO: &str = "11.5px ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', monospace";
/// The same, smaller.
pub const SMALL: &str = "11px ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', monospace";
/// The family of titles on the canvas.
pub const TITLE: &str = "13px Inter, system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif";

/// The canvas with a shorter hand. It remembers the styles that are set: handing the browser a word costs more than
/// drawing a cell.
pub struct Paint<'a> {
    context: &'a CanvasRenderingContext2d,
    font: Cell<&'static str>,
    fill: RefCell<String>,
    stroke: RefCell<String>,
    dashed: Cell<bool>,
}

thread_local! {
    /// How wide a letter of a font is all of whose letters are.
    static LETTERS: RefCell<BTreeMap<&'static str, f64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Cells that are drawn together, by their colour.
#[derive(Default)]
pub struct Cells<'a> {
    filled: BTreeMap<&'a str, Vec<Rect>>,
    outlined: BTreeMap<&'a str, Vec<Rect>>,
}

impl<'a> Cells<'a> {
    /// A filled cell.
    pub fn fill(&mut self, colour: &'a str, r: Rect) {
        self.filled.entry(colour).or_default().push(r);
    }

    /// The outline of a cell, inside it.
    pub fn outline(&mut self, colour: &'a str, r: Rect) {
        self.outlined.entry(colour).or_default().push(r);
    }
}

/// What dots that are drawn together have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DotKind<'a> {
    fill: &'a str,
    ring: &'a str,
    radius_tenths: u32,
}

/// Dots that are drawn together, by kind.
#[derive(Default)]
pub struct Dots<'a>(BTreeMap<DotKind<'a>, Vec<(f64, f64)>>);

impl<'a> Dots<'a> {
    /// A dot, filled and ringed.
    pub fn add(&mut self, fill: &'a str, ring: &'a str, at: (f64, f64), radius: f64) {
        let kind = DotKind { fill, ring, radius_tenths: (radius * 10.0) as u32 };
        self.0.entry(kind).or_default().push(at);
    }
}

impl<'a> Paint<'a> {
    /// A hand for this canvas.
    pub fn new(context: &'a CanvasRenderingContext2d) -> Self {
        Self {
            context,
            font: Cell::new(""),
            fill: RefCell::default(),
            stroke: RefCell::default(),
            dashed: Cell::new(true),
        }
    }

    /// Words from a point on their base line; cut off with an ellipsis where they would be wider than allowed.
    pub fn words(&self, font: &'static str, colour: &str, x: f64, y: f64, wide: f64, words: &str) {
        self.set_fill(colour);
        let fitted = self.fitted(font, words, wide);
        self.set_font(font);
        // A canvas that cannot write still draws the rest.
        let _ = match &fitted {
            Some(short) => self.context.fill_text(short, x, y),
            None => self.context.fill_text(words, x, y),
        };
    }

    /// How wide words are.
    pub fn width(&self, font: &'static str, words: &str) -> f64 {
        if font == TITLE { self.measure(font, words) } else { words.chars().count() as f64 * self.letter(font) }
    }

    /// How wide a letter is; all are alike in the fonts of numbers and names.
    fn letter(&self, font: &'static str) -> f64 {
        let known = LETTERS.with_borrow(|letters| letters.get(font).copied());
        known.unwrap_or_else(|| {
            let wide = self.measure(font, "0");
            LETTERS.with_borrow_mut(|letters| letters.insert(font, wide));
            wide
        })
    }

    fn measure(&self, font: &'static str, words: &str) -> f64 {
        self.set_font(font);
        self.context.measure_text(words).map_or(0.0, |metrics| metrics.width())
    }

    /// What of the words fits; `None` where all of them do.
    fn fitted(&self, font: &'static str, words: &str, wide: f64) -> Option<String> {
        if self.width(font, words) <= wide {
            return None;
        }
        let mut text: Vec<char> = words.chars().collect();
        while text.pop().is_some() {
            let short = text.iter().collect::<String>() + "…";
            if self.width(font, &short) <= wide {
                return Some(short);
            }
        }
        Some(String::new())
    }

    fn set_font(&self, font: &'static str) {
        if self.font.replace(font) != font {
            self.context.set_font(font);
        }
    }

    fn set_fill(&self, colour: &str) {
        if *self.fill.borrow() != colour {
            self.context.set_fill_style_str(colour);
            colour.clone_into(&mut self.fill.borrow_mut());
        }
    }

    fn set_stroke(&self, colour: &str, thick: f64) {
        if *self.stroke.borrow() != colour {
            self.context.set_stroke_style_str(colour);
            colour.clone_into(&mut self.stroke.borrow_mut());
        }
        self.context.set_line_width(thick);
    }

    /// Draws cells, all of one colour at once: the filled ones first.
    pub fn cells(&self, cells: &Cells<'_>, thick: f64) {
        for (colour, rects) in &cells.filled {
            self.context.begin_path();
            rects.iter().for_each(|r| self.context.rect(r.x, r.y, r.w, r.h));
            self.set_fill(colour);
            self.context.fill();
        }
        for (colour, rects) in &cells.outlined {
            self.context.begin_path();
            let half = thick / 2.0;
            rects.iter().for_each(|r| self.context.rect(r.x + half, r.y + half, r.w - thick, r.h - thick));
            self.set_stroke(colour, thick);
            self.context.stroke();
        }
    }

    /// Draws dots, all of one kind at once.
    pub fn dots(&self, dots: &Dots<'_>, thick: f64) {
        for (kind, places) in &dots.0 {
            let radius = f64::from(kind.radius_tenths) / 10.0;
            self.context.begin_path();
            for (x, y) in places {
                self.context.move_to(x + radius, *y);
                let _ = self.context.arc(*x, *y, radius, 0.0, std::f64::consts::TAU);
            }
            self.set_fill(kind.fill);
            self.context.fill();
            self.set_stroke(kind.ring, thick);
            self.context.stroke();
        }
    }

    /// Curves of one kind at once.
    pub fn curves<'c>(&self, colour: &str, thick: f64, curves: impl Iterator<Item = &'c Curve>) {
        self.context.begin_path();
        for c in curves {
            self.context.move_to(c.from.0, c.from.1);
            self.context.bezier_curve_to(c.a.0, c.a.1, c.b.0, c.b.1, c.to.0, c.to.1);
        }
        self.set_stroke(colour, thick);
        self.context.stroke();
    }

    /// A filled rectangle.
    pub fn fill(&self, colour: &str, r: Rect) {
        self.set_fill(colour);
        self.context.fill_rect(r.x, r.y, r.w, r.h);
    }

    /// The outline of a rectangle, inside it.
    pub fn outline(&self, colour: &str, thick: f64, r: Rect) {
        self.set_stroke(colour, thick);
        self.context.stroke_rect(r.x + thick / 2.0, r.y + thick / 2.0, r.w - thick, r.h - thick);
    }

    /// A rounded box.
    pub fn card(&self, fill: Option<&str>, line: &str, thick: f64, r: Rect) {
        self.context.begin_path();
        let _ = self.context.round_rect_with_f64(r.x + 0.5, r.y + 0.5, r.w - 1.0, r.h - 1.0, 3.0);
        if let Some(fill) = fill {
            self.set_fill(fill);
            self.context.fill();
        }
        self.set_stroke(line, thick);
        self.context.stroke();
    }

    /// A straight line.
    pub fn line(&self, colour: &str, thick: f64, from: (f64, f64), to: (f64, f64)) {
        self.context.begin_path();
        self.context.move_to(from.0, from.1);
        self.context.line_to(to.0, to.1);
        self.set_stroke(colour, thick);
        self.context.stroke();
    }

    /// A triangle that points down at a place.
    pub fn triangle(&self, fill: &str, (x, y): (f64, f64), reach: f64) {
        self.context.begin_path();
        self.context.move_to(x, y);
        self.context.line_to(x - reach, y - reach * 1.6);
        self.context.line_to(x + reach, y - reach * 1.6);
        self.context.close_path();
        self.set_fill(fill);
        self.context.fill();
    }

    /// A square on its corner.
    pub fn diamond(&self, fill: &str, line: &str, (x, y): (f64, f64), reach: f64) {
        self.context.begin_path();
        self.context.move_to(x, y - reach);
        self.context.line_to(x + reach, y);
        self.context.line_to(x, y + reach);
        self.context.line_to(x - reach, y);
        self.context.close_path();
        self.set_fill(fill);
        self.context.fill();
        self.set_stroke(line, 1.3);
        self.context.stroke();
    }

    /// Slanted lines over a rectangle; rising or falling tells two meanings apart without colour.
    pub fn slants(&self, colour: &str, r: Rect, gap: f64, rising: bool) {
        self.context.save();
        self.context.begin_path();
        self.context.rect(r.x, r.y, r.w, r.h);
        self.context.clip();
        self.context.begin_path();
        let mut x = r.x - r.h;
        while x < r.x + r.w {
            let (top, bottom) = if rising { (x + r.h, x) } else { (x, x + r.h) };
            self.context.move_to(bottom, r.y + r.h);
            self.context.line_to(top, r.y);
            x += gap;
        }
        self.set_stroke(colour, 1.2);
        self.context.stroke();
        self.context.restore();
        // What was set inside is forgotten by the canvas, so by us.
        self.stroke.borrow_mut().clear();
    }

    /// A ring around a dot.
    pub fn ring(&self, ink: &str, (x, y): (f64, f64), radius: f64) {
        self.context.begin_path();
        let _ = self.context.arc(x, y, radius, 0.0, std::f64::consts::TAU);
        self.set_stroke(ink, 1.3);
        self.context.stroke();
        self.fill(ink, Rect { x: x - 1.5, y: y - 1.5, w: 3.0, h: 3.0 });
    }

    /// Lines from here on are dashed so; an empty list makes them whole.
    pub fn dash(&self, dashes: &[f64]) {
        if !self.dashed.replace(!dashes.is_empty()) && dashes.is_empty() {
            return;
        }
        let list: js_sys::Array = dashes.iter().map(|&length| wasm_bindgen::JsValue::from_f64(length)).collect();
        let _ = self.context.set_line_dash(&list);
    }
}
