//! One pass of the cleaner, which keeps half of the records.

use loglab::log::cleaner::{CleanerConfig, CleaningPass, LogToClean};

use crate::data::{self, Filled, MEDIAN_OF, NOW_MS};

pub fn figure(records_per_batch: u64) {
    let rates = (0..MEDIAN_OF).map(|_| {
        let Filled { mut disk, mut log, keys } = data::filled(records_per_batch);
        let (end, bytes) = (log.log_end_offset(), log.size_bytes());
        let target = LogToClean::of(&("bench".to_owned(), 0), &log, 0, end, false);
        let (pass, seconds) = data::timed(|| {
            let buffers = CleanerConfig::default().buffers();
            let mut pass = CleaningPass::new(&log, &disk, &target, buffers, NOW_MS, 0).expect("the log is whole");
            pass.run(&mut log, &mut disk, 0).expect("the log is whole");
            pass
        });
        let kept = pass.stats().messages_written;
        assert!(kept.abs_diff(keys) <= records_per_batch + keys / 50, "{kept} of {keys} keys are kept");
        bytes as f64 / 1e6 / seconds
    });
    data::print("clean_mb_per_s", records_per_batch, "MB/s", rates.collect());
}
