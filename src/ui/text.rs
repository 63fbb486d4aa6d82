//! Every word of the page, in one table. Kafka's own names of fields and states stand as Kafka writes them.

use crate::view::frame::{Role, State};
use crate::view::log::{Batch, BatchKind, Doing, Pass};

/// Words of one language.
pub struct Text {
    pub seed: &'static str,
    pub hash: &'static str,
    pub scenarios: &'static str,
    pub open: &'static str,
    pub light: &'static str,
    pub dark: &'static str,
    pub help: &'static str,
    pub cast: &'static str,
    pub inspector: &'static str,
    pub stage: &'static str,
    pub stage_hint: &'static str,
    pub timeline: &'static str,
    pub cluster: &'static str,
    pub topics: &'static str,
    pub producers: &'static str,
    pub consumers: &'static str,
    pub orders: &'static str,
    pub no_orders: &'static str,
    pub by_hand: &'static str,
    pub findings: &'static str,
    pub changes: &'static str,
    pub no_changes: &'static str,
    pub because: &'static str,
    pub replicas: &'static str,
    pub links: &'static str,
    pub positions: &'static str,
    pub controller: &'static str,
    pub broker: &'static str,
    pub partition: &'static str,
    pub producer: &'static str,
    pub consumer: &'static str,
    pub link: &'static str,
    pub event: &'static str,
    pub request: &'static str,
    pub response: &'static str,
    pub arrived: &'static str,
    pub try_this: &'static str,
    pub kill: &'static str,
    pub restart: &'static str,
    pub pause_process: &'static str,
    pub resume_process: &'static str,
    pub cut: &'static str,
    pub heal: &'static str,
    pub play: &'static str,
    pub pause: &'static str,
    pub step_back: &'static str,
    pub step_on: &'static str,
    pub previous: &'static str,
    pub next: &'static str,
    pub speed: &'static str,
    pub of: &'static str,
    pub close: &'static str,
    pub drop_here: &'static str,
    pub not_loaded: &'static str,
    pub dropped: &'static str,
    pub panic_title: &'static str,
    pub panic_kept: &'static str,
    pub panic_replay: &'static str,
    pub panic_start: &'static str,
    pub restarted: &'static str,
    pub page_panic: &'static str,
    pub keys: &'static str,
    pub line: &'static str,
    pub loading: &'static str,
    pub unreadable: &'static str,
    pub not_text: &'static str,
    pub lasts: &'static str,
    pub in_flight: &'static str,
    pub what_next: &'static str,
    pub legend: &'static str,
    pub no_leader: &'static str,
    pub none: &'static str,
    pub link_cut: &'static str,
    pub cache_kept: &'static str,
    pub tail_lost: &'static str,
    pub views: &'static str,
    pub log: &'static str,
    pub log_hint: &'static str,
    pub reading_log: &'static str,
    pub whole_log: &'static str,
    pub leader_epoch: &'static str,
    pub segments: &'static str,
    pub transactions: &'static str,
    pub committed: &'static str,
    pub aborted: &'static str,
    pub open_transaction: &'static str,
    pub acknowledged: &'static str,
    pub leader: &'static str,
    pub log_not_open: &'static str,
    pub log_start: &'static str,
    pub lso: &'static str,
    pub hw: &'static str,
    pub leo: &'static str,
    pub batches: &'static str,
    pub batch: &'static str,
    pub files: &'static str,
    pub file: &'static str,
    pub bytes: &'static str,
    pub offsets: &'static str,
    pub active: &'static str,
    pub at: &'static str,
    pub crc_valid: &'static str,
    pub crc_wrong: &'static str,
    pub key: &'static str,
    pub no_key: &'static str,
    pub tombstone: &'static str,
    pub removed: &'static str,
    pub farther: &'static str,
    pub nearer: &'static str,
    pub end: &'static str,
    pub follow_end: &'static str,
    pub open_hint: &'static str,
    pub log_legend: &'static str,
    pub cleaner: &'static str,
    pub clean: &'static str,
    pub dirty: &'static str,
    pub uncleanable: &'static str,
    pub keys_list: [(&'static str, &'static str); 21],
}

/// English.
pub const TEXT: Text = Text {
    seed: "seed",
    hash: "hash",
    scenarios: "Scenarios",
    open: "Open",
    light: "Light",
    dark: "Dark",
    help: "Help",
    cast: "Cast",
    inspector: "Inspector",
    stage: "Stage",
    stage_hint: "Brokers with their replicas, clients beside them, requests and responses on their way. The cast lists the same.",
    timeline: "Timeline",
    cluster: "Cluster",
    topics: "Topics",
    producers: "Producers",
    consumers: "Consumers",
    orders: "Faults and commands",
    no_orders: "None yet.",
    by_hand: "yours",
    findings: "Findings",
    changes: "Last changes",
    no_changes: "Nothing notable so far.",
    because: "Because",
    replicas: "Replicas",
    links: "Links",
    positions: "Positions",
    controller: "controller",
    broker: "broker",
    partition: "partition",
    producer: "producer",
    consumer: "consumer",
    link: "link",
    event: "event",
    request: "request",
    response: "response",
    arrived: "It has arrived; step back to see it travel.",
    try_this: "Select anything to see its state and what caused it. Kill a leader and step to the next election.",
    kill: "Kill",
    restart: "Restart",
    pause_process: "Pause",
    resume_process: "Resume",
    cut: "Cut",
    heal: "Heal",
    play: "Play",
    pause: "Pause",
    step_back: "One event back",
    step_on: "One event on",
    previous: "Previous interesting event",
    next: "Next interesting event",
    speed: "Speed",
    of: "of",
    close: "Close",
    drop_here: "Drop a scenario file (.toml)",
    not_loaded: "Not done; the run on screen is as it was.",
    dropped: "Acting in the past started over from here and dropped these later commands:",
    panic_title: "The engine stopped",
    panic_kept: "Your commands are kept:",
    panic_replay: "Replay to the event before",
    panic_start: "Start over without them",
    restarted: "The engine was started anew before it answered.",
    page_panic: "The page stopped. Reload it to go on.",
    keys: "Keys",
    line: "line",
    loading: "Starting the engine",
    unreadable: "The file cannot be read.",
    not_text: "The file is not text in UTF-8: a scenario is a TOML file.",
    lasts: "lasts",
    in_flight: "in flight",
    what_next: "What to try",
    legend: "A filled cell is a record at the leader, an outlined one at a follower in sync, a hatched one at a follower out of sync, a hollow grey one at a broker that is down. Striped records are not committed yet. The flag is the high watermark, the bracket the log end; red cells were acknowledged and are lost.",
    no_leader: "no leader",
    none: "none",
    link_cut: "link, cut",
    cache_kept: "page cache kept",
    tail_lost: "unflushed tail lost",
    views: "Views",
    log: "Log",
    log_hint: "The replicas of one partition, one below the other on the same scale of offsets: batches, keys, segments, epochs. A table with the same follows.",
    reading_log: "Reading the logs",
    whole_log: "whole log",
    leader_epoch: "leader epoch",
    segments: "segment",
    transactions: "transactions",
    committed: "committed",
    aborted: "aborted",
    open_transaction: "open",
    acknowledged: "acknowledged",
    leader: "leader",
    log_not_open: "not open: its end is known after recovery",
    log_start: "log start",
    lso: "LSO",
    hw: "HW",
    leo: "LEO",
    batches: "batches",
    batch: "Batch",
    files: "Files",
    file: "file",
    bytes: "bytes",
    offsets: "offsets",
    active: "active",
    at: "at",
    crc_valid: "CRC-32C valid",
    crc_wrong: "CRC-32C wrong",
    key: "key",
    no_key: "no key",
    tombstone: "tombstone",
    removed: "no record at this offset any more",
    farther: "Farther away: more offsets",
    nearer: "Nearer: fewer offsets",
    end: "End",
    follow_end: "Follow the end of the log",
    open_hint: "Select a batch to read its fields and bytes.",
    log_legend: "In the Log view a dotted line is where compaction left no record, half a cell is a tombstone, a stroke through a cell an aborted record, a dashed line above it an open transaction; diamonds are control markers, C commits and A aborts.",
    cleaner: "cleaner",
    clean: "clean",
    dirty: "dirty",
    uncleanable: "not cleanable yet",
    keys_list: [
        ("Space", "play or pause"),
        (". and ,", "one event on, one event back"),
        ("n and Shift n", "next or previous interesting event"),
        ("→ and ←", "1 % of the run on or back; with Shift 10 %"),
        ("Home and End", "start and end of the run"),
        ("+ and -", "faster, slower"),
        ("] and [", "select the next or previous of the cast"),
        ("k", "kill or restart the selected process, or the leader of the selected partition"),
        ("z", "pause or resume it"),
        ("x", "cut or heal the selected link"),
        ("1 and 2", "Stage and Log view"),
        ("PageDown and PageUp", "Log view: later or earlier offsets"),
        ("f", "Log view: follow the end of the log"),
        ("{ and }", "Log view: farther away, nearer"),
        ("b and Shift b", "Log view: next or previous batch"),
        ("o", "open a scenario file"),
        ("s", "built-in scenarios"),
        ("t", "dark or light"),
        ("c and i", "cast and inspector on a narrow screen"),
        ("?", "this list"),
        ("Escape", "close, then select nothing"),
    ],
};

/// A state in a word or two.
pub fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Fenced => "fenced",
        State::Killed => "killed",
        State::Paused => "paused",
        State::PowerLost => "power lost",
        State::Starting => "starting",
    }
}

/// A replica's part in a word.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Leader => "leads",
        Role::Follower => "ISR",
        Role::OutOfSync => "out",
        Role::Offline => "offline",
    }
}

/// How many brokers there are.
pub fn brokers(count: usize) -> String {
    if count == 1 { "1 broker".into() } else { format!("{count} brokers") }
}

/// How many partitions a broker leads.
pub fn leaders(count: usize) -> String {
    if count == 1 { "1 leader".into() } else { format!("{count} leaders") }
}

/// A state and how long ago it began.
pub fn ago(state: &str, span: &str) -> String {
    format!("{state} {span} ago")
}

/// A state and how long it has lasted.
pub fn lasting(state: &str, span: &str) -> String {
    format!("{state} for {span}")
}

/// A state and the time it began.
pub fn since(state: &str, time: &str) -> String {
    format!("{state} since {time}")
}

/// How long until a message arrives.
pub fn arrives_in(span: &str) -> String {
    format!("arrives in {span}")
}

/// A log that ends before the window begins.
pub fn ends_before(end: &str) -> String {
    format!("◂ ends at {end}")
}

/// What a consumer has not read.
pub fn lag(records: &str) -> String {
    format!("lag {records}")
}

/// From one offset to another.
pub fn range(first: &str, last: &str) -> String {
    format!("{first} to {last}")
}

/// Which offsets are shown.
pub fn offsets(first: &str, last: &str) -> String {
    format!("offsets {}", range(first, last))
}

/// Whose batch it is.
pub fn batch_on(broker: &str) -> String {
    format!("batch on {broker}")
}

/// A batch's title.
pub fn batch_title(base: i64, last: i64) -> String {
    if base == last { format!("batch {base}") } else { format!("batch {base} to {last}") }
}

/// A record's title.
pub fn record(offset: &str) -> String {
    format!("record {offset}")
}

/// A batch in one line.
pub fn batch(it: &Batch) -> String {
    let what = match it.kind {
        BatchKind::Data => "",
        BatchKind::Open => ", open transaction",
        BatchKind::Committed => ", committed transaction",
        BatchKind::Aborted => ", aborted transaction",
        BatchKind::Commit => ", COMMIT marker",
        BatchKind::Abort => ", ABORT marker",
        BatchKind::Control => ", control batch",
    };
    let lost = if it.lost { ", acknowledged and lost" } else { "" };
    let producer = if it.producer_id < 0 { String::new() } else { format!(", PID {}", it.producer_id) };
    format!("{}, epoch {}, {} bytes{producer}{what}{lost}", batch_title(it.base, it.last), it.epoch, it.bytes)
}

/// Bytes that are not shown.
pub fn more_bytes(count: &str) -> String {
    format!("{count} bytes more")
}

/// How many segments there are, and up to where they are known to be on the disk.
pub fn segments(count: usize, recovery_point: &str) -> String {
    let segments = if count == 1 { "1 segment".into() } else { format!("{count} segments") };
    format!("{segments} · recovery point {recovery_point}")
}

/// A file that is no scenario by its size alone.
pub fn too_large(bytes: &str, most: &str) -> String {
    format!("The file has {bytes} bytes; a scenario has at most {most}.")
}

/// What the cleaner does.
pub fn cleaning(pass: &Pass) -> String {
    let Pass { map_messages, messages_read, messages_written, .. } = pass;
    match pass.doing {
        Doing::Mapping => format!("cleaner: building the offset map, {map_messages} records read"),
        Doing::Copying => format!("cleaner: copying to .cleaned, {messages_written} of {messages_read} records stay"),
        Doing::Replacing => format!("cleaner: replacing by .swap, {messages_written} of {messages_read} records stay"),
    }
}
