//! OffsetFetch 10 and OffsetCommit 10, which name topics by their ids: `kafka-protocol` knows their answers and not the requests.
//! Otherwise they are version 9, so that the bytes of that are made of them, with the ids as names.

use bytes::Bytes;
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest, TopicName};
use kafka_protocol::protocol::Decodable;
use uuid::Uuid;

/// The version that names topics by their ids.
pub(super) const VERSION: i16 = 10;
const BY_NAME: i16 = 9;

/// Reads such a request.
///
/// # Errors
///
/// What is wrong with the bytes.
pub(super) fn offset_fetch(bytes: &[u8]) -> Result<OffsetFetchRequest, String> {
    let by_name = fetch_by_name(bytes).ok_or("it is cut")?;
    let mut request =
        OffsetFetchRequest::decode(&mut Bytes::from(by_name), BY_NAME).map_err(|error| error.to_string())?;
    for topic in request.groups.iter_mut().flat_map(|group| group.topics.iter_mut().flatten()) {
        topic.topic_id = id_of(std::mem::take(&mut topic.name))?;
    }
    Ok(request)
}

/// The same of a commit.
///
/// # Errors
///
/// What is wrong with the bytes.
pub(super) fn offset_commit(bytes: &[u8]) -> Result<OffsetCommitRequest, String> {
    let by_name = commit_by_name(bytes).ok_or("it is cut")?;
    let mut request =
        OffsetCommitRequest::decode(&mut Bytes::from(by_name), BY_NAME).map_err(|error| error.to_string())?;
    for topic in &mut request.topics {
        topic.topic_id = id_of(std::mem::take(&mut topic.name))?;
    }
    Ok(request)
}

#[expect(clippy::needless_pass_by_value, reason = "it is an id from here on")]
fn id_of(name: TopicName) -> Result<Uuid, String> {
    Uuid::parse_str(&name.0).map_err(|error| error.to_string())
}

/// The same commit in version 9; `None` where there are too few bytes.
fn commit_by_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Copy { from: bytes, to: Vec::new() };
    // The group, its generation, the member and the instance, which may be null.
    copy.text()?;
    copy.bytes(size_of::<i32>())?;
    copy.text()?;
    copy.text()?;
    for _ in 1..copy.varint()? {
        copy.id()?;
        for _ in 1..copy.varint()? {
            // The partition, the offset and the leader epoch, and what is said with them.
            copy.bytes(2 * size_of::<i32>() + size_of::<i64>())?;
            copy.text()?;
            copy.tagged()?;
        }
        copy.tagged()?;
    }
    copy.tagged()?;
    Some(copy.to)
}

/// The same fetch in version 9; `None` where there are too few bytes.
fn fetch_by_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Copy { from: bytes, to: Vec::new() };
    for _ in 1..copy.varint()? {
        // The group and the member, which may be null.
        copy.text()?;
        copy.text()?;
        copy.bytes(size_of::<i32>())?;
        for _ in 1..copy.varint()? {
            copy.id()?;
            let partitions = (copy.varint()? as usize).saturating_sub(1);
            copy.bytes(partitions.checked_mul(size_of::<i32>())?)?;
            copy.tagged()?;
        }
        copy.tagged()?;
    }
    copy.bytes(1)?;
    copy.tagged()?;
    Some(copy.to)
}

/// Copies fields one by one.
struct Copy<'a> {
    from: &'a [u8],
    to: Vec<u8>,
}

impl<'a> Copy<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.from.split_at_checked(length)?;
        self.from = rest;
        Some(taken)
    }

    fn bytes(&mut self, length: usize) -> Option<()> {
        let taken = self.take(length)?;
        self.to.extend(taken);
        Some(())
    }

    fn varint(&mut self) -> Option<u32> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            self.to.push(byte);
            number |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A string, whose length is one less than it says; 0 is null.
    fn text(&mut self) -> Option<()> {
        let length = self.varint()?.saturating_sub(1);
        self.bytes(length as usize)
    }

    /// An id, which becomes a name.
    fn id(&mut self) -> Option<()> {
        let name = Uuid::from_slice(self.take(16)?).ok()?.to_string();
        self.to.push(u8::try_from(name.len() + 1).expect("an id is short"));
        self.to.extend(name.as_bytes());
        Some(())
    }

    fn tagged(&mut self) -> Option<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.bytes(length as usize)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_by_their_ids() {
        let id = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        let head: &[u8] = &[2, 2, b'g', 2, b'm', 0, 0, 0, 2, 2];
        let tail: &[u8] = &[3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0];
        let bytes = [head, id.as_bytes(), tail].concat();
        let request = offset_fetch(&bytes).expect("it is whole");
        let group = &request.groups[0];
        let topic = &group.topics.as_ref().expect("topics")[0];
        assert_eq!((group.member_epoch, topic.topic_id, &topic.partition_indexes[..]), (2, id, &[1, 0][..]));
        assert!(request.require_stable && topic.name.0.is_empty());
        assert!((0..bytes.len()).all(|end| offset_fetch(&bytes[..end]).is_err()));
    }

    #[test]
    fn topics_of_a_commit_are_named_by_their_ids() {
        let id = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        let head: &[u8] = &[2, b'g', 0, 0, 0, 3, 2, b'm', 0, 2];
        let tail: &[u8] = &[2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 4, 2, b'x', 0, 0, 0];
        let bytes = [head, id.as_bytes(), tail].concat();
        let request = offset_commit(&bytes).expect("it is whole");
        let topic = &request.topics[0];
        let it = &topic.partitions[0];
        assert_eq!((request.generation_id_or_member_epoch, topic.topic_id, it.committed_offset), (3, id, 7));
        assert_eq!((it.committed_leader_epoch, it.committed_metadata.as_deref()), (4, Some("x")));
        assert!(topic.name.0.is_empty() && (0..bytes.len()).all(|end| offset_commit(&bytes[..end]).is_err()));
    }
}
