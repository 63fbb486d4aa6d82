//! Where everything stands on the stage.

use std::collections::BTreeMap;

use crate::view::frame::{Broker, Frame, Node, Packet, Partition, Producer, Replica, Selection};

/// Below this width clients stand above and below the brokers instead of beside them.
const NARROW: f64 = 620.0;
/// Height of a broker's head line.
const HEAD: f64 = 32.0;
/// From this height on the flags of a strip have words.
pub const SPOKEN: f64 = 34.0;
/// The most height that a strip takes where there is room, beside the clients and on a narrow screen.
const ROOMY: f64 = 104.0;
const ROOMY_NARROW: f64 = 56.0;
/// Height of a client's box, and what a line about its sequence numbers or its transaction adds.
const CLIENT: f64 = 48.0;
const LINE: f64 = 16.0;
/// Height of a group's head, with the names of its partitions, and of a member; and of a member without words.
const GROUP: f64 = 58.0;
const MEMBER: f64 = 38.0;
const MEMBER_BARE: f64 = 20.0;
/// The width of the mark of a partition's owner, and how many there may be.
pub const OWNER: f64 = 18.0;
pub const OWNERS: usize = 3;

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    /// Is a point inside?
    pub fn has(&self, x: f64, y: f64) -> bool {
        x >= self.x && x < self.x + self.w && y >= self.y && y < self.y + self.h
    }

    fn left(&self) -> (f64, f64) {
        (self.x, self.y + self.h / 2.0)
    }

    fn right(&self) -> (f64, f64) {
        (self.x + self.w, self.y + self.h / 2.0)
    }

    fn top(&self) -> (f64, f64) {
        (self.x + self.w / 2.0, self.y)
    }

    fn bottom(&self) -> (f64, f64) {
        (self.x + self.w / 2.0, self.y + self.h)
    }
}

/// A cubic curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    pub from: (f64, f64),
    pub a: (f64, f64),
    pub b: (f64, f64),
    pub to: (f64, f64),
}

impl Curve {
    /// The point at a part of the way, from 0 to 1.
    pub fn at(&self, t: f64) -> (f64, f64) {
        let u = 1.0 - t;
        let mix =
            |p: f64, q: f64, r: f64, s: f64| u * u * u * p + 3.0 * u * u * t * q + 3.0 * u * t * t * r + t * t * t * s;
        (mix(self.from.0, self.a.0, self.b.0, self.to.0), mix(self.from.1, self.a.1, self.b.1, self.to.1))
    }

    fn reversed(self) -> Self {
        Curve { from: self.to, a: self.b, b: self.a, to: self.from }
    }
}

/// A box with a process.
pub struct Place {
    pub node: Node,
    pub rect: Rect,
}

/// The box of a group: an index into the frame's groups. Its members that are processes have places of their own.
pub struct Card {
    pub group: usize,
    pub rect: Rect,
    /// Where its members stand, in their order.
    pub members: Vec<Rect>,
}

/// The strip of a replica: an index into the frame's brokers, one into its replicas, and where it stands.
pub struct Strip {
    pub broker: usize,
    pub replica: usize,
    pub row: Rect,
    pub cells: Rect,
}

/// A link between two processes.
pub struct Wire {
    pub a: Node,
    pub b: Node,
    pub curve: Curve,
}

/// The offsets that the strips of a partition show: the same for all its replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub first: i64,
    pub cells: i64,
}

/// Where everything stands.
pub struct Layout {
    pub height: f64,
    pub boxes: Vec<Place>,
    pub groups: Vec<Card>,
    pub strips: Vec<Strip>,
    pub wires: Vec<Wire>,
    pub scales: Vec<Scale>,
    /// Partitions of Kafka's own topics have strips, too: there is room for all.
    shows_internal: bool,
}

impl Layout {
    /// Lays a frame out in a width; it is as high as it needs, and fills the height it is given.
    pub fn new(frame: &Frame, width: f64, height: f64) -> Self {
        let mut layout = Layout {
            height,
            boxes: vec![],
            groups: vec![],
            strips: vec![],
            wires: vec![],
            scales: vec![],
            shows_internal: true,
        };
        if width < NARROW {
            layout.stack(frame, width)
        } else {
            layout.spread(frame, width)
        }
        layout.scale(frame);
        layout.wire(frame, width < NARROW);
        layout
    }

    /// Producers left, brokers in the middle, consumers right.
    fn spread(&mut self, frame: &Frame, width: f64) {
        let side = (width * 0.155).clamp(112.0, 150.0);
        // Ownership of partitions takes more room than a line of words.
        let right_side = if frame.groups.is_empty() { side } else { (width * 0.175).clamp(124.0, 172.0) };
        let gap = (width * 0.115).clamp(56.0, if frame.groups.is_empty() { 120.0 } else { 92.0 });
        let middle = width - side - right_side - 2.0 * gap - 36.0;
        let columns = frame.brokers.len().div_ceil(6).max(1);
        let rows = frame.brokers.len().div_ceil(columns).max(1);
        let between = if rows > 4 { 8.0 } else { 14.0 };
        let fair = (self.height - 40.0 - between * (rows as f64 - 1.0)) / rows as f64;
        let strips = frame.brokers.iter().map(|broker| self.shown(frame, broker).count()).max().unwrap_or(0) as f64;
        self.shows_internal = HEAD + 12.0 + strips * SPOKEN <= fair;
        let most = frame.brokers.iter().map(|broker| self.shown(frame, broker).count()).max().unwrap_or(0) as f64;
        let lowest = HEAD + 12.0 + most * 18.0;
        let tall = fair.clamp(lowest, (HEAD + 20.0 + most * ROOMY).max(lowest));
        let mut left: Vec<Item> = frame.producers.iter().map(Item::of_producer).collect();
        left.push(Item::One(Node::Controller, CLIENT));
        let right = Item::readers(frame);
        let (left, right) = (Item::fitted(frame, left, self.height), Item::fitted(frame, right, self.height));
        self.height = self.height.max(needed(frame, &left)).max(needed(frame, &right));
        let used = tall * rows as f64 + between * (rows as f64 - 1.0);
        self.height = self.height.max(used + 40.0);
        let top = (self.height - used) / 2.0;
        let wide = (middle - 12.0 * (columns as f64 - 1.0)) / columns as f64;
        for (i, _) in frame.brokers.iter().enumerate() {
            let (column, row) = (i / rows, i % rows);
            let x = 18.0 + side + gap + column as f64 * (wide + 12.0);
            self.broker(frame, i, Rect { x, y: top + row as f64 * (tall + between), w: wide, h: tall });
        }
        self.column(frame, left, 18.0, side);
        self.column(frame, right, width - 18.0 - right_side, right_side);
    }

    /// Puts boxes one under the other; what is left of the height stands evenly between them.
    fn column(&mut self, frame: &Frame, items: Vec<Item>, x: f64, w: f64) {
        let heights: f64 = items.iter().map(|item| item.height(frame)).sum();
        let between = (self.height - heights) / items.len().max(1) as f64;
        let mut y = between / 2.0;
        for item in items {
            let h = item.height(frame);
            self.place(frame, item, Rect { x, y, w, h });
            y += h + between;
        }
    }

    fn place(&mut self, frame: &Frame, item: Item, rect: Rect) {
        let (group, bare) = match item {
            Item::One(node, _) => return self.boxes.push(Place { node, rect }),
            Item::Group { group, bare } => (group, bare),
        };
        let each = if bare { MEMBER_BARE } else { MEMBER };
        let members = &frame.groups[group].members;
        let rows = (0..members.len()).map(|at| Rect { y: rect.y + GROUP + each * at as f64, h: each, ..rect });
        let rows: Vec<Rect> = rows.collect();
        // Who is no process any more has no links.
        for (member, rect) in members.iter().zip(&rows).filter(|(member, _)| !member.former) {
            self.boxes.push(Place { node: Node::Client(member.client.clone()), rect: *rect });
        }
        self.groups.push(Card { group, rect, members: rows });
    }

    /// Producers above, brokers one under the other, consumers below.
    fn stack(&mut self, frame: &Frame, width: f64) {
        self.shows_internal = false;
        let mut y = 12.0;
        let mut above: Vec<Item> = frame.producers.iter().map(Item::of_producer).collect();
        above.push(Item::One(Node::Controller, CLIENT));
        y = self.rows(frame, above, width, y) + 34.0;
        let strips: usize = frame.brokers.iter().map(|broker| self.shown(frame, broker).count()).sum();
        let (groups, alone): (Vec<Item>, Vec<Item>) =
            Item::readers(frame).into_iter().partition(|item| matches!(item, Item::Group { .. }));
        let below = alone.len().div_ceil(3) as f64 * (CLIENT + 8.0) + 28.0 + needed(frame, &groups);
        let heads = frame.brokers.len() as f64 * (HEAD + 28.0);
        let each = ((self.height - y - heads - below) / strips.max(1) as f64).clamp(30.0, ROOMY_NARROW);
        for i in 0..frame.brokers.len() {
            let tall = HEAD + 14.0 + self.shown(frame, &frame.brokers[i]).count() as f64 * each;
            self.broker(frame, i, Rect { x: 24.0, y, w: width - 48.0, h: tall });
            y += tall + 14.0;
        }
        y = self.rows(frame, alone, width, y + 20.0);
        for group in groups {
            let h = group.height(frame);
            self.place(frame, group, Rect { x: 12.0, y, w: width - 24.0, h });
            y += h + 10.0;
        }
        self.height = self.height.max(y + 8.0);
    }

    fn rows(&mut self, frame: &Frame, items: Vec<Item>, width: f64, y: f64) -> f64 {
        // Lines about transactions are longer.
        let most = if items.iter().any(|item| item.height(frame) > CLIENT) { 2 } else { 3 };
        let columns = items.len().clamp(1, most);
        let w = (width - 24.0 - 8.0 * (columns as f64 - 1.0)) / columns as f64;
        let heights: Vec<f64> = items.iter().map(|item| item.height(frame)).collect();
        let heights: Vec<f64> = heights.chunks(columns).map(|row| row.iter().copied().fold(CLIENT, f64::max)).collect();
        for (i, item) in items.into_iter().enumerate() {
            let (column, row) = (i % columns, i / columns);
            let above: f64 = heights[..row].iter().map(|h| h + 8.0).sum();
            let x = 12.0 + column as f64 * (w + 8.0);
            self.place(frame, item, Rect { x, y: y + above, w, h: heights[row] });
        }
        y + heights.iter().map(|h| h + 8.0).sum::<f64>()
    }

    fn broker(&mut self, frame: &Frame, index: usize, rect: Rect) {
        let broker = &frame.brokers[index];
        self.boxes.push(Place { node: Node::Broker(broker.id), rect });
        let each = ((rect.h - HEAD - 10.0) / self.shown(frame, broker).count().max(1) as f64).min(ROOMY);
        let cell = (each - 6.0).clamp(
            8.0,
            if each > 80.0 {
                30.0
            } else if each > 50.0 {
                22.0
            } else {
                16.0
            },
        );
        let name = if rect.w < 300.0 { 72.0 } else { 92.0 };
        for (place, replica) in self.shown(frame, broker).collect::<Vec<_>>().into_iter().enumerate() {
            let y = rect.y + HEAD + 6.0 + each * place as f64;
            let row = Rect { x: rect.x + 1.0, y, w: rect.w - 2.0, h: each };
            // In a narrow box there is no room for the role beside the cells.
            let owners = frame.groups.len().min(OWNERS) as f64 * OWNER;
            let w = (rect.w - name - if rect.w < 160.0 { 14.0 } else { 66.0 + owners }).max(24.0);
            // Where there is height enough, the flags have words under the cells.
            let lift = if each >= SPOKEN { 6.0 } else { 0.0 };
            let cells = Rect { x: rect.x + name, y: y + (each - cell) / 2.0 - lift, w, h: cell };
            self.strips.push(Strip { broker: index, replica, row, cells });
        }
    }

    /// The replicas of a broker that are drawn, by their places.
    fn shown<'a>(&self, frame: &'a Frame, broker: &'a Broker) -> impl Iterator<Item = usize> + use<'a> {
        let internal = self.shows_internal;
        let is_left_out = move |it: &Partition| it.is_idle() || it.internal && !internal;
        let is_shown =
            move |replica: &Replica| !frame.partitions.get(replica.partition as usize).is_some_and(is_left_out);
        (0..).zip(&broker.replicas).filter(move |(_, replica)| is_shown(replica)).map(|(place, _)| place)
    }

    fn scale(&mut self, frame: &Frame) {
        let narrowest = self.strips.iter().map(|strip| strip.cells.w).fold(f64::INFINITY, f64::min);
        let cells = if narrowest.is_finite() { ((narrowest / 9.0) as i64).clamp(8, 40) } else { 8 };
        self.scales = (0..frame.partitions.len())
            .map(|index| {
                let last = self.replicas(frame, index).map(|replica| replica.log_end).max().unwrap_or(0);
                // Steps of four keep the strips still while records come in one at a time.
                let first = if last > cells { (last - cells + 3) / 4 * 4 } else { 0 };
                Scale { first, cells }
            })
            .collect();
    }

    fn replicas<'a>(&self, frame: &'a Frame, index: usize) -> impl Iterator<Item = &'a Replica> + use<'a> {
        let all = frame.brokers.iter().flat_map(|broker| &broker.replicas);
        all.filter(move |replica| replica.partition as usize == index)
    }

    fn wire(&mut self, frame: &Frame, narrow: bool) {
        let brokers: Vec<Node> = frame.brokers.iter().map(|broker| Node::Broker(broker.id)).collect();
        let producers = frame.producers.iter().map(|it| Node::Client(it.name.clone()));
        let consumers = frame.consumers.iter().map(|it| Node::Client(it.name.clone()));
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        for client in producers.chain(std::iter::once(Node::Controller)).chain(consumers) {
            pairs.extend(brokers.iter().map(|broker| (client.clone(), broker.clone())));
        }
        for (i, a) in brokers.iter().enumerate() {
            pairs.extend(brokers[i + 1..].iter().map(|b| (a.clone(), b.clone())));
        }
        self.wires = pairs
            .into_iter()
            .filter_map(|(a, b)| {
                let curve = self.curve(&a, &b, narrow)?;
                Some(Wire { a, b, curve })
            })
            .collect();
    }

    fn curve(&self, a: &Node, b: &Node, narrow: bool) -> Option<Curve> {
        let (p, q) = (self.rect(a)?, self.rect(b)?);
        if let (Node::Broker(_), Node::Broker(_)) = (a, b) {
            return Some(bulge(p, q, narrow));
        }
        if narrow {
            let (from, to) = if p.y < q.y { (p.bottom(), q.left()) } else { (p.top(), q.right()) };
            let aside = if p.y < q.y { q.x - 16.0 } else { q.x + q.w + 16.0 };
            return Some(Curve { from, a: (aside, from.1 + (to.1 - from.1) * 0.2), b: (aside, to.1), to });
        }
        let (from, to) = if p.x < q.x { (p.right(), q.left()) } else { (p.left(), q.right()) };
        let half = f64::midpoint(from.0, to.0);
        Some(Curve { from, a: (half, from.1), b: (half, to.1), to })
    }

    /// Where a process stands.
    pub fn rect(&self, node: &Node) -> Option<Rect> {
        self.boxes.iter().find(|it| it.node == *node).map(|it| it.rect)
    }

    /// The ways of packets, by who sends and who receives.
    pub fn ways(&self) -> BTreeMap<(&Node, &Node), Curve> {
        let there = self.wires.iter().map(|wire| ((&wire.a, &wire.b), wire.curve));
        let back = self.wires.iter().map(|wire| ((&wire.b, &wire.a), wire.curve.reversed()));
        there.chain(back).collect()
    }

    /// What is at a point: packets first, then strips, boxes and links.
    pub fn hit(&self, frame: &Frame, time_us: u64, x: f64, y: f64) -> Option<Selection> {
        let near = |p: (f64, f64), reach: f64| (p.0 - x).powi(2) + (p.1 - y).powi(2) <= reach * reach;
        let ways = self.ways();
        let is_near = |packet: &&Packet| {
            let way = ways.get(&(&packet.from, &packet.to));
            way.is_some_and(|way| near(place(way, packet, time_us, None), 8.0))
        };
        let packet = frame.packets.iter().find(is_near);
        if let Some(packet) = packet {
            return Some(Selection::Packet(packet.id));
        }
        if let Some(strip) = self.strips.iter().find(|strip| strip.row.has(x, y)) {
            let replica = &frame.brokers[strip.broker].replicas[strip.replica];
            let partition = frame.partitions.get(replica.partition as usize)?;
            return Some(partition.selection());
        }
        if let Some(it) = self.boxes.iter().find(|it| it.rect.has(x, y)) {
            return Some(Selection::Node(it.node.clone()));
        }
        if let Some(card) = self.groups.iter().find(|card| card.rect.has(x, y)) {
            return Some(Selection::Group(frame.groups.get(card.group)?.id.clone()));
        }
        let wire = self.wires.iter().find(|wire| (0..=48).any(|i| near(wire.curve.at(f64::from(i) / 48.0), 6.0)))?;
        Some(Selection::Link(wire.a.clone(), wire.b.clone()))
    }
}

/// What stands beside the brokers.
enum Item {
    /// A process, and how high its box is.
    One(Node, f64),
    /// A group by its place in the frame; bare where there is no room for words about its members.
    Group { group: usize, bare: bool },
}

impl Item {
    fn of_producer(it: &Producer) -> Self {
        let lines = match (it.sending.producer_id < 0, it.sending.transactional_id.is_empty()) {
            (true, true) => 0.0,
            (false, true) => 2.0,
            (_, false) => 3.0,
        };
        Self::One(Node::Client(it.name.clone()), CLIENT + lines * LINE)
    }

    /// Groups, and consumers without one.
    fn readers(frame: &Frame) -> Vec<Self> {
        let groups = (0..frame.groups.len()).map(|group| Self::Group { group, bare: false });
        let alone = frame.consumers.iter().filter(|it| it.group.is_empty());
        groups.chain(alone.map(|it| Self::One(Node::Client(it.name.clone()), CLIENT))).collect()
    }

    fn height(&self, frame: &Frame) -> f64 {
        match self {
            Self::One(_, height) => *height,
            Self::Group { group, bare } => {
                let each = if *bare { MEMBER_BARE } else { MEMBER };
                GROUP + frame.groups[*group].members.len() as f64 * each + 4.0
            }
        }
    }

    /// The same with less words where the height does not hold them; what has no words left to lose keeps its height.
    fn fitted(frame: &Frame, items: Vec<Self>, height: f64) -> Vec<Self> {
        if needed(frame, &items) <= height {
            return items;
        }
        let share = height / items.len().max(1) as f64;
        let less = |item| match item {
            Self::One(node, tall) => Self::One(node, tall.min(share - 6.0).max(22.0)),
            Self::Group { group, .. } => Self::Group { group, bare: true },
        };
        items.into_iter().map(less).collect()
    }
}

/// The least height of a column.
fn needed(frame: &Frame, items: &[Item]) -> f64 {
    items.iter().map(|item| item.height(frame) + 6.0).sum()
}

/// Where a packet is on its way at a time.
pub fn place(way: &Curve, packet: &Packet, time_us: u64, steps: Option<f64>) -> (f64, f64) {
    let whole = packet.arrives_us.saturating_sub(packet.sent_us).max(1) as f64;
    let part = (time_us.saturating_sub(packet.sent_us) as f64 / whole).min(1.0);
    way.at(steps.map_or(part, |steps| (part * steps).round() / steps))
}

/// Replication runs beside the brokers, the farther apart the farther out.
fn bulge(p: Rect, q: Rect, narrow: bool) -> Curve {
    let (from, to) = (p.right(), q.right());
    let from = (from.0, p.y + p.h * 0.62);
    let to = (to.0, q.y + q.h * 0.38);
    let far = if narrow { 18.0 } else { 22.0 + (to.1 - from.1).abs() * 0.09 };
    let out = from.0.max(to.0) + far;
    Curve { from, a: (out, from.1 + (to.1 - from.1) * 0.15), b: (out, to.1 - (to.1 - from.1) * 0.15), to }
}
