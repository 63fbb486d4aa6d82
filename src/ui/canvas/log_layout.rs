//! Where everything stands in the Log view.

use super::layout::Rect;
use crate::view::frame::{Node, Selection};
use crate::view::log::{Batch, Log, LogReplica};
use crate::view::state::Role;

/// Below this width the names of replicas stand above their rows instead of beside them.
const NARROW: f64 = 620.0;
/// Transactions that have a line of their own.
const TRANSACTIONS: usize = 8;
/// Consumers that have a line of their own, and how high it is.
pub const READERS: usize = 4;
pub const READER: f64 = 15.0;

/// Where the offsets stand, the same for all replicas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub first: i64,
    pub left: f64,
    pub right: f64,
    pub cell: f64,
}

impl Scale {
    /// The left edge of an offset, as it falls, also outside of the window.
    pub fn x(&self, offset: i64) -> f64 {
        self.left + (offset - self.first) as f64 * self.cell
    }

    /// The same, kept inside.
    pub fn inside(&self, offset: i64) -> f64 {
        self.x(offset).clamp(self.left, self.right)
    }

    /// The offset at a place.
    pub fn offset(&self, x: f64) -> i64 {
        self.first + ((x - self.left) / self.cell).floor() as i64
    }
}

/// The row of a replica.
pub struct Row {
    pub replica: usize,
    pub row: Rect,
    pub cells: Rect,
}

/// Where everything stands.
pub struct LogLayout {
    pub width: f64,
    pub height: f64,
    pub narrow: bool,
    pub scale: Scale,
    pub overview: Rect,
    /// The cleaner's ranges of the whole log; no height where the topic is not compacted.
    pub overview_cleaning: Rect,
    pub epochs: Rect,
    pub segments: Rect,
    pub axis: Rect,
    /// The cleaner's ranges; no height where the topic is not compacted.
    pub cleaning: Rect,
    /// A line for each consumer.
    pub readers: Rect,
    pub rows: Vec<Row>,
    pub transactions: Rect,
    /// The replica whose epochs, segments and transactions are shown.
    pub reference: usize,
}

/// How much of a width is left of the offsets, and how many of them fit.
pub fn fit(width: f64, cell: f64) -> (f64, u32) {
    let left = if width < NARROW { 12.0 } else { 112.0 };
    (left, ((width - left - 14.0) / cell).floor().max(1.0) as u32)
}

impl LogLayout {
    /// Lays the logs out in a width; it is as high as it needs.
    pub fn new(log: &Log, selection: &Selection, width: f64, cell: f64) -> Self {
        let narrow = width < NARROW;
        let (left, offsets) = fit(width, cell);
        let right = left + f64::from(offsets) * cell;
        let band = |y: f64, h: f64| Rect { x: left, y, w: right - left, h };
        let reference = reference(log, selection);
        let compacted = log.replicas.iter().any(|it| it.cleaning.is_some());
        let only = |h: f64| if compacted { h } else { 0.0 };
        let (overview, overview_cleaning) = (band(22.0, 14.0), band(40.0, only(6.0)));
        let (epochs, segments) = (band(50.0 + only(10.0), 18.0), band(78.0 + only(10.0), 18.0));
        let cleaning = band(104.0 + only(18.0), only(18.0));
        let words = if narrow { 55.0 } else { 42.0 };
        let axis = band(104.0 + only(18.0) + only(words), 12.0);
        let readers = band(axis.y + 14.0, log.readers.len().min(READERS) as f64 * READER);
        let name = if narrow { 18.0 } else { 0.0 };
        let each = 62.0 + name;
        let mut y = readers.y + readers.h + 2.0;
        let mut rows = Vec::new();
        for replica in 0..log.replicas.len() {
            let cells = band(y + 6.0 + name, 26.0);
            rows.push(Row { replica, row: Rect { x: 0.0, y, w: width, h: each }, cells });
            y += each;
        }
        let known = log.replicas.get(reference).map_or(0, |it| it.transactions.len().min(TRANSACTIONS));
        let transactions = band(y + 8.0, known as f64 * 18.0);
        let height = y + if known == 0 { 10.0 } else { 18.0 + known as f64 * 18.0 };
        let scale = Scale { first: log.first, left, right, cell };
        Self {
            width,
            height,
            narrow,
            scale,
            overview,
            overview_cleaning,
            epochs,
            segments,
            axis,
            cleaning,
            readers,
            rows,
            transactions,
            reference,
        }
    }

    /// What is at a point: a batch, or the partition's replica.
    pub fn hit(&self, log: &Log, x: f64, y: f64) -> Option<Selection> {
        let row = self.rows.iter().find(|row| row.row.has(x, y))?;
        let replica = log.replicas.get(row.replica)?;
        let offset = self.scale.offset(x);
        let inside = x >= self.scale.left && x < self.scale.right;
        let batch = replica.batch_at(offset);
        let (topic, index, number) = (log.topic.clone(), log.index, log.number);
        match batch.filter(|_| inside) {
            Some(_) => Some(Selection::Batch { topic, index, number, broker: replica.broker, offset }),
            None => Some(Selection::Partition { topic, index, number }),
        }
    }

    /// The first offset of a window whose middle is at a place of the overview.
    pub fn overview_first(&self, log: &Log, x: f64) -> i64 {
        let part = ((x - self.overview.x) / self.overview.w.max(1.0)).clamp(0.0, 1.0);
        let whole = (log.latest - log.earliest).max(1) as f64;
        log.earliest + (part * whole) as i64 - i64::from(log.offsets) / 2
    }

    /// Where an offset stands in the overview.
    pub fn overview_x(&self, log: &Log, offset: i64) -> f64 {
        let whole = (log.latest - log.earliest).max(1) as f64;
        let part = ((offset - log.earliest) as f64 / whole).clamp(0.0, 1.0);
        self.overview.x + part * self.overview.w
    }
}

/// The replica that was pointed at, else the leader, else the longest.
fn reference(log: &Log, selection: &Selection) -> usize {
    let pointed = match selection {
        Selection::Batch { broker, .. } | Selection::Node(Node::Broker(broker)) => {
            log.replicas.iter().position(|it| it.broker == *broker)
        }
        Selection::None
        | Selection::Node(Node::Controller | Node::Client(_))
        | Selection::Partition { .. }
        | Selection::Link(..)
        | Selection::Packet(_)
        | Selection::Event(_)
        | Selection::Group(_)
        | Selection::TransactionalId(_) => None,
    };
    let leader = || log.replicas.iter().position(|it| it.role == Role::Leader);
    let longest = || (0..log.replicas.len()).max_by_key(|&place| log.replicas[place].log_end);
    pointed.or_else(leader).or_else(longest).unwrap_or(0)
}

/// Is it this batch that is selected?
pub fn is_selected(selection: &Selection, log: &Log, replica: &LogReplica, batch: &Batch) -> bool {
    matches!(selection, Selection::Batch { number, index, broker, offset, .. }
        if (*number, *index) == (log.number, log.index) && *broker == replica.broker
            && (batch.base..=batch.last).contains(offset))
}
