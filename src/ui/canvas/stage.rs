//! Draws a frame.

use super::layout::{Curve, Layout, Rect, SPOKEN, Scale, Strip, Wire, place};
use super::paint::{Cells, Dots, MONO, Paint, SMALL, TITLE};
use super::palette::Palette;
use crate::ui::format;
use crate::ui::interventions::{is_cut, is_down};
use crate::ui::text::{self, TEXT};
use crate::view::frame::{Batch, Broker, Frame, Node, Replica, Selection};
use crate::view::log::BatchKind;
use crate::view::state::{Role, State};

/// What is drawn, and how.
pub struct Scene<'a> {
    pub frame: &'a Frame,
    pub layout: &'a Layout,
    pub palette: &'a Palette,
    pub selection: &'a Selection,
    /// Packets jump in so many steps instead of gliding.
    pub steps: Option<f64>,
}

impl Scene<'_> {
    /// Draws everything onto a canvas that is scaled to CSS pixels.
    pub fn draw(&self, paint: &Paint, width: f64) {
        paint.fill(&self.palette.bg, Rect { x: 0.0, y: 0.0, w: width, h: self.layout.height });
        self.wires(paint);
        for place in &self.layout.boxes {
            match &place.node {
                Node::Broker(id) => {
                    if let Some(broker) = self.frame.brokers.iter().find(|broker| broker.id == *id) {
                        self.broker(paint, broker, place.rect);
                    }
                }
                // It is drawn with its group.
                Node::Client(name) if self.is_member(name) => {}
                node => self.small(paint, node, place.rect),
            }
        }
        for card in &self.layout.groups {
            self.group(paint, card);
        }
        let mut cells = Cells::default();
        for strip in &self.layout.strips {
            self.strip(paint, strip, &mut cells);
        }
        paint.cells(&cells, 1.2);
        for strip in &self.layout.strips {
            self.over_cells(paint, strip);
        }
        self.packets(paint);
    }

    /// A member stands in the box of its group.
    fn is_member(&self, name: &str) -> bool {
        self.frame.consumers.iter().any(|it| it.name == name && !it.group.is_empty())
    }

    fn wires(&self, paint: &Paint) {
        let p = self.palette;
        let is_selected = |wire: &Wire| {
            matches!(self.selection, Selection::Link(a, b)
                if (a, b) == (&wire.a, &wire.b) || (a, b) == (&wire.b, &wire.a))
        };
        let is_cut = |wire: &Wire| is_cut(&wire.a, &wire.b, self.frame);
        let is_dead = |wire: &Wire| self.is_down(&wire.a) || self.is_down(&wire.b);
        let (cut, whole): (Vec<&Wire>, Vec<&Wire>) = self.layout.wires.iter().partition(|wire| is_cut(wire));
        let (dead, alive): (Vec<&Wire>, Vec<&Wire>) = whole.into_iter().partition(|wire| is_dead(wire));
        paint.dash(&[]);
        paint.curves(&p.line, 1.0, alive.iter().map(|wire| &wire.curve));
        paint.dash(&[2.0, 4.0]);
        paint.curves(&p.line, 1.0, dead.iter().map(|wire| &wire.curve));
        paint.dash(&[6.0, 4.0]);
        paint.curves(&p.bad, 1.0, cut.iter().map(|wire| &wire.curve));
        paint.curves(&p.focus, 1.8, cut.iter().filter(|wire| is_selected(wire)).map(|wire| &wire.curve));
        paint.dash(&[]);
        let selected = alive.iter().chain(&dead).filter(|wire| is_selected(wire));
        paint.curves(&p.focus, 1.8, selected.map(|wire| &wire.curve));
        cut.iter().for_each(|wire| self.cross(paint, &wire.curve));
    }

    /// A cut link is crossed out in its middle: never colour alone.
    fn cross(&self, paint: &Paint, curve: &Curve) {
        let (x, y) = curve.at(0.5);
        for rise in [-5.0, 5.0] {
            paint.line(&self.palette.bad, 1.8, (x - 5.0, y - rise), (x + 5.0, y + rise));
        }
    }

    fn broker(&self, paint: &Paint, broker: &Broker, r: Rect) {
        let p = self.palette;
        let down = is_down(broker.state);
        let selected = *self.selection == Selection::Node(Node::Broker(broker.id));
        paint.dash(if down { &[3.0, 3.0] } else { &[] });
        let line = if selected { &p.focus } else { &p.line };
        // Links do not show through what is down either.
        paint.card(Some(if down { &p.bg } else { &p.surface }), line, if selected { 1.6 } else { 1.0 }, r);
        paint.dash(&[]);
        let mut name = format::node(&Node::Broker(broker.id));
        if paint.width(TITLE, &name) > r.w - 28.0 {
            name = broker.id.to_string();
        }
        paint.words(TITLE, if down { &p.ink3 } else { &p.ink }, r.x + 14.0, r.y + 21.0, r.w - 28.0, &name);
        let x = r.x + 14.0 + paint.width(TITLE, &name) + 12.0;
        let end = if down { r.x + r.w - 12.0 } else { self.coordinates(paint, broker.id, r, x) };
        paint.words(SMALL, self.tone(broker.state), x, r.y + 21.0, (end - x).max(0.0), &self.about(broker));
        if !broker.replicas.is_empty() {
            paint.line(&p.line_soft, 1.0, (r.x + 1.0, r.y + 31.5), (r.x + r.w - 1.0, r.y + 31.5));
        }
    }

    fn about(&self, broker: &Broker) -> String {
        let ago = format::span(self.frame.run.time_us.saturating_sub(broker.since_us));
        let state = text::state(broker.state);
        let mut about = match broker.state {
            State::Running => text::broker_epoch(&format::offset(broker.epoch)),
            State::Killed => format!("{} · {}", text::ago(state, &ago), TEXT.cache_kept),
            State::PowerLost => format!("{} · {}", text::ago(state, &ago), TEXT.tail_lost),
            State::Halted | State::Stopped => text::ago(state, &ago),
            State::Paused | State::Fenced | State::Starting => text::lasting(state, &ago),
        };
        let partition = |index: &u32| self.frame.partitions.get(*index as usize).map(format::partition);
        let cleaned = broker.cleaning.iter().filter_map(partition).map(|name| text::cleans(&name));
        for more in text::disk(broker).into_iter().chain(cleaned) {
            about = format!("{about} · {more}");
        }
        about
    }

    fn tone(&self, state: State) -> &str {
        match state {
            State::Running | State::Starting | State::Killed | State::Halted | State::Stopped | State::PowerLost => {
                &self.palette.ink3
            }
            State::Fenced | State::Paused => &self.palette.ink2,
        }
    }

    fn small(&self, paint: &Paint, node: &Node, r: Rect) {
        let p = self.palette;
        let selected = *self.selection == Selection::Node(node.clone());
        let line = if selected { &p.focus } else { &p.line };
        let state = self.state(node);
        let down = state.is_some_and(is_down);
        paint.dash(if down { &[3.0, 3.0] } else { &[] });
        paint.card((!down).then_some(p.surface.as_str()), line, if selected { 1.6 } else { 1.0 }, r);
        paint.dash(&[]);
        let ink = if down { &p.ink3 } else { &p.ink };
        if r.h < 34.0 {
            paint.words(TITLE, ink, r.x + 10.0, r.y + r.h / 2.0 + 4.0, r.w - 20.0, &format::node(node));
            return;
        }
        paint.words(TITLE, ink, r.x + 12.0, r.y + 20.0, r.w - 20.0, &format::node(node));
        paint.words(SMALL, &p.ink3, r.x + 12.0, r.y + 37.0, r.w - 18.0, &self.line_about(node));
        if let Node::Client(name) = node
            && let Some(it) = self.frame.producers.iter().find(|it| it.name == *name && it.sending.producer_id >= 0)
            && !down
        {
            let known = self.frame.transactional_ids.iter().find(|known| known.id == it.sending.transactional_id);
            let id = format!("PID {}", text::producer_id(&it.sending));
            let transaction = text::transaction(&it.sending, known);
            let lines = [id, text::sequences(&it.sending), transaction];
            for (line, y) in lines.iter().filter(|line| !line.is_empty()).zip([54.0, 70.0, 86.0]) {
                if r.h >= y + 6.0 {
                    paint.words(SMALL, &p.ink2, r.x + 12.0, r.y + y, r.w - 18.0, line);
                }
            }
        }
    }

    fn line_about(&self, node: &Node) -> String {
        let Node::Client(name) = node else {
            let controller = &self.frame.controller;
            return match controller.state {
                State::Running => format!("epoch {}", controller.epoch),
                state => text::state(state).into(),
            };
        };
        if let Some(state) = self.state(node).filter(|state| *state != State::Running) {
            return text::state(state).into();
        }
        if let Some(it) = self.frame.producers.iter().find(|it| it.name == *name) {
            return format!("{} · acks={}", it.rate, it.acks);
        }
        self.frame.consumers.iter().find(|it| it.name == *name).map_or_else(String::new, |it| {
            match it.positions.as_slice() {
                [only] => text::at(&format::offset(only.offset), &text::lag(&format::count(it.lag))),
                _ => text::lag(&format::count(it.lag)),
            }
        })
    }

    /// A strip's ground, names and cells; the cells of all strips are drawn at once.
    fn strip<'s>(&'s self, paint: &Paint, strip: &Strip, cells: &mut Cells<'s>) {
        let p = self.palette;
        let (replica, down) = self.replica(strip);
        let partition = &self.frame.partitions[replica.partition as usize];
        if partition.is_selected(self.selection) {
            paint.fill(&p.raised, strip.row);
        }
        let c = strip.cells;
        let base = c.y + c.h / 2.0 + 4.0;
        let ink = if down { &p.ink3 } else { &p.ink2 };
        let name_wide = c.x - strip.row.x - 18.0;
        let letters = (name_wide / paint.width(MONO, "0")) as usize;
        paint.words(MONO, ink, strip.row.x + 13.0, base, name_wide, &format::short_partition(partition, letters));
        let (role, role_x) = (text::role(replica.role), c.x + c.w + 12.0);
        // In a narrow box the cells say it alone: filled, outlined or hatched.
        if paint.width(SMALL, role) <= strip.row.x + strip.row.w - role_x {
            paint.words(SMALL, &p.ink3, role_x, base, 52.0, role);
            self.owners(paint, strip, role_x + paint.width(SMALL, role) + 6.0);
        }
        for batch in replica.tail.iter().filter(|batch| !is_marker(batch.kind)) {
            self.each_cell(strip, batch, |offset, r| {
                let key = batch.keys.get((offset - batch.base) as usize).copied().flatten();
                match (down, replica.role) {
                    (true, _) => cells.outline(if batch.lost { &p.bad } else { &p.hollow }, r),
                    (false, Role::Leader) => cells.fill(p.key(key), r),
                    (false, Role::Follower | Role::OutOfSync | Role::Offline) => {
                        cells.outline(if batch.lost { &p.bad } else { p.edge(key) }, r);
                    }
                }
            });
        }
    }

    /// What stands on the cells: stripes, batches, flags.
    fn over_cells(&self, paint: &Paint, strip: &Strip) {
        let (replica, down) = self.replica(strip);
        let partition = &self.frame.partitions[replica.partition as usize];
        let scale = self.layout.scales[replica.partition as usize];
        self.older(paint, replica, strip.cells, scale);
        for batch in &replica.tail {
            if !down {
                self.stripes(paint, strip, batch, replica);
            }
            self.transaction(paint, strip, batch, down || replica.role != Role::Leader);
            self.bracket(paint, batch, strip.cells, scale);
        }
        self.flags(paint, strip, replica, down, scale, partition.is_selected(self.selection));
    }

    fn replica(&self, strip: &Strip) -> (&Replica, bool) {
        let broker = &self.frame.brokers[strip.broker];
        (&broker.replicas[strip.replica], is_down(broker.state))
    }

    fn each_cell(&self, strip: &Strip, batch: &Batch, mut visit: impl FnMut(i64, Rect)) {
        let (replica, _) = self.replica(strip);
        let scale = self.layout.scales[replica.partition as usize];
        let (c, wide) = (strip.cells, strip.cells.w / scale.cells as f64);
        for offset in batch.base.max(scale.first)..=batch.last.min(scale.first + scale.cells - 1) {
            let x = c.x + (offset - scale.first) as f64 * wide;
            visit(offset, Rect { x, y: c.y, w: (wide - 1.4).max(1.0), h: c.h });
        }
    }

    /// Markers are diamonds, filled where they commit; aborted records are struck, and a dashed line stands over open ones.
    fn transaction(&self, paint: &Paint, strip: &Strip, batch: &Batch, outlined: bool) {
        let p = self.palette;
        let ink = if outlined { &p.ink3 } else { &p.ink2 };
        self.each_cell(strip, batch, |_, r| match batch.kind {
            BatchKind::Commit | BatchKind::Abort | BatchKind::Control => {
                let fill = if batch.kind == BatchKind::Commit { ink } else { &p.bg };
                paint.diamond(fill, ink, (r.x + r.w / 2.0, r.y + r.h / 2.0), (r.w / 2.0).clamp(2.0, 5.0));
            }
            BatchKind::Aborted => {
                let over = if outlined { &p.ink2 } else { &p.bg };
                paint.line(over, 1.6, (r.x, r.y + r.h), (r.x + r.w, r.y));
            }
            BatchKind::Open => {
                paint.dash(&[2.0, 1.5]);
                paint.line(ink, 1.4, (r.x, r.y - 2.5), (r.x + r.w + 1.4, r.y - 2.5));
                paint.dash(&[]);
            }
            // Nothing is special about them.
            BatchKind::Data | BatchKind::Committed => {}
        });
    }

    /// Records that are not committed are striped, all records of a follower out of sync hatched.
    fn stripes(&self, paint: &Paint, strip: &Strip, batch: &Batch, replica: &Replica) {
        let p = self.palette;
        if batch.committed && replica.role != Role::OutOfSync || is_marker(batch.kind) {
            return;
        }
        self.each_cell(strip, batch, |offset, r| {
            let hue = p.edge(batch.keys.get((offset - batch.base) as usize).copied().flatten());
            match replica.role {
                Role::OutOfSync => paint.slants(hue, r, 4.0, true),
                // Of a batch that is committed in part, this record is.
                Role::Leader | Role::Follower | Role::Offline if offset < replica.high_watermark => {}
                Role::Leader => paint.slants(&p.bg, r, 4.0, false),
                Role::Follower | Role::Offline => paint.slants(&p.ink3, r, 4.0, false),
            }
        });
    }

    /// A hairline under the cells shows where a batch ends.
    fn bracket(&self, paint: &Paint, batch: &Batch, c: Rect, scale: Scale) {
        let (from, to) = (batch.base.max(scale.first), batch.last + 1);
        if to > from && batch.last > batch.base {
            let wide = c.w / scale.cells as f64;
            let x = |offset: i64| c.x + (offset - scale.first) as f64 * wide;
            let y = c.y + c.h + 2.0;
            paint.line(&self.palette.line, 1.0, (x(from), y), (x(to) - 1.4, y));
        }
    }

    /// Records before the batches that the frame holds: there, but not told apart.
    fn older(&self, paint: &Paint, replica: &Replica, c: Rect, scale: Scale) {
        let until = replica.tail.first().map_or(replica.log_end, |batch| batch.base);
        let from = replica.log_start.max(scale.first);
        if from < until {
            let wide = c.w / scale.cells as f64;
            let (x, w) = (c.x + (from - scale.first) as f64 * wide, (until - from) as f64 * wide - 1.4);
            paint.outline(&self.palette.hollow, 1.0, Rect { x, y: c.y, w, h: c.h });
        }
    }

    fn flags(&self, paint: &Paint, strip: &Strip, replica: &Replica, down: bool, scale: Scale, selected: bool) {
        let p = self.palette;
        let c = strip.cells;
        let x = |offset: i64| {
            let cells = (offset - scale.first).clamp(0, scale.cells) as f64;
            c.x + cells * c.w / scale.cells as f64 - 0.7
        };
        if replica.log_end < 0 || replica.log_end < scale.first {
            let elsewhere = text::ends_before(&format::offset(replica.log_end));
            let words = if replica.log_end < 0 { TEXT.log_not_open } else { elsewhere.as_str() };
            paint.words(SMALL, &p.ink3, c.x, c.y + c.h / 2.0 + 4.0, c.w, words);
            return;
        }
        let (hw, end) = (x(replica.high_watermark), x(replica.log_end));
        let roomy = strip.row.h >= SPOKEN;
        paint.line(&p.line_soft, 1.0, (c.x, c.y + c.h + 0.5), (c.x + c.w, c.y + c.h + 0.5));
        if down {
            return;
        }
        if replica.log_start > scale.first {
            let start = x(replica.log_start);
            paint.line(&p.ink3, 1.0, (start, c.y - 2.0), (start, c.y + c.h + 2.0));
        }
        // The log end: a bracket open to the left.
        paint.line(&p.ink3, 1.0, (end, c.y - 2.0), (end, c.y + c.h + 2.0));
        paint.line(&p.ink3, 1.0, (end - 3.0, c.y - 2.0), (end, c.y - 2.0));
        // The last stable offset, where it is another one: a flag on a dashed line.
        let stable = x(replica.last_stable);
        if replica.last_stable < replica.high_watermark {
            paint.dash(&[2.0, 2.0]);
            paint.line(&p.ink2, 1.4, (stable, c.y - 4.0), (stable, c.y + c.h + 4.0));
            paint.dash(&[]);
        }
        // The high watermark: a flag.
        paint.line(&p.ink, 1.4, (hw, c.y - 4.0), (hw, c.y + c.h + 4.0));
        paint.fill(&p.ink, Rect { x: hw, y: c.y - 4.0, w: 4.0, h: 3.0 });
        if roomy && (replica.role == Role::Leader || selected) {
            self.flag_words(paint, strip, (stable, hw, end), replica);
        }
    }

    fn flag_words(&self, paint: &Paint, strip: &Strip, (stable, hw, end): (f64, f64, f64), replica: &Replica) {
        let p = self.palette;
        let (c, room) = (strip.cells, strip.row.x + strip.row.w - 6.0);
        let y = c.y + c.h + 14.0;
        let ends = replica.log_end > replica.high_watermark;
        let words = format!("HW {}{}", replica.high_watermark, if ends { "" } else { " = LEO" });
        let wide = paint.width(SMALL, &words);
        let left = (hw - wide / 2.0).clamp(c.x, (c.x + c.w - wide).max(c.x));
        if left + wide > room {
            return;
        }
        if replica.last_stable < replica.high_watermark {
            let words = format!("LSO {}", replica.last_stable);
            let wide = paint.width(SMALL, &words);
            // Before the word of the high watermark, or not at all.
            let at = (stable - wide / 2.0).min(left - wide - 8.0);
            if at >= strip.row.x + 6.0 {
                paint.words(SMALL, &p.ink2, at, y, wide + 2.0, &words);
            }
        }
        paint.words(SMALL, &p.ink2, left, y, 200.0, &words);
        if ends {
            let words = format!("LEO {}", replica.log_end);
            let from = (end - 10.0).max(left + wide + 8.0);
            if from + paint.width(SMALL, &words) < room.min(c.x + c.w + 60.0) {
                paint.words(SMALL, &p.ink3, from, y, 100.0, &words);
            }
        }
    }

    /// A request with records is a filled dot in the hue of its first key, any other message a ring; a response is smaller.
    fn packets(&self, paint: &Paint) {
        let p = self.palette;
        let ways = self.layout.ways();
        let (mut keyed, mut rings) = (Dots::default(), Dots::default());
        for packet in &self.frame.packets {
            // Clients do not talk to each other; between others there is always a way.
            let Some(way) = ways.get(&(&packet.from, &packet.to)) else { continue };
            let at = place(way, packet, self.frame.run.time_us, self.steps);
            let selected = *self.selection == Selection::Packet(packet.id);
            match packet.keys.first() {
                Some(key) => {
                    let (ring, radius) = if selected { (&p.focus, 5.5) } else { (&p.bg, 4.2) };
                    keyed.add(p.key(*key), ring, at, radius);
                }
                None => {
                    let ring = if selected { &p.focus } else { &p.ink2 };
                    rings.add(&p.bg, ring, at, if packet.response { 2.2 } else { 3.0 });
                }
            }
        }
        paint.dots(&rings, 1.3);
        paint.dots(&keyed, 1.5);
    }

    fn state(&self, node: &Node) -> Option<State> {
        match node {
            Node::Controller => Some(self.frame.controller.state),
            Node::Broker(id) => self.frame.brokers.iter().find(|it| it.id == *id).map(|it| it.state),
            Node::Client(name) => {
                let producer = self.frame.producers.iter().find(|it| it.name == *name).map(|it| it.state);
                producer.or_else(|| self.frame.consumers.iter().find(|it| it.name == *name).map(|it| it.state))
            }
        }
    }

    fn is_down(&self, node: &Node) -> bool {
        self.state(node).is_some_and(is_down)
    }
}

/// It ends a transaction, or is another record of the log's own.
fn is_marker(kind: BatchKind) -> bool {
    match kind {
        BatchKind::Commit | BatchKind::Abort | BatchKind::Control => true,
        BatchKind::Data | BatchKind::Open | BatchKind::Committed | BatchKind::Aborted => false,
    }
}
