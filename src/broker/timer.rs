//! What a broker sets timers for.

use crate::sim::process::timers;

timers! {
    /// What a broker waits for.
    pub(super) enum BrokerTimer {
        /// `broker.heartbeat.interval.ms`, or the next try of a registration.
        Heartbeat = 1,
        /// The controller is to be reached again; the number is what for.
        ControllerReconnect(lane) = 2,
        /// `isr-expiration`: half of `replica.lag.time.max.ms`.
        IsrShrink = 3,
        /// `replica.high.watermark.checkpoint.interval.ms`.
        Checkpoint = 4,
        /// `log.retention.check.interval.ms`.
        LogRetention = 5,
        /// `log.flush.scheduler.interval.ms`.
        LogFlush = 6,
        /// `log.flush.offset.checkpoint.interval.ms`.
        RecoveryPoints = 7,
        /// `log.flush.start.offset.checkpoint.interval.ms`.
        LogStarts = 8,
        /// `file.delete.delay.ms`.
        LogDeletions = 9,
        /// An AlterPartition that was not heard is sent again.
        AlterPartition = 10,
        /// A request to the controller has had no answer for too long; the number is what it was for.
        ControllerSilent(lane) = 17,
        /// `file.delete.delay.ms` of a log whose topic is deleted.
        LogDirs = 18,
        /// A fetcher's back-off or time-out; the number is its leader.
        Fetcher(leader) = 11,
        /// The deadline of a request that waits; the number is the wait.
        Wait(wait) = 12,
        /// A cleaner thread's next step; the number is the thread.
        Cleaner(thread) = 13,
        /// A slow disk is done with a write; the number is the partition.
        Written(partition) = 16,
        /// `connections.max.idle.ms` of the connection that is idle for longest.
        IdleConnections = 15,
        /// The next step of a coordinator's loader; the number is the coordinator and its partition.
        Loader(partition) = 14,
        /// Something is due in a coordinator's shard; the number is the coordinator and its partition.
        Coordinator(partition) = 19,
        /// What this broker says to itself arrives.
        Own = 25,
        /// A request about transactions to another broker has had no answer for too long, or may be sent again; the number is
        /// the errand and the broker.
        Peer(number) = 20,
        /// Transactions that are complete are put into the log again, which did not take them.
        Completion = 21,
        /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
        TransactionTimeouts = 22,
        /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
        TransactionalIds = 23,
        /// `producer.id.expiration.check.interval.ms`.
        ProducerIds = 24,
    }
}

impl BrokerTimer {
    /// What it is for, in words that follow the broker's name.
    pub(super) fn words(self) -> String {
        match self {
            Self::Heartbeat => "sends its next BrokerHeartbeat (broker.heartbeat.interval.ms)".to_owned(),
            Self::ControllerReconnect(_) => "tries to reach the controller again".to_owned(),
            Self::IsrShrink => {
                "looks for replicas out of sync (isr-expiration, half of replica.lag.time.max.ms)".to_owned()
            }
            Self::ControllerSilent(_) => "gives up a request to the controller without an answer".to_owned(),
            Self::LogDirs => "removes logs that are renamed to -delete (file.delete.delay.ms)".to_owned(),
            Self::Checkpoint => "writes replication-offset-checkpoint".to_owned(),
            Self::LogRetention => "looks for segments to remove (log.retention.check.interval.ms)".to_owned(),
            Self::LogFlush => "looks for logs to flush (log.flush.scheduler.interval.ms)".to_owned(),
            Self::RecoveryPoints => "writes recovery-point-offset-checkpoint".to_owned(),
            Self::LogStarts => "writes log-start-offset-checkpoint".to_owned(),
            Self::LogDeletions => "removes files that are renamed to .deleted (file.delete.delay.ms)".to_owned(),
            Self::AlterPartition => "asks the controller again to change an ISR (send-alter-partition)".to_owned(),
            Self::Fetcher(leader) => {
                format!("turns to leader {leader} again: back-off or time-out of its fetcher is over")
            }
            Self::IdleConnections => "looks for idle connections (connections.max.idle.ms)".to_owned(),
            Self::Written(_) => "has written what its slow disk was at".to_owned(),
            Self::Wait(_) => "answers a request that has waited its time".to_owned(),
            Self::Cleaner(thread) => format!("lets kafka-log-cleaner-thread-{thread} take its next step"),
            Self::Loader(partition) => {
                format!("loads partition {} of an internal topic", partition as u32)
            }
            Self::Coordinator(partition) => {
                format!("looks what is due in partition {} of an internal topic", partition as u32)
            }
            Self::Own => "takes what it says to itself".to_owned(),
            Self::Peer(number) => {
                format!("turns to broker {} about transactions: back-off or time-out is over", number as u32)
            }
            Self::Completion => "puts the end of transactions into __transaction_state again".to_owned(),
            Self::TransactionTimeouts => "looks for transactions that have timed out (transaction-abort)".to_owned(),
            Self::TransactionalIds => "looks for expired transactional ids (transactionalId-expiration)".to_owned(),
            Self::ProducerIds => "forgets producers that are silent (PeriodicProducerExpirationCheck)".to_owned(),
        }
    }
}
