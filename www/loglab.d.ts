// What `window.loglab` offers to tests and to the curious. Times are microseconds of virtual time, as numbers.
// `load`, `command` and `seek` resolve when the frame has been drawn, and reject with an Error that says why not.

export interface Loglab {
  /** Starts a run of this scenario file (TOML). A file with errors rejects and leaves the present run as it is. */
  load(toml: string): Promise<void>;
  /**
   * Does this now, such as `kill broker 1`; resolves with the branch on which it was done. In the past a branch begins with
   * it, and the present one keeps its future.
   */
  command(command: string): Promise<Branch>;
  /** Goes to the instant after the last event at or before this time, on this branch or on the present one. */
  seek(time_us: number, branch?: number): Promise<void>;
  /** The branches of the run, by number, or null before the first frame. */
  branches(): Branch[] | null;
  /** Goes to this branch, where it is at the present time. */
  switch(branch: number): Promise<void>;
  /** Calls a branch so. */
  rename(branch: number, name: string): Promise<void>;
  /** Forgets a branch. Those that leave it stay; the only one cannot be removed. */
  remove(branch: number): Promise<void>;
  /** The instant on screen, or null before the first. */
  frame(): Frame | null;
  /** The rolling hash after the last event on screen: 16 lower-case hex digits, empty before the first frame. */
  hash(): string;
  /** What the page itself is doing. */
  state(): PageState;
}

export interface PageState {
  playing: boolean;
  /** Virtual seconds per second of the person. */
  speed: number;
  time_us: number;
  event: number;
  busy: boolean;
  theme: "dark" | "light";
  selection: Selection;
  /** Errors on screen, such as those of a scenario file. */
  errors: { line: number | null; message: string }[];
  /** What the engine said when it panicked. */
  panic: string | null;
  /** The branch on screen, by number. */
  branch: number;
  /** Commands the person gave on this branch, in time order. */
  commands: { at_us: number; text: string }[];
}

/** A run with the person's commands; branches have in common what was before they left each other. */
export interface Branch {
  /** Never used again. */
  id: number;
  name: string;
  /** Where it leaves another branch: the last event that both have, and when the person acted. Null where it leaves none. */
  parent: { branch: number; event: number; at_us: number } | null;
  /** How far it has been computed, from the start of the run. */
  events_computed: number; computed_us: number;
  /** The person's commands on it, those before it left its parent included. */
  commands: { at_us: number; text: string }[];
}

export type View = "stage" | "log";
export type State = "running" | "fenced" | "killed" | "halted" | "stopped" | "paused" | "power-lost" | "starting";
export type Role = "leader" | "follower" | "out-of-sync" | "offline";
export type Node = "controller" | { broker: number } | { client: string };
export type Kind =
  | "other" | "fault" | "repair" | "election" | "isr" | "registration" | "truncation" | "compaction" | "storage" | "error" | "finding";
export type Selection =
  | "none"
  | { node: Node }
  /** `number` is the topic's: it is never used again, while a name may be. */
  | { partition: { topic: string; index: number; number: number } }
  | { batch: { topic: string; index: number; number: number; broker: number; offset: number } }
  | { link: [Node, Node] }
  | { packet: number }
  | { event: number }
  | { group: string }
  | { "transactional-id": string };

export interface Frame {
  /** Whose picture it holds: packets and the tails of replicas are told on the Stage only, logs in the Log view only. */
  view: View;
  run: {
    title: string; about: string; seed: number | string; hash: string; event: number; events_computed: number;
    computed_us: number; time_us: number; duration_us: number; branch: number; in_flight: number;
  };
  branches: Branch[];
  controller: { name: string; state: State; epoch: number; metadata_end: number };
  brokers: Broker[];
  partitions: Partition[];
  producers: Producer[];
  consumers: Consumer[];
  groups: Group[];
  /** Of the whole run as far as it has been computed. */
  rebalances: Rebalance[];
  transactional_ids: TransactionalId[];
  /** In other views than the Stage only the selected one. */
  packets: Packet[];
  cuts: { from: Node; to: Node; since_us: number }[];
  interventions: { at_us: number; text: string; done: boolean; by_hand: boolean; by_nemesis: boolean }[];
  findings: { kind: string; at_us: number; event: number; about: string; partition: string }[];
  events: Event[];
  because: Event[];
  marks: { at_us: number; event: number; kind: Kind; text: string }[];
  density: number[];
  /** The logs of one partition while the Log view is open, else null. */
  log: Log | null;
}

/** The replicas of a partition over a window of offsets. */
export interface Log {
  /** The topic's, never used again. */
  number: number; topic: string; index: number; first: number; offsets: number; earliest: number; latest: number;
  acknowledged_end: number; replicas: LogReplica[]; readers: { name: string; position: number }[];
  open: OpenBatch | null;
}

export interface LogReplica {
  broker: number; state: State; role: Role; log_start: number; last_stable: number; high_watermark: number;
  /** -1 where the log is not open. */
  log_end: number;
  recovery_point: number; epochs: { epoch: number; start: number }[]; segments: Segment[]; others: LogFile[]; batches: LogBatch[];
  transactions: { producer_id: number; first: number; last: number; kind: BatchKind }[];
  /** Where the earliest transaction begins that is open, or whose marker is not below the high watermark; -1 for none. */
  first_unstable: number;
  producers: { id: number; epoch: number; last_sequence: number; last_offset: number; batches: number; open_from: number }[];
  /** Of a compacted topic only. */
  cleaning: {
    checkpoint: number | null; first_dirty: number; first_uncleanable: number;
    clean_bytes: number; cleanable_bytes: number; min_dirty_ratio: number;
    pass: {
      doing: "mapping" | "copying" | "replacing"; segments: number[]; end: number; map_messages: number; messages_read: number;
      messages_written: number;
      /** Of the new segment's files: `.cleaned`, `.swap` or empty. */
      ending: string;
      /** What the new segment holds so far. */
      copied: LogBatch[];
    } | null;
  } | null;
  /** How the bytes on the medium end where the log is not open. */
  torn: { offset: number; segment: number; position: number; bytes: number } | null;
}

export interface Segment {
  base: number; end: number; active: boolean; files: LogFile[];
  /** Offsets in its offset index that lie in the window. */
  indexed: number[];
}

export interface LogFile {
  name: string; bytes: number;
  /** Of an index. */
  entries: number | null;
}

export type BatchKind = "data" | "open" | "committed" | "aborted" | "commit" | "abort" | "control";

export interface LogBatch {
  base: number; last: number; epoch: number; bytes: number; segment: number; position: number; kind: BatchKind;
  producer_id: number; codec: string; lost: boolean; corrupt: boolean;
  /** Until its tombstones may go; null before the cleaner has set a delete horizon. */
  delete_in_ms: number | null;
  records: { offset: number; hue: number | null; key: string; tombstone: boolean }[];
}

/** A batch with its bytes and what they mean. */
export interface OpenBatch {
  broker: number; base: number; last: number; file: string; position: number; size: number; bytes: number[];
  crc_valid: boolean; delete_in_ms: number | null;
  fields: { name: string; record: number | null; at: number; len: number; value: string }[];
}

export interface Broker {
  id: number; state: State; epoch: number; metadata_end: number; since_us: number; disk_full: boolean;
  /** Indices into `partitions`. */
  cleaning: number[];
  disk_slowed_us: number; replicas: Replica[];
}

export interface Replica {
  /** An index into `partitions`. */
  partition: number;
  role: Role; log_start: number; high_watermark: number; last_stable: number; log_end: number; leader_epoch: number;
  /** On the Stage only. */
  tail: Batch[];
}

export interface Batch {
  base: number; last: number; keys: (number | null)[]; epoch: number; crc: number; bytes: number;
  committed: boolean; lost: boolean; kind: BatchKind;
}

export interface Partition {
  /** The topic's, never used again. */
  number: number; topic: string; internal: boolean; index: number; leader: number; leader_epoch: number; partition_epoch: number; replicas: number[];
  isr: number[]; elr: number[]; min_isr: number; high_watermark: number; last_stable: number; first_unstable: number;
  log_end: number; acknowledged_end: number;
}

export interface Producer {
  name: string; state: State; topic: string; sending: Sending; acks: string; rate: string;
  in_flight: number; sent: number; acked: number; failed: number; retried: number; errors: [string, number][]; last_error: string;
}

/** What a client keeps that sends. */
export interface Sending {
  producer_id: number; producer_epoch: number;
  /** Empty without one; then the state is empty, too. It is that of Kafka's `TransactionManager`. */
  transactional_id: string; transaction: string;
  sequences: { partition: number; next: number; in_flight: number; queued: number; records: number }[];
}

export interface Consumer {
  name: string; state: State; group: string; member_id: string; generation: number; membership: string;
  /** Of a pipeline. */
  sending: Sending | null;
  /** `lag` is Kafka's `records-lag`; null before the first fetch. */
  positions: { partition: number; offset: number; lag: number | null }[];
  lag: number; read: number; last_error: string;
}

/** A rebalance, from who joined or went to the last member that has what it shall have. */
export interface Rebalance {
  group: string; from_us: number;
  /** The present, of one that is under way. */
  to_us: number;
  is_over: boolean;
  /** Such as `generation 2`. */
  to: string;
  /** Who came and went, such as `shipping-3 joined`. */
  why: string;
  about: string;
  /** When nobody read, though somebody had before. */
  stops_us: [number, number][];
}

/** A group as its coordinator knows it, and as its members believe. Partitions are indices into `partitions`. */
export interface Group {
  id: string; protocol: "" | "classic" | "consumer";
  /** Kafka's; empty as long as no coordinator knows it. */
  state: string;
  lasting_ms: number; epoch: number; assignment_epoch: number; assignor: string;
  /** -1 for none. */
  coordinator: number;
  loading: boolean;
  /** Of the topics that it reads. */
  partitions: number[];
  /** `[[consumer]]` with `members`: how many programs there may be, and how many there are. */
  tables: { name: string; programs: number; running: number }[];
  members: {
    client: string;
    /** Tells members of all groups apart. */
    number: number;
    id: string; instance: string; leads: boolean; former: boolean;
    phase: "absent" | "stable" | "awaited" | "joined" | "syncing" | "revoking" | "waiting";
    generation: number; has: number[]; due: number[];
  }[];
  offsets: {
    partition: number; committed: number; pending: boolean; lag: number;
    /** Of what is selected only. */
    parts: LagParts | null;
    series: { at_us: number; committed: number; end: number }[];
  }[];
}

/** What a lag is made of: offsets. */
export interface LagParts {
  readable: number; open: number; held_back: number; aborted: number; markers: number; compacted: number; deleted: number; unknown: number;
}

export interface TransactionalId {
  id: string; coordinator: number; state: string; pending: boolean; producer_id: number; producer_epoch: number; timeout_ms: number;
  /** -1 where no transaction is open. */
  open_ms: number;
  partitions: number[];
}

export interface Packet {
  id: number; from: Node; to: Node; connection: number; api: string; response: boolean; sent_us: number;
  arrives_us: number; about: string; keys: (number | null)[];
}

export interface Event {
  number: number; at_us: number; kind: Kind; text: string; cause: number | null; about: Selection[];
}

declare global {
  interface Window {
    loglab: Loglab;
  }
}
