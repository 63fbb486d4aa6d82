//! What stands above and below the replicas, of one of them: leader epochs, segments, the cleaner's ranges, transactions.

use super::LogScene;
use crate::ui::canvas::layout::Rect;
use crate::ui::canvas::paint::{Paint, SMALL};
use crate::ui::format;
use crate::ui::text::{self, TEXT};
use crate::view::frame::Node;
use crate::view::log::{BatchKind, LogReplica, Pass, Transaction};

/// A part of a compacted log, as its cleaner has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Range {
    /// It was cleaned.
    Clean,
    /// It can be cleaned.
    Dirty,
    /// It cannot be cleaned yet.
    Uncleanable,
}

impl Range {
    fn words(self) -> &'static str {
        match self {
            Self::Clean => TEXT.clean,
            Self::Dirty => TEXT.dirty,
            Self::Uncleanable => TEXT.uncleanable,
        }
    }
}

impl LogScene<'_> {
    pub(super) fn epochs(&self, paint: &Paint, replica: &LogReplica) {
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
                // Where there is no room for labels beside the bands, the first epoch says what it is.
                let name = if self.layout.narrow && place == 0 { TEXT.leader_epoch } else { "" };
                let words = format!("{name} {}", epoch.epoch);
                paint.words(SMALL, &p.ink2, from + 7.0, band.y + 13.0, to - from - 8.0, words.trim_start());
            }
        }
    }

    pub(super) fn segments(&self, paint: &Paint, replica: &LogReplica) {
        let (p, band) = (self.palette, self.layout.segments);
        self.label(paint, band.y + 12.0, TEXT.segments);
        self.label(paint, band.y + 26.0, &text::of(&format::node(&Node::Broker(replica.broker))));
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
            // Entries of the offset index: a stroke at the last offset of the batch that each points at.
            for offset in segment.indexed.iter().filter(|it| (self.log.first..).contains(*it)) {
                let x = (scale.x(*offset) + scale.cell / 2.0).min(scale.right);
                paint.line(&p.ink2, 1.0, (x, band.y + 1.0), (x, band.y + 5.0));
            }
            let whole = format!("{:020}.log", segment.base);
            let name = if paint.width(SMALL, &whole) <= to - from - 6.0 { whole } else { segment.base.to_string() };
            paint.words(SMALL, &p.ink3, from + 1.0, band.y + 16.0, to - from - 4.0, &name);
        }
    }

    /// Clean, dirty, and not to be cleaned yet, with the checkpoint of the cleaner between the first two.
    pub(super) fn cleaning(&self, paint: &Paint, replica: &LogReplica) {
        let (p, band, scale) = (self.palette, self.layout.cleaning, self.layout.scale);
        // The topic is not compacted.
        let Some(it) = replica.cleaning.as_ref().filter(|_| band.h > 0.0) else { return };
        self.label(paint, band.y + 13.0, TEXT.cleaner);
        let ranges = [
            (replica.log_start, it.first_dirty, Range::Clean),
            (it.first_dirty, it.first_uncleanable, Range::Dirty),
            (it.first_uncleanable, replica.log_end, Range::Uncleanable),
        ];
        for (from, to, range) in ranges {
            let (from, to) = (scale.inside(from), scale.inside(to));
            let r = Rect { x: from, y: band.y, w: to - from, h: band.h };
            if r.w < 1.0 {
                continue;
            }
            match range {
                Range::Clean => paint.fill(&p.raised, r),
                Range::Dirty => paint.slants(&p.ink3, r, 6.0, true),
                // It is left blank.
                Range::Uncleanable => {}
            }
            paint.outline(&p.line, 1.0, r);
            let words = range.words();
            let wide = paint.width(SMALL, words);
            if wide + 8.0 > r.w {
                continue;
            }
            if range == Range::Dirty {
                paint.fill(&p.bg, Rect { x: from + 4.0, y: band.y + 2.0, w: wide + 6.0, h: band.h - 4.0 });
            }
            paint.words(SMALL, &p.ink2, from + 7.0, band.y + 13.0, r.w - 8.0, words);
        }
        match &it.pass {
            Some(pass) => self.pass(paint, pass),
            None => {
                self.under_cleaning(paint, &p.ink3, scale.left, &text::dirtiness(it));
            }
        }
        if let Some(checkpoint) = it.checkpoint.filter(|&at| scale.x(at) >= scale.left && scale.x(at) <= scale.right) {
            let x = scale.x(checkpoint);
            paint.line(&p.ink, 1.6, (x, band.y - 3.0), (x, band.y + band.h + 3.0));
        }
    }

    /// The segments that the cleaner works on, framed, and what it does to them.
    fn pass(&self, paint: &Paint, pass: &Pass) {
        let (p, scale) = (self.palette, self.layout.scale);
        let (top, bottom) = (self.layout.segments.y - 4.0, self.layout.cleaning.y + self.layout.cleaning.h + 3.0);
        let first = pass.segments.first();
        let (from, to) = first.map_or((scale.left, scale.left), |&from| (scale.inside(from), scale.inside(pass.end)));
        self.copied(paint, pass);
        if to > from {
            paint.outline(&p.focus, 1.6, Rect { x: from - 1.0, y: top, w: to - from + 1.0, h: bottom - top });
        }
        // Where the segments are out of sight, the words say which they are.
        let aside = if from == scale.left { "◂ " } else { "" };
        let words = format!("{}{}", if to > from { "" } else { aside }, text::cleaning(pass));
        self.under_cleaning(paint, &p.focus, from, &words);
    }

    /// Words under the cleaner's band, on two lines where one is too short.
    fn under_cleaning(&self, paint: &Paint, ink: &str, from: f64, words: &str) {
        let (band, scale) = (self.layout.cleaning, self.layout.scale);
        let mut y = band.y + band.h + 14.0;
        let fits = paint.width(SMALL, words) <= band.w;
        let (first, second) = if fits { (words, None) } else { text::two_lines(words) };
        for line in std::iter::once(first).chain(second) {
            let wide = paint.width(SMALL, line);
            let x = from.min(scale.right - wide).max(scale.left);
            paint.words(SMALL, ink, x, y, self.layout.width - x, line);
            y += 13.0;
        }
    }

    /// The records that the new segment has so far, in the cleaner's band.
    fn copied(&self, paint: &Paint, pass: &Pass) {
        let (p, band, scale) = (self.palette, self.layout.cleaning, self.layout.scale);
        // It still reads for its map.
        let Some(last) = pass.copied.last() else { return };
        let from = pass.segments.first().copied().unwrap_or(last.base);
        let (left, right) = (scale.inside(from), scale.inside(last.last + 1));
        paint.fill(&p.bg, Rect { x: left, y: band.y + 1.0, w: right - left, h: band.h - 2.0 });
        for record in pass.copied.iter().flat_map(|batch| &batch.records) {
            let x = scale.x(record.offset);
            if x < scale.left || x + scale.cell > scale.right + 0.5 {
                continue;
            }
            let high = if record.tombstone { (band.h - 6.0) / 2.0 } else { band.h - 6.0 };
            let w = scale.cell - if scale.cell > 12.0 { 2.5 } else { 1.2 };
            paint.fill(p.key(record.hue), Rect { x, y: band.y + band.h - 3.0 - high, w, h: high });
        }
    }

    pub(super) fn transactions(&self, paint: &Paint, replica: &LogReplica) {
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
            BatchKind::Open | BatchKind::Data | BatchKind::Commit | BatchKind::Abort | BatchKind::Control => {
                (&[6.0, 3.0], TEXT.open_transaction)
            }
        };
        paint.dash(dashes);
        paint.line(&p.ink2, 1.8, (from, y), (to, y));
        paint.dash(&[]);
        let words = format!("PID {} {word}", it.producer_id);
        let wide = paint.width(SMALL, &words);
        let x = if to + 8.0 + wide < scale.right { to + 8.0 } else { from - wide - 8.0 };
        paint.words(SMALL, &p.ink2, x.max(scale.left), y + 4.0, wide + 4.0, &words);
    }
}
