import java.io.File;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;
import org.apache.kafka.tools.DumpLogSegments;

/**
 * What Kafka's own log does in a second on this machine, on the data of `benches/log`: prints lines
 * `figure NAME VALUE UNIT MEDIAN_OF`. CPU time of the one thread that works, so that neither disk nor neighbours count.
 */
public class LogSpeed {
    private static final long LOG_BYTES = 200_000_000;
    private static final int ROUNDS = 5;
    private static final int VALUE_BYTES = 80;
    private static final long DUMPED_BYTES = 50_000_000;
    private static final KafkaScheduler SCHEDULER = new KafkaScheduler(1);

    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        SCHEDULER.startup();
        for (int recordsPerBatch : new int[] {100, 1}) {
            String suffix = recordsPerBatch == 1 ? "_single" : "";
            append(directory, recordsPerBatch, suffix);
            clean(directory, recordsPerBatch, suffix);
            readAndRecover(directory, recordsPerBatch, suffix);
        }
        remove(directory);
        SCHEDULER.shutdown();
    }

    private static void append(Path directory, int recordsPerBatch, String suffix) throws Exception {
        int batches = recordsPerBatch == 1 ? 400_000 : 20_000;
        MemoryRecords[] pool = new MemoryRecords[64];
        for (int i = 0; i < pool.length; i++) {
            pool[i] = batch(recordsPerBatch, 1_700_000_000_000L, i * 1000L, 1_000_000, new Random(i));
        }
        double[] rates = new double[ROUNDS];
        for (int round = -1; round < ROUNDS; round++) {
            UnifiedLog log = open(fresh(directory), true);
            double seconds = cpuSeconds(() -> {
                for (int i = 0; i < batches; i++) {
                    MemoryRecords records = pool[i & 63];
                    records.buffer().putLong(0, 0L);
                    log.appendAsLeader(records, 0);
                }
            });
            if (round >= 0) rates[round] = (double) batches * recordsPerBatch / seconds;
            log.close();
        }
        figure("append_records_per_s" + suffix, rates, "1/s");
    }

    private static void clean(Path directory, int recordsPerBatch, String suffix) throws Exception {
        double[] rates = new double[ROUNDS];
        for (int round = -1; round < ROUNDS; round++) {
            UnifiedLog log = fill(fresh(directory), recordsPerBatch);
            Throttler unlimited = new Throttler(Double.MAX_VALUE, Long.MAX_VALUE, "throttler", "entries", Time.SYSTEM);
            Cleaner cleaner = new Cleaner(0, new SkimpyOffsetMap(128 << 20, "MD5"), 256 << 10, 1 << 20, 0.9,
                unlimited, Time.SYSTEM, partition -> { });
            double megabytes = log.size() / 1e6;
            double seconds = cpuSeconds(() -> cleaner.clean(new LogToClean(log, 0, log.activeSegment().baseOffset(), false)));
            if (round >= 0) rates[round] = megabytes / seconds;
            log.close();
        }
        figure("clean_mb_per_s" + suffix, rates, "MB/s");
    }

    private static void readAndRecover(Path directory, int recordsPerBatch, String suffix) throws Exception {
        Path partition = fresh(directory);
        fill(partition, recordsPerBatch).close();
        File segment;
        try (Stream<Path> files = Files.list(partition)) {
            segment = files.map(Path::toFile).filter(file -> file.getName().endsWith(".log"))
                .max(Comparator.comparingLong(File::length)).orElseThrow();
        }
        double[] scan = new double[ROUNDS];
        double[] recovery = new double[ROUNDS];
        try (FileRecords records = FileRecords.open(segment, false)) {
            for (int round = -1; round < ROUNDS; round++) {
                long[] keyBytes = {0};
                double seconds = cpuSeconds(() -> {
                    for (Record record : records.records()) keyBytes[0] += record.keySize();
                });
                if (round >= 0) scan[round] = records.sizeInBytes() / 1e6 / seconds;
            }
        }
        for (int round = -1; round < ROUNDS; round++) {
            UnifiedLog[] log = {null};
            double seconds = cpuSeconds(() -> log[0] = open(partition, false));
            if (round >= 0) recovery[round] = log[0].size() / 1e6 / seconds;
            log[0].close();
        }
        double[] dump = new double[ROUNDS];
        PrintStream out = System.out;
        for (int round = -1; round < ROUNDS; round++) {
            System.setOut(new PrintStream(OutputStream.nullOutputStream()));
            double seconds = cpuSeconds(() -> DumpLogSegments.main(new String[] {"--files", segment.getPath(),
                "--print-data-log", "--max-bytes", String.valueOf(DUMPED_BYTES)}));
            System.setOut(out);
            if (round >= 0) dump[round] = DUMPED_BYTES / 1e6 / seconds;
        }
        figure("dump_mb_per_s" + suffix, dump, "MB/s");
        figure("scan_mb_per_s" + suffix, scan, "MB/s");
        figure("recovery_mb_per_s" + suffix, recovery, "MB/s");
    }

    /** A log of which half the records are superseded: every key is written twice. */
    private static UnifiedLog fill(Path partition, int recordsPerBatch) throws Exception {
        long recordBytes = recordsPerBatch == 1 ? 161 : 101;
        long keys = LOG_BYTES / recordBytes / 2;
        UnifiedLog log = open(partition, true);
        Random random = new Random(1);
        long timestamp = 1_700_000_000_000L;
        for (long key = 0; log.size() < LOG_BYTES; key += recordsPerBatch) {
            log.appendAsLeader(batch(recordsPerBatch, timestamp++, key, keys, random), 0);
        }
        log.roll();
        log.updateHighWatermark(log.logEndOffset());
        log.flush(true);
        return log;
    }

    private static UnifiedLog open(Path partition, boolean clean) throws Exception {
        LogConfig config = new LogConfig(Map.of("cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.0",
            "message.timestamp.after.max.ms", String.valueOf(Long.MAX_VALUE)));
        return UnifiedLog.create(partition.toFile(), config, 0, 0, SCHEDULER, new BrokerTopicStats(false), Time.SYSTEM,
            900_000, new ProducerStateManagerConfig(86_400_000, false), 600_000, new LogDirFailureChannel(1), clean,
            Optional.of(new Uuid(3, 4)));
    }

    private static MemoryRecords batch(int count, long timestamp, long firstKey, long keys, Random random) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(count * (VALUE_BYTES + 60) + 100), (byte) 2,
            Compression.NONE, TimestampType.CREATE_TIME, 0, timestamp, -1, (short) -1, -1, false, -1);
        byte[] value = new byte[VALUE_BYTES];
        for (int i = 0; i < count; i++) {
            random.nextBytes(value);
            String key = String.format("key%09d", (firstKey + i) % keys);
            builder.append(timestamp, key.getBytes(StandardCharsets.UTF_8), value);
        }
        return builder.build();
    }

    private interface Work {
        void run() throws Exception;
    }

    private static double cpuSeconds(Work work) throws Exception {
        var threads = java.lang.management.ManagementFactory.getThreadMXBean();
        long start = threads.getCurrentThreadCpuTime();
        work.run();
        return (threads.getCurrentThreadCpuTime() - start) / 1e9;
    }

    private static void figure(String name, double[] values, String unit) {
        Arrays.sort(values);
        System.out.printf("figure kafka_%s %.1f %s %d%n", name, values[values.length / 2], unit, values.length);
    }

    private static Path fresh(Path directory) throws Exception {
        remove(directory);
        return Files.createDirectories(directory.resolve("t-0"));
    }

    private static void remove(Path path) throws Exception {
        if (!Files.exists(path)) return;
        try (Stream<Path> inside = Files.walk(path)) {
            for (Path each : inside.sorted(Comparator.reverseOrder()).toList()) Files.delete(each);
        }
    }
}
