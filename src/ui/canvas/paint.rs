//! A few strokes that the canvas lacks.

use web_sys::CanvasRenderingContext2d;

use super::layout::{Curve, Rect};

/// The family of numbers and names on the canvas.
pub const MONO: &str = "11.5px ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', monospace";
/// The same, smaller.
pub const SMALL: &str = "11px ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', monospace";
/// The family of titles on the canvas.
pub const TITLE: &str = "13px Inter, system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif";

/// The canvas with a shorter hand.
pub struct Paint<'a>(pub &'a CanvasRenderingContext2d);

impl Paint<'_> {
    /// Words from a point on their base line; cut off with an ellipsis where they would be wider than allowed.
    pub fn words(&self, font: &str, colour: &str, x: f64, y: f64, wide: f64, words: &str) {
        self.0.set_font(font);
        self.0.set_fill_style_str(colour);
        // A canvas that cannot write still draws the rest.
        let _ = self.0.fill_text(&self.fitted(words, wide), x, y);
    }

    /// How wide words are.
    pub fn width(&self, font: &str, words: &str) -> f64 {
        self.0.set_font(font);
        self.0.measure_text(words).map_or(0.0, |metrics| metrics.width())
    }

    fn fitted(&self, words: &str, wide: f64) -> String {
        let fits = |text: &str| self.0.measure_text(text).is_ok_and(|metrics| metrics.width() <= wide);
        if fits(words) {
            return words.into();
        }
        let mut text: Vec<char> = words.chars().collect();
        while text.pop().is_some() {
            let short = text.iter().collect::<String>() + "…";
            if fits(&short) {
                return short;
            }
        }
        String::new()
    }

    /// A filled rectangle.
    pub fn fill(&self, colour: &str, r: Rect) {
        self.0.set_fill_style_str(colour);
        self.0.fill_rect(r.x, r.y, r.w, r.h);
    }

    /// The outline of a rectangle, inside it.
    pub fn outline(&self, colour: &str, thick: f64, r: Rect) {
        self.0.set_stroke_style_str(colour);
        self.0.set_line_width(thick);
        self.0.stroke_rect(r.x + thick / 2.0, r.y + thick / 2.0, r.w - thick, r.h - thick);
    }

    /// A rounded box.
    pub fn card(&self, fill: Option<&str>, line: &str, thick: f64, r: Rect) {
        self.0.begin_path();
        let _ = self.0.round_rect_with_f64(r.x + 0.5, r.y + 0.5, r.w - 1.0, r.h - 1.0, 3.0);
        if let Some(fill) = fill {
            self.0.set_fill_style_str(fill);
            self.0.fill();
        }
        self.0.set_stroke_style_str(line);
        self.0.set_line_width(thick);
        self.0.stroke();
    }

    /// A straight line.
    pub fn line(&self, colour: &str, thick: f64, from: (f64, f64), to: (f64, f64)) {
        self.0.begin_path();
        self.0.move_to(from.0, from.1);
        self.0.line_to(to.0, to.1);
        self.0.set_stroke_style_str(colour);
        self.0.set_line_width(thick);
        self.0.stroke();
    }

    /// A curve.
    pub fn curve(&self, colour: &str, thick: f64, c: &Curve) {
        self.0.begin_path();
        self.0.move_to(c.from.0, c.from.1);
        self.0.bezier_curve_to(c.a.0, c.a.1, c.b.0, c.b.1, c.to.0, c.to.1);
        self.0.set_stroke_style_str(colour);
        self.0.set_line_width(thick);
        self.0.stroke();
    }

    /// A dot, filled and ringed.
    pub fn dot(&self, fill: &str, ring: &str, thick: f64, at: (f64, f64), radius: f64) {
        self.0.begin_path();
        let _ = self.0.arc(at.0, at.1, radius, 0.0, std::f64::consts::TAU);
        self.0.set_fill_style_str(fill);
        self.0.fill();
        self.0.set_stroke_style_str(ring);
        self.0.set_line_width(thick);
        self.0.stroke();
    }

    /// A square on its corner.
    pub fn diamond(&self, fill: &str, line: &str, (x, y): (f64, f64), reach: f64) {
        self.0.begin_path();
        self.0.move_to(x, y - reach);
        self.0.line_to(x + reach, y);
        self.0.line_to(x, y + reach);
        self.0.line_to(x - reach, y);
        self.0.close_path();
        self.0.set_fill_style_str(fill);
        self.0.fill();
        self.0.set_stroke_style_str(line);
        self.0.set_line_width(1.3);
        self.0.stroke();
    }

    /// Slanted lines over a rectangle; rising or falling tells two meanings apart without colour.
    pub fn slants(&self, colour: &str, r: Rect, gap: f64, rising: bool) {
        self.0.save();
        self.0.begin_path();
        self.0.rect(r.x, r.y, r.w, r.h);
        self.0.clip();
        self.0.begin_path();
        let mut x = r.x - r.h;
        while x < r.x + r.w {
            let (top, bottom) = if rising { (x + r.h, x) } else { (x, x + r.h) };
            self.0.move_to(bottom, r.y + r.h);
            self.0.line_to(top, r.y);
            x += gap;
        }
        self.0.set_stroke_style_str(colour);
        self.0.set_line_width(1.2);
        self.0.stroke();
        self.0.restore();
    }

    /// Lines from here on are dashed so; an empty list makes them whole.
    pub fn dash(&self, dashes: &[f64]) {
        let list: js_sys::Array = dashes.iter().map(|&length| wasm_bindgen::JsValue::from_f64(length)).collect();
        let _ = self.0.set_line_dash(&list);
    }
}
