//! What a broker takes a directory in a log directory for, by its name (`LogManager.loadLogs`,
//! `UnifiedLog.parseTopicPartitionName`).

/// The directory of the cluster's metadata.
pub(super) const METADATA: &str = "__cluster_metadata-0";
/// Whom the node voted for.
pub(super) const QUORUM_STATE: &str = "quorum-state";
/// The end of a snapshot's name.
pub(super) const CHECKPOINT: &str = ".checkpoint";

/// A directory that belongs to tiered storage (`RemoteIndexCache.DIR_NAME`).
const REMOTE_INDEXES: &str = "remote-log-index-cache";

/// What a broker takes a directory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The log of this topic's partition.
    Log(&'a str, i32),
    /// The log of one that is on its way to this disk.
    Future(&'a str, i32),
    /// A log that is no longer the broker's.
    Stray,
    /// A log whose files go.
    Leaving,
    /// The log of the cluster's metadata, or what a broker passes by like it.
    Metadata,
    OfTieredStorage,
    None,
}

impl Place<'_> {
    pub(super) fn of(name: &str) -> Place<'_> {
        if name == REMOTE_INDEXES {
            return Place::OfTieredStorage;
        }
        let mark = ["-delete", "-future", "-stray"].into_iter().find(|mark| name.ends_with(mark));
        let partition = match mark {
            None => name,
            // A point and an id come before the mark.
            Some(mark) => {
                let marked = name.strip_suffix(mark).and_then(|marked| marked.rsplit_once('.'));
                let is_whole = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
                marked
                    .filter(|(partition, id)| is_whole(partition) && is_whole(id))
                    .map_or("", |(partition, _)| partition)
            }
        };
        // No name of a partition.
        let Some((topic, number)) = partition.rsplit_once('-').filter(|(topic, _)| !topic.is_empty()) else {
            return Place::None;
        };
        // No number of a partition.
        let Ok(number) = number.parse() else { return Place::None };
        match mark {
            _ if METADATA.rsplit_once('-').is_some_and(|(metadata, _)| metadata == topic) => Place::Metadata,
            None => Place::Log(topic, number),
            Some("-future") => Place::Future(topic, number),
            Some("-stray") => Place::Stray,
            Some(_) => Place::Leaving,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_what_its_name_says() {
        let cases = [
            ("orders-0", Place::Log("orders", 0)),
            ("a.b-c-12", Place::Log("a.b-c", 12)),
            ("orders-00", Place::Log("orders", 0)),
            ("orders-+1", Place::Log("orders", 1)),
            ("a-delete-0", Place::Log("a-delete", 0)),
            ("orders-0.0123-future", Place::Future("orders", 0)),
            ("a.b-0.0123-stray", Place::Stray),
            ("orders-0.0123-delete", Place::Leaving),
            ("__cluster_metadata-0", Place::Metadata),
            ("__cluster_metadata-1", Place::Metadata),
            ("remote-log-index-cache", Place::OfTieredStorage),
            ("lost+found", Place::None),
            (".git", Place::None),
            ("orders-", Place::None),
            ("orders-x", Place::None),
            ("-0", Place::None),
            ("orders-0-stray", Place::None),
            ("orders-0.-delete", Place::None),
            ("orders-0.01 23-delete", Place::None),
        ];
        for (name, place) in cases {
            assert_eq!(Place::of(name), place, "{name}");
        }
    }
}
