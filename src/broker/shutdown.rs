//! How a broker ends in good order (Kafka: `BrokerServer.shutdown`, `ReplicaManager.shutdown`, `LogManager.shutdown`).

use std::sync::Arc;

use super::storage::DIRECTORY;
use super::{Broker, Context};
use crate::log::checkpoints;
use crate::sim::disk::Disk;

impl Broker {
    /// Ends the replicas and the broker with them: fetchers stop, the cleaner stops, high watermarks are written, each log is
    /// made durable and closed, recovery points and log starts are written, and last the mark that all of it was done. A log
    /// that does not close leaves no mark: the next start checks what lies behind the recovery points.
    pub fn shut_down(&mut self, context: &mut Context<'_>) {
        self.stop_fetchers(context);
        self.cleaner = None;
        self.checkpoint_is_stale = true;
        self.write_high_watermarks(context);
        let is_clean = self.close_logs(context.disk());
        self.write_recovery_points(context);
        self.write_log_starts(context);
        if is_clean && self.halts_because.is_none() {
            let epoch = self.controller.broker_epoch();
            if let Err(error) = checkpoints::write_clean_shutdown(context.disk(), DIRECTORY, epoch) {
                self.log_dir_failed("error while writing the mark of a clean shutdown", error);
            }
        }
        context.exit();
    }

    /// Nothing is fetched any more: answers on their way find nobody.
    fn stop_fetchers(&mut self, context: &mut Context<'_>) {
        for fetcher in std::mem::take(&mut self.fetchers).values() {
            if let Some(connection) = fetcher.connection {
                context.close(connection);
            }
        }
    }

    /// Whether all of them were closed.
    fn close_logs(&mut self, disk: &mut Disk) -> bool {
        let mut failure = None;
        for replica in self.replicas.values_mut() {
            if let Err(error) = Arc::make_mut(replica).log.shut_down(disk) {
                failure = Some(error);
            }
        }
        if let Some(error) = &failure {
            self.log_dir_failed("error while closing a log", error);
        }
        failure.is_none()
    }
}
