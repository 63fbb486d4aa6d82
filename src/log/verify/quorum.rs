//! The log of the cluster's metadata: its snapshots and the votes of its quorum (`KafkaRaftLog`, `FileQuorumStateStore`).

use std::io;

use serde_json::Value;

use super::image::Image;
use super::partition::{self, Extent};
use super::place::{CHECKPOINT, QUORUM_STATE};
use super::segment;
use super::start::Start;
use super::{Report, small_file, small_text};
use crate::log::batch::{self, Body};
use crate::log::dump::control::{self, Control};
use crate::log::partition_metadata::{self, PARTITION_METADATA, parse_uuid};
use crate::log::source::{Folder, Window};

/// The topic's id (`Uuid.METADATA_TOPIC_ID`).
const METADATA_ID: uuid::Uuid = uuid::Uuid::from_u128(1);
/// What the cluster's metadata begins with, as `kafka-storage format` wrote it.
pub(super) const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// Checks the log of the metadata, and answers what it says about replicas, if all of it can be read.
pub(super) fn examine(folder: &dyn Folder) -> io::Result<(Report, Option<Image>)> {
    // It is recovered as a whole, whatever its node left beside it.
    let (mut report, extent) = partition::examine(folder, Start::Recovers(0))?;
    check_topic_id(folder, &mut report)?;
    let names = folder.names()?;
    if !names.iter().any(|name| name == QUORUM_STATE) && extent.epoch > 0 {
        report.note(QUORUM_STATE, "missing: a node begins with the epoch of its log and forgets whom it voted for");
    }
    if let Some(text) = small_file(folder, QUORUM_STATE, &mut report)?
        && let Err(why) = check_votes(&text)
    {
        report.find(QUORUM_STATE, None, format!("{why}: {DOES_NOT_START}"));
    }
    let latest = check_snapshots(folder, &names, &extent, &mut report)?;
    if !report.is_clean() {
        return Ok((report, None));
    }
    let segments: Vec<String> = names.iter().filter(|name| name.ends_with(".log")).cloned().collect();
    // A node drops a log that ends before its latest snapshot (`KafkaRaftLog.truncateToLatestSnapshot`).
    let segments = match &latest {
        Some(latest) if latest.is_ahead_of(&extent) => Vec::new(),
        Some(_) | None => segments,
    };
    let snapshot = latest.as_ref().map(|latest| (latest.name.as_str(), latest.end_offset));
    Ok((report, Image::read(folder, snapshot, &segments)?))
}

fn check_topic_id(folder: &dyn Folder, report: &mut Report) -> io::Result<()> {
    let text = small_text(folder, PARTITION_METADATA, &mut Report::default())?;
    // One that is missing is written anew, one that is malformed was told with the partition.
    let id = text.and_then(|text| partition_metadata::decode(&text).ok());
    if id.is_some_and(|id| id != METADATA_ID) {
        report.find(PARTITION_METADATA, None, format!("the topic id is not that of the metadata: {DOES_NOT_START}"));
    }
    Ok(())
}

/// A snapshot of the metadata, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Snapshot {
    /// Of the record before its end.
    epoch: i32,
    end_offset: i64,
    name: String,
}

impl Snapshot {
    /// The snapshot that a node sees in a name (`Snapshots.parse`); `Err` where it ends over it.
    fn parse(name: &str) -> Option<Result<Snapshot, ()>> {
        const OFFSET_DIGITS: usize = 20;
        const EPOCH_DIGITS: usize = 10;
        let is_one = [CHECKPOINT, ".checkpoint.part", ".checkpoint.deleted"].iter().any(|end| name.ends_with(end));
        is_one.then(|| {
            let end_offset = name.get(..OFFSET_DIGITS).and_then(|digits| digits.parse().ok());
            let epoch =
                name.get(OFFSET_DIGITS + 1..=OFFSET_DIGITS + EPOCH_DIGITS).and_then(|digits| digits.parse().ok());
            let (Some(end_offset), Some(epoch)) = (end_offset, epoch) else { return Err(()) };
            Ok(Snapshot { epoch, end_offset, name: name.to_owned() })
        })
    }

    fn is_ahead_of(&self, log: &Extent) -> bool {
        let epoch = log.epoch.max(0);
        self.epoch > epoch || (self.epoch == epoch && self.end_offset > log.log_end_offset)
    }
}

/// Checks the snapshots and answers the latest one.
fn check_snapshots(
    folder: &dyn Folder,
    names: &[String],
    log: &Extent,
    report: &mut Report,
) -> io::Result<Option<Snapshot>> {
    let first = log.first_offset.unwrap_or(0);
    let mut snapshots = Vec::new();
    for name in names {
        match Snapshot::parse(name) {
            Some(Err(())) => report.find(name, None, format!("no name of a snapshot: {DOES_NOT_START}")),
            // Unfinished or going: told with the other leftovers.
            Some(Ok(_)) if !name.ends_with(CHECKPOINT) => {}
            Some(Ok(snapshot)) if snapshot.end_offset < first => {
                report.note(name, "ends before the log begins; a node removes it when it starts");
            }
            Some(Ok(snapshot)) => snapshots.push(snapshot),
            // Another file of the log.
            None => {}
        }
    }
    snapshots.sort();
    if first > 0 && snapshots.is_empty() {
        let about = format!("begins at offset {first}, and no snapshot reaches up to there: {DOES_NOT_START}");
        report.find(&format!("{first:020}.log"), None, about);
    }
    // A young cluster has none.
    let Some(latest) = snapshots.pop() else { return Ok(None) };
    for snapshot in snapshots {
        let mut inner = Report::default();
        let harm = "a node that starts does not read this snapshot";
        segment::check_batches(&mut inner, folder, &snapshot.name, harm)?;
        report.files += inner.files;
        report.batches += inner.batches;
        inner.findings.into_iter().for_each(|finding| report.note_at(&finding.file, finding.at, finding.about));
    }
    if segment::check_batches(report, folder, &latest.name, DOES_NOT_START)? {
        check_contents(folder, &latest.name, report)?;
    }
    Ok(Some(latest))
}

const DOES_NOT_START: &str = "a node does not start with it";

/// A snapshot begins with a header (`RecordsSnapshotReader.nextBatch`) and ends with a footer, which nobody looks for.
fn check_contents(folder: &dyn Folder, name: &str, report: &mut Report) -> io::Result<()> {
    // It was there a moment ago.
    let Some(source) = folder.open(name)? else { return Ok(()) };
    let mut window = Window::new(source);
    let len = window.len();
    let (mut first, mut last, mut has_records) = (None, None, false);
    for (header, bytes) in batch::batches(window.get(0, len as usize)?) {
        last = header.is_control().then(|| label(bytes)).flatten();
        first = first.or(Some(last));
        has_records |= !header.is_control();
    }
    if first.flatten() != Some("SnapshotHeader") {
        report.find(name, 0, format!("it does not begin with the header of a snapshot: {DOES_NOT_START}"));
    } else if last != Some("SnapshotFooter") && !has_records {
        report.find(name, len, "it ends behind its header: a node reads it as nothing and loses what it held");
    } else if last != Some("SnapshotFooter") {
        report.note_at(
            name,
            len,
            "not checked: it does not end with its footer, and a node does not look for what is missing",
        );
    }
    Ok(())
}

/// What the first record of a control batch is.
fn label(bytes: &[u8]) -> Option<&'static str> {
    let body = Body::of(bytes).ok()?;
    let record = body.records().ok()?.next()?.ok()?;
    match control::read(record.key, record.value).ok()? {
        Control::Quorum { label, .. } => Some(label),
        Control::EndTransaction { .. } | Control::Unknown(_) => None,
    }
}

/// What was left for the first start is read at each, without a look at its checksums (`BootstrapDirectory.read`).
pub(super) fn check_bootstrap(root: &dyn Folder, report: &mut Report) -> io::Result<()> {
    // A node without it begins with the latest version of the metadata.
    let Some(bytes) = small_file(root, BOOTSTRAP, report)? else { return Ok(()) };
    let mut has_version = false;
    for (header, bytes) in batch::batches(&bytes) {
        report.batches += 1;
        if let Err(error) = batch::check_crc(bytes, &header) {
            report.note_at(BOOTSTRAP, 0, format!("{error}: a node does not look at it"));
        }
        let body = Body::of(bytes);
        let records = body.as_ref().ok().and_then(|body| body.records().ok());
        has_version |= records
            .into_iter()
            .flatten()
            .flatten()
            .any(|record| !header.is_control() && Image::is_metadata_version(record.value.unwrap_or_default()));
    }
    if !has_version {
        report.find(BOOTSTRAP, None, format!("it does not say the version of the metadata: {DOES_NOT_START}"));
    }
    Ok(())
}

/// What is wrong with the votes (`QuorumStateDataJsonConverter`): one line of JSON.
fn check_votes(text: &[u8]) -> Result<(), String> {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    // What stands behind the first value is not read.
    let state = serde_json::Deserializer::from_slice(line).into_iter::<Value>().next();
    let state = match state {
        None if text.is_empty() => return Err("empty".to_owned()),
        Some(Ok(Value::Object(state))) => state,
        Some(Ok(_) | Err(_)) | None => return Err("not a JSON object".to_owned()),
    };
    let is_int = |value: &Value| value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
    let is_id = |value: &Value| value.as_str().is_some_and(|text| parse_uuid(text).is_some());
    let is_voter = |voter: &Value| voter.get("voterId").is_some_and(is_int);
    let are_voters = |value: &Value| value.as_array().is_some_and(|voters| voters.iter().all(is_voter));
    type Check<'a> = (&'a str, &'a dyn Fn(&Value) -> bool, bool);
    let version = state.get("data_version").ok_or("there is no data_version")?.as_i64();
    let is_first = match version {
        Some(0) => true,
        Some(1) => false,
        Some(_) | None => return Err("data_version is neither 0 nor 1".to_owned()),
    };
    let fields: [Check<'_>; 7] = [
        ("leaderId", &is_int, true),
        ("leaderEpoch", &is_int, true),
        ("votedId", &is_int, true),
        ("clusterId", &Value::is_string, is_first),
        ("appliedOffset", &Value::is_i64, is_first),
        ("currentVoters", &are_voters, is_first),
        ("votedDirectoryId", &is_id, !is_first),
    ];
    for (name, is_right, is_needed) in fields {
        match state.get(name) {
            Some(value) if !is_right(value) => return Err(format!("{name} is not what it should be")),
            None if is_needed => return Err(format!("there is no {name}")),
            // It is right, or need not be there.
            Some(_) | None => {}
        }
    }
    Ok(())
}
