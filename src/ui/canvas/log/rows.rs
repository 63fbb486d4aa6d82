//! The replicas, one below the other: batches, records, flags.

use super::LogScene;
use crate::ui::canvas::layout::Rect;
use crate::ui::canvas::log_layout::{Row, is_selected};
use crate::ui::canvas::paint::{Paint, SMALL, TITLE};
use crate::ui::format;
use crate::ui::text::{self, TEXT};
use crate::view::frame::Node;
use crate::view::log::{Batch, BatchKind, LogReplica, Record, Torn};
use crate::view::state::Role;

/// Cells at least so wide carry the keys of their records.
const KEYED: f64 = 22.0;
/// Cells narrower than this are drawn as one bar a batch.
const SINGLE: f64 = 5.0;

/// A cell's way of being drawn, which says what its replica is.
#[derive(Clone, Copy)]
struct Style {
    role: Role,
    committed: bool,
    lost: bool,
    kind: BatchKind,
    delete_in_ms: Option<i64>,
}

impl LogScene<'_> {
    pub(super) fn row(&self, paint: &Paint, row: &Row) {
        let replica = &self.log.replicas[row.replica];
        let p = self.palette;
        self.name(paint, row, replica);
        if replica.log_end < 0 && replica.segments.is_empty() {
            let c = row.cells;
            paint.words(SMALL, &p.ink3, c.x, c.y + 17.0, c.w, TEXT.log_not_open);
            return;
        }
        self.holes(paint, row, replica);
        for batch in &replica.batches {
            self.batch(paint, row, replica, batch);
        }
        if let Some(torn) = &replica.torn {
            return self.torn(paint, row, torn);
        }
        self.flags(paint, row, replica);
    }

    fn name(&self, paint: &Paint, row: &Row, replica: &LogReplica) {
        let p = self.palette;
        let down = replica.role == Role::Offline;
        let name = format::node(&Node::Broker(replica.broker));
        let what = self.about(replica);
        let (x, y) = if self.layout.narrow { (12.0, row.row.y + 14.0) } else { (16.0, row.cells.y + 11.0) };
        paint.words(TITLE, if down { &p.ink3 } else { &p.ink }, x, y, 90.0, &name);
        let (x, y) = if self.layout.narrow { (86.0, y) } else { (16.0, y + 15.0) };
        let wide = if self.layout.narrow { self.layout.width - 98.0 } else { 94.0 };
        paint.words(SMALL, &p.ink3, x, y, wide, &what);
    }

    /// Its part in replication, and how far behind the leader it ends.
    fn about(&self, replica: &LogReplica) -> String {
        let leader = self.log.replicas.iter().find(|it| it.role == Role::Leader);
        let behind = leader.map_or(0, |leader| leader.log_end - replica.log_end);
        let role = match replica.role {
            Role::Offline => text::state(replica.state),
            Role::Leader => TEXT.leader,
            role => text::role(role),
        };
        if behind > 0 && replica.log_end >= 0 {
            format!("{role} · −{}", format::offset(behind))
        } else {
            role.into()
        }
    }

    /// A dotted line where offsets lie in the log and hold nothing: compaction has removed their records.
    fn holes(&self, paint: &Paint, row: &Row, replica: &LogReplica) {
        let (p, c, scale) = (self.palette, row.cells, self.layout.scale);
        let y = c.y + c.h / 2.0;
        if replica.torn.is_none() && scale.x(replica.log_end) < scale.left {
            let words = text::ends_before(&format::offset(replica.log_end));
            paint.words(SMALL, &p.ink3, c.x, y + 4.0, c.w, &words);
        }
        let dots = |first: i64, end: i64| {
            let (from, to) = (scale.inside(first), scale.inside(end));
            if end > first && to > from {
                paint.line(&p.ink3, 1.4, (from + 3.0, y), (to - 2.0, y));
            }
        };
        paint.dash(&[1.0, 5.0]);
        let mut next = replica.log_start.max(self.log.first);
        for batch in &replica.batches {
            // What cannot be read is taken to be there.
            let offsets: Vec<i64> = match batch.records.is_empty() && batch.codec != "none" {
                true => (batch.base..=batch.last).collect(),
                false => batch.records.iter().map(|record| record.offset).collect(),
            };
            for offset in offsets.into_iter().chain([batch.last + 1]) {
                dots(next, offset);
                next = next.max(if offset <= batch.last { offset + 1 } else { offset });
            }
        }
        // What lies before the next batch, which stands beyond the window.
        dots(next, replica.log_end);
        paint.dash(&[]);
    }

    fn batch(&self, paint: &Paint, row: &Row, replica: &LogReplica, batch: &Batch) {
        let (p, c, scale) = (self.palette, row.cells, self.layout.scale);
        let (from, to) = (scale.x(batch.base), scale.x(batch.last + 1));
        let (left, right) = (from.max(scale.left), to.min(scale.right));
        if right <= left {
            return;
        }
        let style = Style {
            role: replica.role,
            committed: batch.last < replica.high_watermark,
            lost: batch.lost,
            kind: batch.kind,
            delete_in_ms: batch.delete_in_ms,
        };
        let visible = |record: &&Record| {
            let x = scale.x(record.offset);
            x >= scale.left && x + scale.cell <= scale.right + 0.5
        };
        if scale.cell < SINGLE || batch.records.is_empty() && batch.codec != "none" {
            self.bar(paint, Rect { x: left, y: c.y, w: right - left - 1.0, h: c.h }, batch, style);
        } else {
            for record in batch.records.iter().filter(visible) {
                let r = Rect {
                    x: scale.x(record.offset),
                    y: c.y,
                    w: scale.cell - if scale.cell > 12.0 { 2.5 } else { 1.2 },
                    h: c.h,
                };
                self.cell(paint, r, record, style);
            }
        }
        if batch.corrupt {
            self.cross(paint, Rect { x: left, y: c.y, w: (right - left - 2.5).max(3.0), h: c.h });
        }
        let selected = is_selected(self.selection, self.log, replica, batch);
        let (ink, thick) = if selected { (&p.focus, 2.0) } else { (&p.ink3, 1.0) };
        let y = c.y + c.h + 5.0;
        if scale.cell >= SINGLE || selected {
            let (left, right) = (left + 0.5, (right - 2.5).max(left + 1.5));
            paint.line(ink, thick, (left, y), (right, y));
            if from >= scale.left {
                paint.line(ink, thick, (left, y - 3.0), (left, y));
            }
            if to <= scale.right + 0.5 {
                paint.line(ink, thick, (right, y - 3.0), (right, y));
            }
        }
        if selected {
            paint.outline(&p.focus, 1.6, Rect { x: left - 2.0, y: c.y - 3.0, w: right - left + 2.0, h: c.h + 6.0 });
        }
    }

    /// Where the last whole batch on the medium ends, and what stands behind it.
    fn torn(&self, paint: &Paint, row: &Row, torn: &Torn) {
        let (p, c, scale) = (self.palette, row.cells, self.layout.scale);
        let x = scale.x(torn.offset);
        let ink = if torn.bytes > 0 { &p.bad } else { &p.ink3 };
        let words = text::torn(torn);
        if x < scale.left || x > scale.right {
            let words = text::elsewhere(&words, x < scale.left);
            paint.words(SMALL, ink, c.x, c.y + 17.0, c.w, &words);
            return;
        }
        let mut at = (x - 1.0, c.y - 4.0);
        for step in 1..=6 {
            // A torn edge.
            let next =
                (x - 1.0 + if step % 2 == 1 { 5.0 } else { 0.0 }, c.y - 4.0 + f64::from(step) * (c.h + 8.0) / 6.0);
            paint.line(ink, 1.6, at, next);
            at = next;
        }
        let wide = paint.width(SMALL, &words);
        let left = (x + 12.0).min(scale.right - wide).max(scale.left);
        let y = if left < x { c.y + c.h + 20.0 } else { c.y + 17.0 };
        paint.words(SMALL, ink, left, y, wide + 4.0, &words);
    }

    /// A batch whose checksum is wrong is crossed out: never colour alone.
    fn cross(&self, paint: &Paint, r: Rect) {
        let p = self.palette;
        paint.outline(&p.bad, 2.0, r);
        paint.line(&p.bad, 2.0, (r.x, r.y), (r.x + r.w, r.y + r.h));
        paint.line(&p.bad, 2.0, (r.x, r.y + r.h), (r.x + r.w, r.y));
        if r.w >= KEYED {
            paint.words(SMALL, &p.bad, r.x, r.y + r.h + 20.0, 90.0, TEXT.crc);
        }
    }

    /// A whole batch as one bar: its records are too narrow to be told apart, or their bytes are compressed.
    fn bar(&self, paint: &Paint, r: Rect, batch: &Batch, style: Style) {
        let first = batch.records.first().and_then(|record| record.hue);
        let hue = if style.role == Role::Leader { self.palette.key(first) } else { self.palette.edge(first) };
        self.body(paint, r, hue, style);
        if batch.records.is_empty() {
            paint.words(SMALL, &self.palette.ink2, r.x + 4.0, r.y + 17.0, r.w - 6.0, &batch.codec);
        }
    }

    fn cell(&self, paint: &Paint, r: Rect, record: &Record, style: Style) {
        let p = self.palette;
        if matches!(style.kind, BatchKind::Commit | BatchKind::Abort | BatchKind::Control) {
            return self.marker(paint, r, style);
        }
        let hue = if style.role == Role::Leader { p.key(record.hue) } else { p.edge(record.hue) };
        // A tombstone has no value: half a cell.
        let half = Rect { y: r.y + r.h * 0.5, h: r.h * 0.5, ..r };
        self.body(paint, if record.tombstone { half } else { r }, hue, style);
        if record.tombstone {
            match style.delete_in_ms.filter(|_| self.layout.scale.cell >= KEYED) {
                // What is left of the delete horizon stands where a value would.
                Some(left) => {
                    let words = text::horizon_short(left);
                    let wide = paint.width(SMALL, &words).min(r.w);
                    paint.words(SMALL, &p.ink2, r.x + (r.w - wide) / 2.0, r.y + 9.0, r.w + 2.0, &words);
                }
                None => {
                    let y = r.y + r.h * 0.5 - 3.0;
                    paint.line(hue, 1.2, (r.x + 1.0, y), (r.x + r.w - 1.0, y));
                }
            }
        }
        if style.kind == BatchKind::Aborted {
            let ink = if style.role == Role::Leader { &p.bg } else { &p.ink2 };
            paint.line(ink, 1.8, (r.x + 1.0, r.y + r.h - 1.0), (r.x + r.w - 1.0, r.y + 1.0));
        }
        self.in_transaction(paint, r, style.kind);
        if self.layout.scale.cell >= KEYED && !record.key.is_empty() {
            let filled = style.role == Role::Leader && style.committed;
            let ink = if filled { &p.on_cell } else { &p.ink2 };
            let y = if record.tombstone { r.y + r.h - 3.0 } else { r.y + 17.0 };
            let wide = paint.width(SMALL, &record.key).min(r.w - 2.0);
            let fitted: String =
                if wide < r.w - 2.0 { record.key.clone() } else { record.key.chars().take(3).collect() };
            let left = r.x + ((r.w - wide) / 2.0).max(1.0);
            let striped = style.role == Role::OutOfSync || !style.committed && style.role != Role::Offline;
            if striped {
                // Words over stripes cannot be read.
                paint.fill(&p.bg, Rect { x: left - 1.0, y: y - 9.0, w: wide + 2.0, h: 11.0 });
            }
            paint.words(SMALL, ink, left, y, r.w, &fitted);
        }
    }

    /// The line over the records of a transaction: whole where committed, dotted where aborted, dashed where open, as in the band
    /// below.
    fn in_transaction(&self, paint: &Paint, r: Rect, kind: BatchKind) {
        let p = self.palette;
        let (dashes, ink): (&[f64], &str) = match kind {
            BatchKind::Committed => (&[], &p.ink3),
            BatchKind::Aborted => (&[1.5, 2.0], &p.ink2),
            BatchKind::Open => (&[4.0, 2.0], &p.warn),
            // They are in none, or end one.
            BatchKind::Data | BatchKind::Commit | BatchKind::Abort | BatchKind::Control => return,
        };
        paint.dash(dashes);
        // It reaches the next cell, so that what belongs together is one line.
        let end = r.x + self.layout.scale.cell;
        paint.line(ink, 1.4, (r.x, r.y - 3.5), (end, r.y - 3.5));
        paint.dash(&[]);
    }

    fn body(&self, paint: &Paint, r: Rect, hue: &str, style: Style) {
        let p = self.palette;
        match style.role {
            Role::Offline => paint.outline(if style.lost { &p.bad } else { &p.hollow }, 1.2, r),
            Role::Leader => {
                paint.fill(hue, r);
                if !style.committed {
                    paint.slants(&p.bg, r, 4.0, false);
                }
            }
            Role::Follower | Role::OutOfSync => {
                if style.role == Role::OutOfSync {
                    paint.slants(hue, r, 4.0, true);
                } else if !style.committed {
                    paint.slants(&p.ink3, r, 4.0, false);
                }
                paint.outline(if style.lost { &p.bad } else { hue }, 1.4, r);
            }
        }
        if style.lost {
            paint.outline(&p.bad, 2.0, r);
        }
    }

    /// A control marker: a diamond, filled where it commits.
    fn marker(&self, paint: &Paint, r: Rect, style: Style) {
        let p = self.palette;
        let (x, y) = (r.x + r.w / 2.0, r.y + r.h / 2.0);
        let reach = (r.w / 2.0).min(11.0);
        let commits = style.kind == BatchKind::Commit;
        paint.diamond(if commits { &p.ink2 } else { &p.bg }, &p.ink2, (x, y), reach);
        if reach >= 8.0 {
            let letter = match style.kind {
                BatchKind::Commit => "C",
                BatchKind::Abort => "A",
                BatchKind::Control | BatchKind::Data | BatchKind::Open | BatchKind::Committed | BatchKind::Aborted => {
                    "?"
                }
            };
            paint.words(SMALL, if commits { &p.bg } else { &p.ink }, x - 3.5, y + 4.0, 10.0, letter);
        }
    }

    /// Log start, LSO, high watermark and log end: a line each, and words below them; equal ones share theirs.
    fn flags(&self, paint: &Paint, row: &Row, replica: &LogReplica) {
        let (p, c, scale) = (self.palette, row.cells, self.layout.scale);
        let down = replica.role == Role::Offline;
        let mut flags = vec![
            (TEXT.hw, replica.high_watermark, true),
            (TEXT.lso, replica.last_stable, replica.last_stable != replica.high_watermark),
            (TEXT.leo, replica.log_end, true),
            (TEXT.log_start, replica.log_start, replica.log_start > 0),
        ];
        flags.retain(|(_, offset, shown)| *shown && scale.x(*offset) >= scale.left && scale.x(*offset) <= scale.right);
        flags.sort_by_key(|(_, offset, _)| *offset);
        let mut words: Vec<(f64, f64, String, &str)> = Vec::new();
        for alike in flags.chunk_by(|a, b| a.1 == b.1) {
            let x = scale.x(alike[0].1) - 1.0;
            let has = |name: &str| alike.iter().any(|(it, ..)| *it == name);
            let (top, bottom) = (c.y - 5.0, c.y + c.h + 10.0);
            if has(TEXT.hw) && !down {
                paint.line(&p.ink, 1.4, (x, top), (x, bottom));
                paint.fill(&p.ink, Rect { x, y: top, w: 5.0, h: 4.0 });
            }
            if has(TEXT.lso) {
                paint.dash(&[2.0, 2.0]);
                paint.line(&p.ink2, 1.4, (x, top), (x, bottom));
                paint.dash(&[]);
            }
            if has(TEXT.leo) {
                paint.line(&p.ink3, 1.2, (x, top + 2.0), (x, c.y + c.h + 3.0));
                paint.line(&p.ink3, 1.2, (x - 4.0, top + 2.0), (x, top + 2.0));
            }
            if has(TEXT.log_start) {
                paint.line(&p.ink3, 1.2, (x, top + 2.0), (x, c.y + c.h + 3.0));
                paint.line(&p.ink3, 1.2, (x, top + 2.0), (x + 4.0, top + 2.0));
            }
            let names: Vec<&str> = alike.iter().map(|(name, ..)| *name).collect();
            let ink = if has(TEXT.hw) && !down { &p.ink2 } else { &p.ink3 };
            let told = format!("{} {}", names.join(" = "), alike[0].1);
            words.push((x + 4.0, paint.width(SMALL, &told), told, ink));
        }
        // One behind the other, and back from the end of the row where they would not fit: none lies over another one.
        let mut free = scale.left;
        for (at, wide, ..) in &mut words {
            *at = at.max(free);
            free = *at + *wide + 10.0;
        }
        let mut end = self.layout.width - 4.0;
        for (at, wide, ..) in words.iter_mut().rev() {
            *at = at.min(end - *wide);
            end = *at - 10.0;
        }
        for (at, wide, told, ink) in words.iter().filter(|(at, ..)| *at >= scale.left - 8.0) {
            paint.words(SMALL, ink, *at, c.y + c.h + 20.0, wide + 4.0, told);
        }
    }
}
