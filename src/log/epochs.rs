//! Which leader epoch began at which offset: `LeaderEpochFileCache` in Apache Kafka (KIP-101, KIP-279), kept in the
//! file `leader-epoch-checkpoint`.

use std::fmt::Write;
use std::str::FromStr;

/// No epoch or no offset is known.
pub const UNDEFINED: (i32, i64) = (-1, -1);

/// The file of a partition's directory that holds the epochs.
pub const FILE_NAME: &str = "leader-epoch-checkpoint";

/// An epoch and the first offset that its leader wrote, ascending in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<(i32, i64)>,
}

/// The checkpoint cannot be read. Kafka does not open such a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEpochs {
    /// Its version, its count or the shape of its lines is wrong.
    #[error("leader-epoch-checkpoint is malformed")]
    Shape,
    /// A line has two words that are not two numbers.
    #[error("leader-epoch-checkpoint holds something else than numbers")]
    NotANumber,
    /// An entry has a negative epoch or offset.
    #[error("leader-epoch-checkpoint holds a negative epoch or offset")]
    Negative,
}

/// An epoch or an offset that is negative is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a leader epoch entry must not be negative")]
pub struct NegativeEpoch;

impl LeaderEpochs {
    /// Notes that `epoch` begins at `start`; entries that contradict it go. Whether anything changed.
    pub fn assign(&mut self, epoch: i32, start: i64) -> Result<bool, NegativeEpoch> {
        if epoch < 0 || start < 0 {
            return Err(NegativeEpoch);
        }
        if self.entries.last().is_some_and(|&(latest, from)| latest == epoch && start >= from) {
            return Ok(false);
        }
        while self.entries.pop_if(|&mut (other, from)| other >= epoch || from >= start).is_some() {}
        self.entries.push((epoch, start));
        Ok(true)
    }

    /// The latest epoch.
    pub fn latest(&self) -> Option<i32> {
        self.entries.last().map(|&(epoch, _)| epoch)
    }

    /// All entries.
    pub fn entries(&self) -> &[(i32, i64)] {
        &self.entries
    }

    /// The largest known epoch that is not above `epoch`, and where it ends: the start of the next one, or the log's
    /// end. [`UNDEFINED`] if the epoch lies ahead of all that is known.
    pub fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> (i32, i64) {
        // No epoch is known, or none was asked for.
        let Some(latest) = self.latest().filter(|_| epoch != UNDEFINED.0) else { return UNDEFINED };
        if epoch == latest {
            return (epoch, log_end_offset);
        }
        let higher = self.entries.partition_point(|&(other, _)| other <= epoch);
        match (higher.checked_sub(1).map(|floor| self.entries[floor]), self.entries.get(higher)) {
            (_, None) => UNDEFINED,
            // The first epoch is already above: it ends before anything that is kept.
            (None, Some(&(_, start))) => (epoch, start),
            (Some((floor, _)), Some(&(_, end))) => (floor, end),
        }
    }

    /// The epoch that an offset was written in.
    pub fn epoch_for_offset(&self, offset: i64) -> Option<i32> {
        let behind = self.entries.partition_point(|&(_, start)| start <= offset);
        Some(self.entries[behind.checked_sub(1)?].0)
    }

    /// Drops epochs that begin at or behind `end`. Whether anything changed.
    pub fn truncate_from_end(&mut self, end: i64) -> bool {
        let before = self.entries.len();
        if end >= 0 && self.entries.last().is_some_and(|&(_, start)| start >= end) {
            self.entries.retain(|&(_, start)| start < end);
        }
        self.entries.len() != before
    }

    /// Drops epochs that ended before `start`; the one that holds it begins there now. Whether anything changed.
    pub fn truncate_from_start(&mut self, start: i64) -> bool {
        let gone = self.entries.partition_point(|&(_, from)| from <= start);
        // All known epochs begin behind the start.
        let Some(floor) = gone.checked_sub(1) else { return false };
        let changed = floor > 0 || self.entries[floor].1 != start;
        self.entries.drain(..floor);
        self.entries[0].1 = start;
        changed
    }

    /// Drops everything. Whether there was anything.
    pub fn clear(&mut self) -> bool {
        let had_any = !self.entries.is_empty();
        self.entries.clear();
        had_any
    }

    /// The text of the checkpoint file, version 0.
    pub fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{epoch} {start}");
        }
        text
    }

    /// Reads the checkpoint file. An empty one is whole and holds nothing (`CheckpointFile.read`); entries are taken in
    /// as if they were assigned one after another.
    pub fn decode(text: &str) -> Result<LeaderEpochs, MalformedEpochs> {
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in decode_entries(text)? {
            epochs.assign(epoch, start).map_err(|_| MalformedEpochs::Negative)?;
        }
        Ok(epochs)
    }
}

/// The lines of the file as they stand there, whether or not they contradict each other.
pub(super) fn decode_entries(text: &str) -> Result<Vec<(i32, i64)>, MalformedEpochs> {
    let mut lines = text.lines();
    // Kafka reads an empty file, and one that ends behind its version, as one without entries.
    let Some(version) = lines.next() else { return Ok(Vec::new()) };
    if number::<i32>(version) != Some(0) {
        return Err(MalformedEpochs::Shape);
    }
    // An empty file has no lines.
    let Some(count) = lines.next() else { return Ok(Vec::new()) };
    let count: i32 = number(count).ok_or(MalformedEpochs::Shape)?;
    let entries = lines.map(decode_line).collect::<Result<Vec<_>, _>>()?;
    if entries.len() as i64 != i64::from(count) {
        return Err(MalformedEpochs::Shape);
    }
    Ok(entries)
}

fn decode_line(line: &str) -> Result<(i32, i64), MalformedEpochs> {
    // White space before the first word makes an empty word of its own; at the end it counts for nothing.
    let mut words: Vec<&str> = line.split(|letter: char| letter.is_ascii_whitespace()).collect();
    while words.pop_if(|word| word.is_empty()).is_some() {}
    let leading = usize::from(words.first().is_some_and(|word| word.is_empty()));
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    let &[epoch, start] = words.as_slice() else { return Err(MalformedEpochs::Shape) };
    if leading > 0 {
        return Err(MalformedEpochs::Shape);
    }
    Ok((number(epoch).ok_or(MalformedEpochs::NotANumber)?, number(start).ok_or(MalformedEpochs::NotANumber)?))
}

/// A whole number in the digits of ASCII.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::default();
        for &(epoch, start) in entries {
            let _ = epochs.assign(epoch, start);
        }
        epochs
    }

    #[test]
    fn assigning_again_overwrites_as_kafka_does() {
        let mut cache = LeaderEpochs::default();
        let steps: [(_, &[_]); 9] = [
            ((2, 10), &[(2, 10)]),
            ((2, 11), &[(2, 10)]),
            ((2, 9), &[(2, 9)]),
            ((3, 9), &[(3, 9)]),
            ((1, 20), &[(1, 20)]),
            ((5, 30), &[(1, 20), (5, 30)]),
            ((4, 30), &[(1, 20), (4, 30)]),
            ((5, 25), &[(1, 20), (5, 25)]),
            ((6, 5), &[(6, 5)]),
        ];
        for ((epoch, start), expected) in steps {
            assert!(cache.assign(epoch, start).is_ok());
            assert_eq!(cache.entries(), expected);
        }
    }

    #[test]
    fn undefined_epochs_and_offsets_are_refused() {
        let mut cache = LeaderEpochs::default();
        assert_eq!([cache.assign(-1, 5), cache.assign(3, -1)], [Err(NegativeEpoch); 2]);
        assert_eq!(cache, LeaderEpochs::default());
    }

    #[test]
    fn end_offsets_are_those_of_the_recorded_log() {
        let cache = epochs(&[(0, 10), (2, 13), (4, 17)]);
        let expected =
            [(-1, UNDEFINED), (0, (0, 13)), (1, (0, 13)), (2, (2, 17)), (3, (2, 17)), (4, (4, 22)), (5, UNDEFINED)];
        for (epoch, answer) in expected {
            assert_eq!(cache.end_offset_for(epoch, 22), answer, "epoch {epoch}");
        }
        assert_eq!(LeaderEpochs::default().end_offset_for(0, 22), UNDEFINED);
        assert_eq!(epochs(&[(5, 11), (6, 12)]).end_offset_for(4, 22), (4, 11));
        let one = epochs(&[(2, 100)]);
        assert_eq!((one.end_offset_for(2, 111), one.end_offset_for(3, 111)), ((2, 111), UNDEFINED));
    }

    #[test]
    fn an_offset_belongs_to_the_epoch_that_began_before_it() {
        let cache = epochs(&[(0, 10), (2, 13), (4, 17)]);
        let answers: Vec<_> = [9, 10, 12, 13, 16, 17, 100].map(|offset| cache.epoch_for_offset(offset)).into();
        assert_eq!(answers, [None, Some(0), Some(0), Some(2), Some(2), Some(4), Some(4)]);
    }

    #[test]
    fn truncation_from_the_end_drops_epochs_that_start_there() {
        let all = [(2, 6), (3, 8), (4, 11)];
        for (end, kept) in [(11, 2), (9, 2), (8, 1), (12, 3), (6, 0), (-1, 3)] {
            let mut cache = epochs(&all);
            assert_eq!(cache.truncate_from_end(end), kept < 3);
            assert_eq!(cache.entries(), &all[..kept]);
        }
    }

    #[test]
    fn truncation_from_the_start_moves_the_epoch_that_holds_it() {
        let all = [(2, 6), (3, 8), (4, 11)];
        let cases: [(i64, &[(i32, i64)]); 7] = [
            (-1, &all),
            (1, &all),
            (6, &all),
            (8, &[(3, 8), (4, 11)]),
            (9, &[(3, 9), (4, 11)]),
            (11, &[(4, 11)]),
            (15, &[(4, 15)]),
        ];
        for (start, expected) in cases {
            let mut cache = epochs(&all);
            assert_eq!(cache.truncate_from_start(start), expected != all);
            assert_eq!(cache.entries(), expected);
        }
    }

    #[test]
    fn the_file_is_kafkas_text_and_is_refused_when_damaged() {
        let cache = epochs(&[(0, 10), (2, 13)]);
        assert_eq!(cache.encode(), "0\n2\n0 10\n2 13\n");
        assert_eq!(LeaderEpochs::decode(&cache.encode()), Ok(cache));
        assert_eq!(LeaderEpochs::decode(""), Ok(LeaderEpochs::default()));
        for damaged in ["1\n0\n", "0\n1\n", "0\n1\n5\n", "0\nx\n", "0\n1\n1 2\n3 4\n", "0\n1\n 1 2\n"] {
            assert_eq!(LeaderEpochs::decode(damaged), Err(MalformedEpochs::Shape), "{damaged:?}");
        }
        assert_eq!(LeaderEpochs::decode("0\n1\nx 2\n"), Err(MalformedEpochs::NotANumber));
        assert_eq!(LeaderEpochs::decode("0\n1\n-1 2\n"), Err(MalformedEpochs::Negative));
        assert_eq!(LeaderEpochs::decode("0\n"), Ok(LeaderEpochs::default()));
    }
}
