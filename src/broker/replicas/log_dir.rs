//! What a broker does when its log directory fails it (Kafka: `LogDirFailureChannel`, `LogManager.handleLogDirFailure`).
//!
//! An `IOException` takes the log directory offline, whoever met it and whatever else is done about it; as there is no
//! other directory the broker halts. Anything else that is thrown while logs are loaded ends the broker too
//! (`ProcessTerminatingFaultHandler`). What was sent before still goes out.

use std::fmt::Display;

use kafka_protocol::ResponseError;

use super::super::context::Context;
use super::{DIRECTORY, ReplicaManager};
use crate::log::OpenError;
use crate::log::checkpoints::{Malformed, MetaProperties};
use crate::note::Note;
use crate::sim::disk::DiskError;
use crate::wire::CLUSTER_ID;

impl ReplicaManager {
    /// The log directory is offline from now on. `what` was being done, in Kafka's words.
    pub(in crate::broker) fn log_dir_failed(&mut self, what: impl Display, error: impl Display) {
        let why = || format!("{what}: {error}, KafkaStorageException; all log dirs in {DIRECTORY} have failed");
        self.halts_because.get_or_insert_with(why);
    }

    /// Something went wrong with a log, with this code of Kafka's: the directory goes offline if it was the disk.
    pub(in crate::broker) fn log_failed(&mut self, what: impl Display, code: i16, error: impl Display) {
        if code == ResponseError::KafkaStorageError.code() {
            self.log_dir_failed(what, error);
        }
    }

    /// A log does not open. With logs of that directory that are not there a broker does not start.
    pub(in crate::broker) fn log_does_not_open(&mut self, name: &str, error: &OpenError) {
        if error.code() == ResponseError::KafkaStorageError.code() {
            return self.log_dir_failed(format_args!("error while loading {name} of log dir {DIRECTORY}"), error);
        }
        let why = || format!("fatal fault, error starting LogManager: {name}: {error}, {}", error.exception());
        self.halts_because.get_or_insert_with(why);
    }

    /// A file of the directory is not what it should be.
    pub(in crate::broker) fn file_is_malformed(&mut self, malformed: &Malformed) {
        self.log_dir_failed("error while reading a file", malformed);
    }

    /// Finds out whose directory it is; one that nobody has used yet becomes this broker's. A broker does not even register
    /// with that of another one.
    pub(in crate::broker) fn read_meta_properties(&mut self, context: &mut Context<'_>) {
        let id = self.settings.id;
        match MetaProperties::read(context.disk(), DIRECTORY) {
            // It is this broker's already.
            Ok(Some(meta)) if meta.node_id == id => {}
            Ok(Some(MetaProperties { node_id, .. })) => {
                let why =
                    format!("fatal exception: stored node id {node_id} doesn't match node id {id}, RuntimeException");
                self.halts_because.get_or_insert(why);
            }
            Err(malformed) => {
                self.halts_because.get_or_insert(format!("fatal exception: {malformed}, RuntimeException"));
            }
            Ok(None) => {
                let directory_id = uuid::Uuid::from_u64_pair(1, id as u64);
                let meta = MetaProperties { cluster_id: CLUSTER_ID.to_owned(), node_id: id, directory_id };
                if let Err(error) = meta.write(context.disk(), DIRECTORY) {
                    self.log_dir_failed("error while writing meta.properties", error);
                }
            }
        }
    }

    /// Ends the broker behind an event in which its directory failed. A disk that has refused to write has failed, too,
    /// though nobody told of it.
    pub(in crate::broker) fn halt_if_log_dir_failed(&mut self, context: &mut Context<'_>) {
        if context.disk().take_refused() {
            self.log_dir_failed("error while writing", DiskError::Full);
        }
        if let Some(why) = self.halts_because.take() {
            context.note(Note::Halted { broker: self.settings.id, why });
            context.exit();
        }
    }
}
