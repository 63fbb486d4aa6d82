//! Draws the logs of a partition: all replicas on one scale of offsets.

use super::layout::Rect;
use super::log_layout::{LogLayout, Row, is_selected};
use super::paint::{MONO, Paint, SMALL, TITLE};
use super::palette::Palette;
use crate::ui::format;
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Node, Role, Selection};
use crate::view::log::{Batch, BatchKind, Log, LogReplica, Pass, Record, Transaction};

/// Cells at least so wide carry the keys of their records.
const KEYED: f64 = 22.0;
/// Cells narrower than this are drawn as one bar a batch.
const SINGLE: f64 = 5.0;

/// What is drawn, and how.
pub struct LogScene<'a> {
    pub log: &'a Log,
    pub layout: &'a LogLayout,
    pub palette: &'a Palette,
    pub selection: &'a Selection,
}

/// A cell's way of being drawn, which says what its replica is.
#[derive(Clone, Copy)]
struct Style {
    role: Role,
    committed: bool,
    lost: bool,
    kind: BatchKind,
}

impl LogScene<'_> {
    /// Draws everything onto a canvas that is scaled to CSS pixels.
    pub fn draw(&self, paint: &Paint) {
        let whole = Rect { x: 0.0, y: 0.0, w: self.layout.width, h: self.layout.height };
        paint.fill(&self.palette.bg, whole);
        self.overview(paint);
        if let Some(reference) = self.log.replicas.get(self.layout.reference) {
            self.epochs(paint, reference);
            self.segments(paint, reference);
            self.cleaning(paint, reference);
            self.transactions(paint, reference);
        }
        self.axis(paint);
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

    fn epochs(&self, paint: &Paint, replica: &LogReplica) {
        let (p, band) = (self.palette, self.layout.epochs);
        self.label(paint, band.y + 13.0, TEXT.leader_epoch);
        let until = self.layout.scale.inside(replica.log_end);
        for (place, epoch) in replica.epochs.iter().enumerate() {
            let from = self.layout.scale.inside(epoch.start);
            // The newest epoch may hold no record yet: it is there from its leader's first moment on.
            let newest = (from + 20.0).min(self.layout.scale.right).max(until);
            let to = replica.epochs.get(place + 1).map_or(newest, |next| self.layout.scale.inside(next.start));
            if to > from {
                let r = Rect { x: from, y: band.y, w: to - from, h: band.h };
                paint.fill(if epoch.epoch % 2 == 0 { &p.surface } else { &p.raised }, r);
                paint.outline(&p.line, 1.0, r);
                paint.words(SMALL, &p.ink2, from + 7.0, band.y + 13.0, to - from - 8.0, &epoch.epoch.to_string());
            }
        }
    }

    fn segments(&self, paint: &Paint, replica: &LogReplica) {
        let (p, band) = (self.palette, self.layout.segments);
        self.label(paint, band.y + 12.0, TEXT.segments);
        let scale = self.layout.scale;
        for segment in &replica.segments {
            let (from, to) = (scale.inside(segment.base), scale.inside(segment.end));
            if to - from < 2.0 {
                continue;
            }
            paint.line(&p.ink2, 1.6, (from + 1.0, band.y + 1.0), (to - 2.0, band.y + 1.0));
            if scale.x(segment.base) >= scale.left {
                paint.line(&p.ink2, 1.6, (from + 1.0, band.y - 2.0), (from + 1.0, band.y + 4.0));
            }
            // What the cleaner is about to do shows in the names of files.
            let ending =
                |file: &crate::view::log::File| file.name.rsplit_once(".log.").map(|(_, ending)| ending.to_owned());
            let renamed =
                segment.files.iter().filter_map(ending).find(|ending| matches!(ending.as_str(), "cleaned" | "swap"));
            let name = format!("{:020}.log{}", segment.base, renamed.map_or(String::new(), |it| format!(" · .{it}")));
            paint.words(SMALL, &p.ink3, from + 1.0, band.y + 15.0, to - from - 6.0, &name);
        }
    }

    /// Clean, dirty, and not to be cleaned yet, with the checkpoint of the cleaner between the first two.
    fn cleaning(&self, paint: &Paint, replica: &LogReplica) {
        let (p, band, scale) = (self.palette, self.layout.cleaning, self.layout.scale);
        let Some(it) = replica.cleaning.as_ref().filter(|_| band.h > 0.0) else { return };
        self.label(paint, band.y + 13.0, TEXT.cleaner);
        let ranges = [
            (replica.log_start, it.first_dirty, TEXT.clean),
            (it.first_dirty, it.first_uncleanable, TEXT.dirty),
            (it.first_uncleanable, replica.log_end, TEXT.uncleanable),
        ];
        for (from, to, words) in ranges {
            let (from, to) = (scale.inside(from), scale.inside(to));
            let r = Rect { x: from, y: band.y, w: to - from, h: band.h };
            if r.w < 1.0 {
                continue;
            }
            match words {
                words if words == TEXT.dirty => paint.slants(&p.ink3, r, 6.0, true),
                words if words == TEXT.clean => paint.fill(&p.raised, r),
                _ => {}
            }
            paint.outline(&p.line, 1.0, r);
            paint.words(SMALL, &p.ink2, from + 7.0, band.y + 13.0, r.w - 8.0, words);
        }
        if let Some(pass) = &it.pass {
            self.pass(paint, replica, pass);
        }
        if let Some(checkpoint) = it.checkpoint.filter(|&at| scale.x(at) >= scale.left && scale.x(at) <= scale.right) {
            let x = scale.x(checkpoint);
            paint.line(&p.ink, 1.6, (x, band.y - 3.0), (x, band.y + band.h + 3.0));
        }
    }

    /// The segments that the cleaner works on, framed, and what it does to them.
    fn pass(&self, paint: &Paint, replica: &LogReplica, pass: &Pass) {
        let (p, scale) = (self.palette, self.layout.scale);
        let (top, bottom) = (self.layout.segments.y - 4.0, self.layout.cleaning.y + self.layout.cleaning.h + 3.0);
        let worked_on = replica.segments.iter().filter(|segment| pass.segments.contains(&segment.base));
        let (mut from, mut to) = (scale.right, scale.left);
        for segment in worked_on {
            (from, to) = (from.min(scale.inside(segment.base)), to.max(scale.inside(segment.end)));
        }
        if to > from {
            paint.outline(&p.focus, 1.6, Rect { x: from - 1.0, y: top, w: to - from + 1.0, h: bottom - top });
            let words = text::cleaning(pass);
            let wide = paint.width(SMALL, &words);
            let x = from.min(scale.right - wide).max(scale.left);
            paint.fill(&p.bg, Rect { x, y: bottom + 1.0, w: wide + 6.0, h: 13.0 });
            paint.words(SMALL, &p.focus, x, bottom + 11.0, wide + 6.0, &words);
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

    fn row(&self, paint: &Paint, row: &Row) {
        let Some(replica) = self.log.replicas.get(row.replica) else { return };
        let p = self.palette;
        self.name(paint, row, replica);
        if replica.log_end < 0 {
            let c = row.cells;
            paint.words(SMALL, &p.ink3, c.x, c.y + 17.0, c.w, TEXT.log_not_open);
            return;
        }
        self.holes(paint, row, replica);
        for batch in &replica.batches {
            self.batch(paint, row, replica, batch);
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
        if scale.x(replica.log_end) < scale.left {
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

    /// A whole batch as one bar: its records are too narrow to be told apart, or their bytes are compressed.
    fn bar(&self, paint: &Paint, r: Rect, batch: &Batch, style: Style) {
        let hue = self.palette.key(batch.records.first().and_then(|record| record.hue));
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
        let hue = p.key(record.hue);
        // A tombstone has no value: half a cell.
        let half = Rect { y: r.y + r.h * 0.5, h: r.h * 0.5, ..r };
        self.body(paint, if record.tombstone { half } else { r }, hue, style);
        if record.tombstone {
            paint.line(hue, 1.2, (r.x + 1.0, r.y + r.h * 0.5 - 3.0), (r.x + r.w - 1.0, r.y + r.h * 0.5 - 3.0));
        }
        if style.kind == BatchKind::Aborted {
            let ink = if style.role == Role::Leader { &p.bg } else { &p.ink2 };
            paint.line(ink, 1.8, (r.x + 1.0, r.y + r.h - 1.0), (r.x + r.w - 1.0, r.y + 1.0));
        }
        if style.kind == BatchKind::Open {
            paint.dash(&[2.0, 2.0]);
            paint.line(&p.ink2, 1.4, (r.x, r.y - 3.0), (r.x + r.w, r.y - 3.0));
            paint.dash(&[]);
        }
        if self.layout.scale.cell >= KEYED && !record.key.is_empty() {
            let filled = style.role == Role::Leader && style.committed;
            let ink = if filled { &p.on_cell } else { &p.ink2 };
            let y = if record.tombstone { r.y + r.h - 3.0 } else { r.y + 17.0 };
            let wide = paint.width(SMALL, &record.key).min(r.w - 2.0);
            let fitted: String =
                if wide < r.w - 2.0 { record.key.clone() } else { record.key.chars().take(3).collect() };
            paint.words(SMALL, ink, r.x + ((r.w - wide) / 2.0).max(1.0), y, r.w, &fitted);
        }
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
                _ => "?",
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
        let mut free = scale.left;
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
            let words = format!("{} {}", names.join(" = "), alike[0].1);
            let wide = paint.width(SMALL, &words);
            let at = (x + 4.0).max(free).min((scale.right - wide).max(scale.left));
            if at >= free {
                let ink = if has(TEXT.hw) && !down { &p.ink2 } else { &p.ink3 };
                paint.words(SMALL, ink, at, c.y + c.h + 20.0, wide + 4.0, &words);
                free = at + wide + 10.0;
            }
        }
    }

    /// What producers were told is stored, where the leader does not have it.
    fn acknowledged(&self, paint: &Paint) {
        let leader = self.log.replicas.iter().find(|it| it.role == Role::Leader);
        let end = self.log.acknowledged_end;
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

    fn transactions(&self, paint: &Paint, replica: &LogReplica) {
        let band = self.layout.transactions;
        if band.h == 0.0 {
            return;
        }
        self.label(paint, band.y + 11.0, TEXT.transactions);
        let rows = (band.h / 18.0) as usize;
        let from = replica.transactions.len().saturating_sub(rows);
        for (transaction, place) in replica.transactions[from..].iter().zip(0u32..) {
            self.transaction(paint, transaction, band.y + 7.0 + f64::from(place) * 18.0);
        }
    }

    /// A line as long as the transaction: whole where committed, dotted where aborted, dashed where open.
    fn transaction(&self, paint: &Paint, it: &Transaction, y: f64) {
        let (p, scale) = (self.palette, self.layout.scale);
        let (from, to) = (scale.inside(it.first), scale.inside(it.last + 1));
        let (dashes, word): (&[f64], &str) = match it.kind {
            BatchKind::Committed => (&[], TEXT.committed),
            BatchKind::Aborted => (&[1.5, 3.0], TEXT.aborted),
            _ => (&[6.0, 3.0], TEXT.open_transaction),
        };
        paint.dash(dashes);
        paint.line(&p.ink2, 1.8, (from, y), (to, y));
        paint.dash(&[]);
        let words = format!("PID {} {word}", it.producer_id);
        let wide = paint.width(SMALL, &words);
        let x = if to + 8.0 + wide < scale.right { to + 8.0 } else { from - wide - 8.0 };
        paint.words(SMALL, &p.ink2, x.max(scale.left), y + 4.0, wide + 4.0, &words);
    }

    fn label(&self, paint: &Paint, y: f64, words: &str) {
        if !self.layout.narrow {
            paint.words(MONO, &self.palette.ink3, 16.0, y, 94.0, words);
        }
    }
}
