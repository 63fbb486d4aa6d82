//! What a case runs in: a disk, a clock that moves when told, and the logs of its partitions.

use std::collections::BTreeMap;

use loglab::log::cleaner::LogCleanerManager;
use loglab::log::deletion::Deletions;
use loglab::log::producers::VerificationGuard;
use loglab::log::{LogConfig, Opening, ProducerSettings, ReplicaLog, partition_metadata};
use loglab::sim::disk::Disk;
use serde_json::{Value, json};
use uuid::Uuid;

use super::case::{Broker, Case, Settings};
use super::failure::Failure;

/// The log directory.
pub const DIRECTORY: &str = "data";
/// How often producers are looked at for expiry, unless said.
const EXPIRY_CHECK_MS: i64 = 600_000;

/// The disk, the clock and the partitions.
pub struct World {
    pub disk: Disk,
    pub now_ms: i64,
    pub broker: Broker,
    pub partitions: Vec<Partition>,
    pub cleaner: LogCleanerManager,
    /// What closed logs had to remove later.
    left_behind: Vec<Deletions>,
}

/// One partition.
pub struct Partition {
    pub name: String,
    pub config: LogConfig,
    pub log: Option<ReplicaLog>,
    /// The guards of verifications that were begun, by producer id.
    pub guards: BTreeMap<i64, Option<VerificationGuard>>,
    /// When its producers are next looked at for expiry.
    pub next_expiry_check_ms: i64,
}

impl Partition {
    /// Its directory on the disk.
    pub fn directory(&self) -> String {
        format!("{DIRECTORY}/{}", self.name)
    }
}

impl World {
    /// The world of a case before its first operation. `only` names the partition where the case names none.
    pub fn new(case: &mut Case, only: &str) -> Result<World, String> {
        let mut named = std::mem::take(&mut case.partitions.0);
        if named.is_empty() {
            named.push((only.to_owned(), case.config.clone()));
        }
        let partitions = named
            .into_iter()
            .map(|(name, settings)| {
                let config = config(&settings)?;
                Ok(Partition { name, config, log: None, guards: BTreeMap::new(), next_expiry_check_ms: 0 })
            })
            .collect::<Result<_, String>>()?;
        let broker = std::mem::take(&mut case.broker);
        let cleaner = LogCleanerManager::new(DIRECTORY, case.start_time_ms);
        let (disk, now_ms, left_behind) = (Disk::default(), case.start_time_ms, Vec::new());
        Ok(World { disk, now_ms, broker, partitions, cleaner, left_behind })
    }

    /// The partition of a name; the first if none is given.
    pub fn index_of(&self, name: Option<&str>) -> Result<usize, String> {
        let Some(name) = name else { return Ok(0) };
        self.partitions
            .iter()
            .position(|partition| partition.name == name)
            .ok_or_else(|| format!("no partition {name}"))
    }

    /// Opens a partition's log.
    pub fn open(&mut self, partition: usize, clean: bool, start: i64, recovery_point: i64) -> Result<(), Failure> {
        let place = &mut self.partitions[partition];
        let directory = place.directory();
        self.disk.set_now_ms(self.now_ms);
        let producers = ProducerSettings {
            id_expiration_ms: self.broker.producer_id_expiration_ms,
            verification_enabled: self.broker.verification,
            ..ProducerSettings::default()
        };
        let opening = Opening { clean, recovery_point, log_start_offset: start, producers };
        let (log, _) = ReplicaLog::open_with(&mut self.disk, &directory, place.config.clone(), opening)?;
        let topic_id = Uuid::from_u64_pair(0x10, 0x20 + partition as u64);
        partition_metadata::claim(&mut self.disk, &directory, topic_id)?;
        place.log = Some(log);
        place.next_expiry_check_ms = self.now_ms + EXPIRY_CHECK_MS;
        Ok(())
    }

    /// Moves the clock and does what has become due; how often each task ran.
    pub fn move_clock(&mut self, now_ms: i64) -> Value {
        self.now_ms = now_ms;
        self.disk.set_now_ms(now_ms);
        let mut ran: BTreeMap<&str, u64> = BTreeMap::new();
        for task in self.left_behind.iter_mut().flat_map(|deletions| deletions.run(&mut self.disk, now_ms)) {
            *ran.entry(task.name()).or_default() += 1;
        }
        for partition in &mut self.partitions {
            let Some(log) = &mut partition.log else { continue };
            for task in log.deletions().run(&mut self.disk, now_ms) {
                *ran.entry(task.name()).or_default() += 1;
            }
            while partition.next_expiry_check_ms <= now_ms {
                log.remove_expired_producers(now_ms);
                partition.next_expiry_check_ms += EXPIRY_CHECK_MS;
                *ran.entry("PeriodicProducerExpirationCheck").or_default() += 1;
            }
        }
        json!({ "now": now_ms, "ran": ran })
    }

    /// Where a log's first unstable offset stands is looked up whenever something may have moved it.
    pub fn look_at_first_unstable_offsets(&mut self) {
        for log in self.partitions.iter_mut().filter_map(|partition| partition.log.as_mut()) {
            // Only a full disk has no room for the index files that a look-up makes.
            let _ = log.open_indexes_for_first_unstable_offset(&mut self.disk);
        }
    }

    /// Closes a partition's log; what it had to remove later is removed all the same.
    pub fn close(&mut self, partition: usize) -> Result<(), Failure> {
        let place = &mut self.partitions[partition];
        let Some(mut log) = place.log.take() else { return Err(Failure::kafka("IllegalStateException", -1)) };
        log.close(&mut self.disk)?;
        self.left_behind.push(std::mem::take(log.deletions()));
        Ok(())
    }

    /// The process dies: what a partition's log knew is gone, and so is what was to be done later.
    pub fn crash(&mut self, partition: usize) {
        self.partitions[partition].log = None;
        self.left_behind.clear();
        self.partitions
            .iter_mut()
            .filter_map(|partition| partition.log.as_mut())
            .for_each(|log| *log.deletions() = Deletions::default());
        self.partitions.iter_mut().for_each(|partition| partition.next_expiry_check_ms = i64::MAX);
    }

    /// The files of a partition's directory with their sizes.
    pub fn files(&self, partition: usize) -> BTreeMap<String, u64> {
        let prefix = format!("{}/", self.partitions[partition].directory());
        let paths: Vec<&str> = self.disk.list(&prefix).collect();
        paths
            .into_iter()
            .filter_map(|path| Some((path[prefix.len()..].to_owned(), self.disk.len(self.disk.open(path)?))))
            .collect()
    }

    /// The bytes of a file of the log directory.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let file = self.disk.open(&format!("{DIRECTORY}/{path}"))?;
        Some(self.disk.read(file, 0, u32::MAX).into())
    }
}

/// What facts say of a log after an operation.
pub fn state(log: &ReplicaLog) -> Value {
    json!({
        "logStart": log.log_start_offset(),
        "leo": log.log_end_offset(),
        "hw": log.high_watermark(),
        "lso": log.last_stable_offset(),
        "firstUnstable": log.first_unstable_offset(),
        "recoveryPoint": log.recovery_point(),
        "size": log.size_bytes(),
        "segments": log.segments().map(|segment| segment.base_offset).collect::<Vec<_>>(),
    })
}

/// A log's settings from their names and values.
pub fn config(settings: &Settings) -> Result<LogConfig, String> {
    let texts = settings.texts();
    LogConfig::with(texts.iter().map(|(name, value)| (*name, value.as_str()))).map_err(|error| error.to_string())
}
