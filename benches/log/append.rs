//! Appends as leader.

use loglab::sim::disk::Disk;
use loglab::sim::random::Random;

use crate::data::{self, MEDIAN_OF, NOW_MS};

/// So many different batches are appended again and again.
const POOL: u64 = 64;

pub fn figure(records_per_batch: u64) {
    let mut random = Random::stream(2, "values", 0);
    let pool: Vec<_> = (0..POOL).map(|i| data::batch(i * 1_000, records_per_batch, 1_000_000, &mut random)).collect();
    let batches = if records_per_batch == 1 { 400_000 } else { 20_000 };
    let rates = (0..MEDIAN_OF).map(|_| {
        let mut disk = Disk::default();
        disk.set_now_ms(NOW_MS);
        let mut log = data::open(&mut disk, true);
        let ((), seconds) = data::timed(|| {
            for sent in pool.iter().cycle().take(batches) {
                log.append_as_leader(&mut disk, sent.clone(), 0, NOW_MS).expect("the batch is right");
            }
        });
        assert_eq!(log.log_end_offset(), batches as i64 * records_per_batch as i64);
        log.log_end_offset() as f64 / seconds
    });
    data::print("append_records_per_s", records_per_batch, "1/s", rates.collect());
}
