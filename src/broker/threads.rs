//! The threads of a broker: which of them takes what arrives, for the disk keeps busy only the one that asked it.

use super::{Broker, BrokerTimer};
use crate::sim::process::{Lane, Timer};
use crate::sim::queue::EventKind;
use crate::wire::{Body, Message, Response};

/// `BrokerLifecycleManager`: registers and beats beside all else.
const LIFECYCLE: Lane = Lane::of(1, 1);
/// The broker's scheduler (`background.threads`).
const SCHEDULER: Lane = Lane::of(4, 10);
/// `ExpiredOperationReaper`: answers what has waited its time.
const REAPER: Lane = Lane::of(5, 1);
/// Loaders of coordinators, one for each coordinator in Kafka.
const LOADERS: Lane = Lane::of(7, 2);
/// The event processor of coordinators (`group.coordinator.threads`).
const COORDINATORS: Lane = Lane::of(11, 4);
/// `MetadataLoader` with its publishers.
const METADATA: Lane = Lane::of(8, 1);
/// `NodeToControllerChannelManager`: what the controller answers.
const CONTROLLER_CHANNEL: Lane = Lane::of(9, 1);
/// `TxnMarkerSenderThread`, `AddPartitionsToTxnSenderThread`.
const TRANSACTION_SENDERS: Lane = Lane::of(11, 2);
/// Whoever goes on after a write that took its time: the thread that was at it, which is a request handler or a loader's.
const WRITERS: Lane = Lane::of(10, u8::MAX);

impl Broker {
    /// As [`Process::lane`](crate::sim::process::Process::lane).
    #[must_use]
    pub fn lane(&self, what: &EventKind<Message>) -> Lane {
        match what {
            EventKind::Timer(purpose) => BrokerTimer::of(*purpose).map_or(Lane::MAIN, |timer| self.lane_of(timer)),
            EventKind::Delivery(connection, message) => match &message.body {
                Body::Request(_) => Lane::of(2, self.settings.io_threads),
                Body::Response(Response::BrokerRegistration(_) | Response::BrokerHeartbeat(_)) => LIFECYCLE,
                Body::Response(Response::FetchMetadata(_)) => METADATA,
                Body::Response(_) if self.controller.owns(*connection) => CONTROLLER_CHANNEL,
                Body::Response(_) if self.transactions.owns(*connection) => TRANSACTION_SENDERS,
                Body::Response(_) => self.fetcher_threads(),
            },
            EventKind::Boot
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::Written(_)
            | EventKind::Datagram(..)
            | EventKind::External(_)
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit => Lane::MAIN,
        }
    }

    fn lane_of(&self, timer: BrokerTimer) -> Lane {
        match timer {
            BrokerTimer::Heartbeat | BrokerTimer::ControllerReconnect(_) | BrokerTimer::ControllerSilent(_) => {
                LIFECYCLE
            }
            BrokerTimer::IsrShrink
            | BrokerTimer::Checkpoint
            | BrokerTimer::LogRetention
            | BrokerTimer::LogFlush
            | BrokerTimer::RecoveryPoints
            | BrokerTimer::LogStarts
            | BrokerTimer::LogDeletions
            | BrokerTimer::LogDirs
            | BrokerTimer::AlterPartition
            | BrokerTimer::TransactionTimeouts
            | BrokerTimer::TransactionalIds
            | BrokerTimer::ProducerIds => SCHEDULER,
            BrokerTimer::Fetcher(_) => self.fetcher_threads(),
            BrokerTimer::Wait(_) => REAPER,
            BrokerTimer::Cleaner(_) => {
                Lane::of(6, u8::try_from(self.settings.cleaner.threads).unwrap_or(u8::MAX).max(1))
            }
            BrokerTimer::Loader(_) => LOADERS,
            BrokerTimer::Coordinator(_) => COORDINATORS,
            BrokerTimer::Own => Lane::of(2, self.settings.io_threads),
            BrokerTimer::Peer(_) | BrokerTimer::Completion => TRANSACTION_SENDERS,
            BrokerTimer::Written(_) => WRITERS,
            // A network thread's.
            BrokerTimer::IdleConnections => Lane::MAIN,
        }
    }

    /// One for each leader (`num.replica.fetchers` is 1).
    fn fetcher_threads(&self) -> Lane {
        Lane::of(3, u8::try_from(self.settings.brokers).unwrap_or(u8::MAX).max(1))
    }
}
