//! Draws the logs of a partition: all replicas on one scale of offsets.

mod bands;
mod rows;

use super::layout::Rect;
use super::log_layout::{LogLayout, READER, READERS};
use super::paint::{MONO, Paint, SMALL};
use super::palette::Palette;
use crate::ui::format;
use crate::ui::text::{self, TEXT};
use crate::view::frame::Selection;
use crate::view::log::{Log, LogReplica};
use crate::view::state::Role;

/// What is drawn, and how.
pub struct LogScene<'a> {
    pub log: &'a Log,
    pub layout: &'a LogLayout,
    pub palette: &'a Palette,
    pub selection: &'a Selection,
}

impl LogScene<'_> {
    /// Draws everything onto a canvas that is scaled to CSS pixels.
    pub fn draw(&self, paint: &Paint) {
        let whole = Rect { x: 0.0, y: 0.0, w: self.layout.width, h: self.layout.height };
        paint.fill(&self.palette.bg, whole);
        self.overview(paint);
        if let Some(reference) = self.log.replicas.get(self.layout.reference) {
            self.overview_of(paint, reference);
            self.epochs(paint, reference);
            self.segments(paint, reference);
            self.cleaning(paint, reference);
            self.transactions(paint, reference);
        }
        self.axis(paint);
        self.readers(paint);
        for row in &self.layout.rows {
            self.row(paint, row);
        }
        self.acknowledged(paint);
    }

    /// The whole log, its replicas as lines, and where the window stands in it.
    fn overview(&self, paint: &Paint) {
        let (p, o) = (self.palette, self.layout.overview);
        self.label(paint, o.y + 10.0, TEXT.whole_log);
        let x = |offset| self.layout.overview_x(self.log, offset);
        let each = o.h / self.log.replicas.len().max(1) as f64;
        for (replica, place) in self.log.replicas.iter().zip(0u32..) {
            let y = o.y + each * (f64::from(place) + 0.5);
            if replica.log_end >= 0 {
                let ink = if replica.role == Role::Leader { &p.ink2 } else { &p.hollow };
                paint.line(
                    ink,
                    1.6,
                    (x(replica.log_start), y),
                    (x(replica.log_end).max(x(replica.log_start) + 1.0), y),
                );
            }
        }
        let (from, to) = (x(self.log.first), x(self.log.first + i64::from(self.log.offsets)));
        paint.outline(&p.focus, 1.0, Rect { x: from, y: o.y - 3.0, w: (to - from).max(4.0), h: o.h + 6.0 });
        let (first, last) = (format::offset(self.log.earliest), format::offset(self.log.latest));
        let wide = paint.width(SMALL, &last);
        paint.words(SMALL, &p.ink3, o.x, o.y - 6.0, 90.0, &first);
        paint.words(SMALL, &p.ink3, o.x + o.w - wide, o.y - 6.0, wide + 2.0, &last);
    }

    /// What of the whole log is told of one replica: its segments, what the cleaner makes of it, where consumers stand.
    fn overview_of(&self, paint: &Paint, replica: &LogReplica) {
        let (p, o, band) = (self.palette, self.layout.overview, self.layout.overview_cleaning);
        let x = |offset| self.layout.overview_x(self.log, offset);
        for segment in &replica.segments {
            let at = x(segment.base);
            paint.line(&p.ink3, 1.0, (at, o.y - 1.0), (at, o.y + o.h + 1.0));
        }
        for reader in &self.log.readers {
            let at = x(reader.position);
            let ink = if self.log.is_gone(reader.position) { &p.bad } else { &p.ink };
            paint.fill(ink, Rect { x: at - 1.0, y: o.y - 3.0, w: 2.0, h: o.h + 6.0 });
        }
        // The topic is not compacted.
        let Some(it) = replica.cleaning.as_ref().filter(|_| band.h > 0.0) else { return };
        let range = |from: i64, to: i64| Rect { x: x(from), y: band.y, w: (x(to) - x(from)).max(0.0), h: band.h };
        paint.fill(&p.ink3, range(replica.log_start, it.first_dirty));
        paint.slants(&p.ink2, range(it.first_dirty, it.first_uncleanable), 4.0, true);
        paint.outline(&p.line, 1.0, range(replica.log_start, replica.log_end));
        if let Some(pass) = &it.pass
            && let Some(&from) = pass.segments.first()
        {
            let r = range(from, pass.end);
            paint.outline(&p.focus, 1.6, Rect { x: r.x - 1.0, y: r.y - 2.0, w: r.w.max(3.0) + 2.0, h: r.h + 4.0 });
        }
    }

    /// Where the consumers stand: a triangle with a name, or an arrow towards it where it is out of sight.
    fn readers(&self, paint: &Paint) {
        let (p, band, scale) = (self.palette, self.layout.readers, self.layout.scale);
        if band.h > 0.0 {
            self.label(paint, band.y + 11.0, TEXT.position);
        }
        for (reader, line) in self.log.readers.iter().take(READERS).zip(0u32..) {
            let (x, y) = (scale.x(reader.position), band.y + f64::from(line) * READER + 11.0);
            let behind = self.log.is_gone(reader.position);
            let ink = if behind { &p.bad } else { &p.ink2 };
            let words = text::reader(&reader.name, &format::offset(reader.position), behind);
            let wide = paint.width(SMALL, &words);
            if x < scale.left {
                paint.words(SMALL, ink, scale.left, y, wide + 20.0, &text::elsewhere(&words, true));
            } else if x > scale.right {
                let words = text::elsewhere(&words, false);
                paint.words(SMALL, ink, scale.right - wide - 16.0, y, wide + 20.0, &words);
            } else {
                paint.triangle(ink, (x, y + 2.0), 5.0);
                let right = x + 9.0 + wide < scale.right;
                paint.words(SMALL, ink, if right { x + 9.0 } else { x - wide - 9.0 }, y, wide + 4.0, &words);
            }
        }
    }

    fn axis(&self, paint: &Paint) {
        let scale = self.layout.scale;
        let digits = paint.width(SMALL, &self.log.latest.to_string()) + 14.0;
        let step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]
            .into_iter()
            .find(|&step| step as f64 * scale.cell >= digits)
            .unwrap_or(2_000);
        let first = self.log.first.div_euclid(step) * step;
        let last = self.log.first + i64::from(self.log.offsets);
        for offset in (0..).map(|n| first + n * step).take_while(|&it| it < last).filter(|&it| it >= self.log.first) {
            let x = scale.x(offset) + 1.0;
            paint.words(SMALL, &self.palette.ink3, x, self.layout.axis.y + 10.0, 90.0, &offset.to_string());
        }
    }

    /// What producers were told is stored, where the leader does not have it.
    fn acknowledged(&self, paint: &Paint) {
        let leader = self.log.replicas.iter().find(|it| it.role == Role::Leader);
        let end = self.log.acknowledged_end;
        // Without a leader nobody can say what it does not have.
        let (Some(leader), Some(last)) = (leader, self.layout.rows.last()) else { return };
        let scale = self.layout.scale;
        if end <= leader.log_end || scale.x(end) < scale.left || scale.x(end) > scale.right {
            return;
        }
        let (p, x) = (self.palette, scale.x(end) - 1.0);
        let bottom = last.cells.y + last.cells.h + 22.0;
        paint.line(&p.bad, 1.4, (x, self.layout.rows[0].cells.y - 8.0), (x, bottom));
        let words = format!("{} {end}", TEXT.acknowledged);
        let wide = paint.width(SMALL, &words);
        paint.words(SMALL, &p.bad, (x - wide - 5.0).max(scale.left), bottom + 8.0, wide + 4.0, &words);
    }

    fn label(&self, paint: &Paint, y: f64, words: &str) {
        if !self.layout.narrow {
            paint.words(MONO, &self.palette.ink3, 16.0, y, 94.0, words);
        }
    }
}
