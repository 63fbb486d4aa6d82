//! Draws groups: their members, and whose each partition is.

use super::layout::{Card, OWNER, OWNERS, Rect, Strip};
use super::paint::{Paint, SMALL, TITLE};
use super::stage::Scene;
use crate::ui::interventions::is_down;
use crate::ui::text;
use crate::view::coordination::{Group, Member};
use crate::view::frame::{Node, Selection};
use crate::view::state::{Role, State};

/// The widest and the narrowest that the square of a partition is, with what is free beside it.
const WIDEST: f64 = 19.0;
const NARROWEST: f64 = 5.0;
/// The square that tells a member apart.
const BADGE: f64 = 15.0;

/// What a member is to a partition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// It has it.
    Has,
    /// It has it, and shall not.
    GivesUp,
    /// It shall have it.
    Promised,
    Nothing,
}

impl Scene<'_> {
    pub(super) fn group(&self, paint: &Paint, card: &Card) {
        let (p, group, r) = (self.palette, &self.frame.groups[card.group], card.rect);
        let is_selected = *self.selection == Selection::Group(group.id.clone());
        let waits = text::is_rebalancing(&group.state);
        let line = match (is_selected, waits) {
            (true, _) => &p.focus,
            (false, true) => &p.warn,
            (false, false) => &p.line,
        };
        paint.card(Some(&p.surface), line, if is_selected { 1.6 } else { 1.0 }, r);
        let ink = if waits { &p.warn } else { &p.ink3 };
        let since = text::group_waits(group).unwrap_or_default();
        let wide = paint.width(SMALL, &since);
        paint.words(SMALL, ink, r.x + r.w - 10.0 - wide, r.y + 19.0, wide + 2.0, &since);
        paint.words(TITLE, &p.ink, r.x + 12.0, r.y + 19.0, r.w - 28.0 - wide, &group.id);
        paint.words(SMALL, ink, r.x + 12.0, r.y + 35.0, r.w - 18.0, &text::group_line(group));
        let partitions = self.partitions_of(group);
        let pitch = (squares(r).w / partitions.len().max(1) as f64).min(WIDEST);
        if pitch >= 15.0 {
            for (at, partition) in (0u32..).zip(&partitions) {
                let x = squares(r).x + pitch * f64::from(at);
                let words = self.short(*partition);
                paint.words(SMALL, &p.ink3, x, r.y + 52.0, pitch, &words);
            }
        }
        for (member, row) in group.members.iter().zip(&card.members) {
            self.member(paint, member, *row, (&partitions, pitch));
        }
    }

    /// The partitions that a group has anything to do with, by their places.
    fn partitions_of(&self, group: &Group) -> Vec<u32> {
        let of_members = group.members.iter().flat_map(|it| it.has.iter().chain(&it.due));
        let mut all: Vec<u32> = of_members.chain(&group.partitions).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A partition in two or three letters.
    fn short(&self, partition: u32) -> String {
        let it = self.frame.partitions.get(partition as usize);
        it.map_or_else(String::new, |it| format!("{}{}", it.topic.chars().next().unwrap_or('?'), it.index))
    }

    fn member(&self, paint: &Paint, it: &Member, r: Rect, (partitions, pitch): (&[u32], f64)) {
        let p = self.palette;
        let node = Node::Client(it.client.clone());
        let state = self.frame.consumers.iter().find(|other| other.name == it.client).map(|other| other.state);
        let is_gone = it.former || state.is_some_and(is_down);
        let is_still = is_gone || state == Some(State::Paused);
        if *self.selection == Selection::Node(node) && !it.former {
            paint.outline(&p.focus, 1.6, Rect { x: r.x + 1.0, w: r.w - 2.0, ..r });
        }
        let badge = Rect { x: r.x + 10.0, y: r.y + 3.0, w: BADGE, h: BADGE };
        self.badge(paint, badge, it.number, is_gone);
        if pitch < NARROWEST {
            let words = text::owns(it.has.len(), partitions.len());
            paint.words(SMALL, &p.ink2, badge.x + 22.0, r.y + 15.0, r.w - 40.0, &words);
        } else {
            let side = (pitch - 3.0).clamp(2.0, BADGE);
            for (at, partition) in (0u32..).zip(partitions) {
                let x = squares(r).x + pitch * f64::from(at);
                let square = Rect { x, y: r.y + 3.0 + (BADGE - side) / 2.0, w: side, h: side };
                self.square(paint, square, hold(it, *partition), it.number, is_still);
            }
        }
        if r.h >= 32.0 {
            let (word, waits) = text::member(it, state).map_or(("", false), |(word, _, waits)| (word, waits));
            let wide = paint.width(SMALL, word);
            let ink = if waits { &p.warn } else { &p.ink3 };
            paint.words(SMALL, ink, r.x + r.w - 8.0 - wide, r.y + 31.0, wide + 2.0, word);
            paint.words(SMALL, &p.ink3, r.x + 10.0, r.y + 31.0, r.w - 26.0 - wide, &it.client);
        }
    }

    /// A letter on a pale ground; whoever is gone is dashed and crossed out.
    fn badge(&self, paint: &Paint, r: Rect, number: u32, is_gone: bool) {
        let p = self.palette;
        if is_gone {
            paint.dash(&[2.0, 2.0]);
            paint.outline(&p.ink3, 1.2, r);
            paint.dash(&[]);
            paint.line(&p.ink3, 1.0, (r.x, r.y + r.h), (r.x + r.w, r.y));
        } else {
            paint.fill(p.tint(number), r);
        }
        let letter = text::letter(number);
        let wide = paint.width(SMALL, &letter);
        let ink = if is_gone { &p.ink2 } else { &p.on_cell };
        paint.words(SMALL, ink, r.x + (r.w - wide) / 2.0, r.y + 11.0, wide + 2.0, &letter);
    }

    /// What somebody holds is filled, what is about to go hatched, what is to come dashed. Whoever stands still has it without
    /// doing anything with it: hollow.
    fn square(&self, paint: &Paint, r: Rect, hold: Hold, number: u32, is_still: bool) {
        let p = self.palette;
        let tint = p.tint(number);
        match hold {
            Hold::Has if is_still => paint.outline(&p.ink3, 1.4, r),
            Hold::Has => paint.fill(tint, r),
            Hold::GivesUp => {
                paint.slants(&p.ink2, r, 4.0, true);
                paint.outline(&p.ink2, 1.2, r);
            }
            Hold::Promised => {
                paint.dash(&[2.0, 2.0]);
                paint.outline(&p.warn, 1.3, r);
                paint.dash(&[]);
            }
            Hold::Nothing => paint.outline(&p.line, 1.0, r),
        }
    }

    /// Whose a partition is, of each group, beside its leader: nobody else is read from.
    pub(super) fn owners(&self, paint: &Paint, strip: &Strip, x: f64) {
        let broker = &self.frame.brokers[strip.broker];
        let replica = &broker.replicas[strip.replica];
        if replica.role != Role::Leader || is_down(broker.state) {
            return;
        }
        let has = |it: &&Member| it.has.contains(&replica.partition) && !it.former;
        let owners = self.frame.groups.iter().flat_map(|group| &group.members).filter(has);
        let y = strip.cells.y + strip.cells.h / 2.0 - BADGE / 2.0;
        let most = ((strip.row.x + strip.row.w - x) / OWNER).max(0.0) as usize;
        for (owner, at) in owners.take(OWNERS.min(most)).zip(0u32..) {
            let state = self.frame.consumers.iter().find(|it| it.name == owner.client).map(|it| it.state);
            let r = Rect { x: x + f64::from(at) * OWNER, y, w: BADGE, h: BADGE };
            self.badge(paint, r, owner.number, state.is_some_and(is_down));
        }
    }

    /// Which groups and transactional ids a broker coordinates: a ring with a dot, and their names where there is room. Answers
    /// where that begins.
    pub(super) fn coordinates(&self, paint: &Paint, id: i32, r: Rect, from: f64) -> f64 {
        let p = self.palette;
        let groups = self.frame.groups.iter().filter(|it| it.coordinator == id).map(|it| it.id.as_str());
        let ids = self.frame.transactional_ids.iter().filter(|it| it.coordinator == id).map(|it| it.id.as_str());
        let (groups, ids): (Vec<&str>, Vec<&str>) = (groups.collect(), ids.collect());
        let end = r.x + r.w - 12.0;
        if groups.is_empty() && ids.is_empty() {
            return end;
        }
        let words = text::coordinates(&groups, &ids);
        // The epoch stands before it.
        let room = end - from - 84.0;
        let shown = if room < 40.0 { 0.0 } else { paint.width(SMALL, &words).min(room) };
        let x = end - shown - if shown > 0.0 { 6.0 } else { 0.0 } - 11.0;
        paint.ring(&p.ink2, (x + 5.5, r.y + 17.0), 5.0);
        if shown > 0.0 {
            paint.words(SMALL, &p.ink2, end - shown, r.y + 21.0, shown + 1.0, &words);
        }
        x - 10.0
    }
}

/// Where the squares of partitions stand in the row of a member.
fn squares(r: Rect) -> Rect {
    let x = r.x + 10.0 + BADGE + 8.0;
    Rect { x, w: (r.x + r.w - 6.0 - x).max(0.0), ..r }
}

fn hold(it: &Member, partition: u32) -> Hold {
    match (it.has.contains(&partition) || it.former && it.due.contains(&partition), it.due.contains(&partition)) {
        (true, true) => Hold::Has,
        // A coordinator that is not known, or asks everybody to join, says nothing about it.
        (true, false) if text::says_who_has_what(it.phase) => Hold::GivesUp,
        (true, false) => Hold::Has,
        (false, true) => Hold::Promised,
        (false, false) => Hold::Nothing,
    }
}
