//! One row of a settings table, and how a file's value becomes a setting's.

use std::fmt;

/// What only the pages of `docs/` say of a key or a setting: the page, which shows none of it, does without.
#[must_use]
pub const fn for_docs(about: &'static str) -> &'static str {
    if cfg!(target_family = "wasm") { "" } else { about }
}

/// A setting that the engine honours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Kafka's name.
    pub name: &'static str,
    /// What values it takes, in the words of the documentation.
    pub values: String,
    /// What it counts: `ms`, `bytes`, or nothing.
    pub unit: &'static str,
    /// Its default as a file would say it.
    pub default: String,
    /// What it does, in a line.
    pub about: &'static str,
}

/// A value as a file gives it, before its meaning is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// Text. Kafka's own files know nothing else, so numbers and booleans may be given as text too.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a decimal point, as it is written.
    Decimal(String),
    /// True or false.
    Boolean(bool),
}

impl Raw {
    /// As Kafka's own files write it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(_) | Self::Decimal(_) | Self::Boolean(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Decimal(number) => f.write_str(number),
            Self::Boolean(value) => write!(f, "{value}"),
        }
    }
}

/// A type that settings have.
pub trait SettingValue: Sized + Clone + fmt::Display {
    /// What bounds it.
    type Bounds: Clone;
    /// The value, or what would be right.
    fn read(raw: &Raw, bounds: &Self::Bounds) -> Result<Self, String>;
    /// The values it takes, in the words of the documentation.
    fn values(bounds: &Self::Bounds) -> String;
}

impl MigrationPolicy {
    /// `ConsumerGroupMigrationPolicy.isUpgradeEnabled`
    #[must_use]
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    /// `ConsumerGroupMigrationPolicy.isDowngradeEnabled`
    #[must_use]
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

impl SettingValue for u64 {
    type Bounds = std::ops::RangeInclusive<u64>;

    fn read(raw: &Raw, bounds: &Self::Bounds) -> Result<Self, String> {
        let number = match raw {
            Raw::Integer(number) => u64::try_from(*number).ok(),
            Raw::Text(text) => text.parse().ok(),
            Raw::Boolean(_) | Raw::Decimal(_) => None,
        };
        number
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| format!("a whole number from {} to {}", bounds.start(), bounds.end()))
    }

    fn values(bounds: &Self::Bounds) -> String {
        format!("{} to {}", bounds.start(), bounds.end())
    }
}

/// Numbers of which -1 means that there is no limit.
impl SettingValue for i64 {
    type Bounds = std::ops::RangeInclusive<i64>;

    fn read(raw: &Raw, bounds: &Self::Bounds) -> Result<Self, String> {
        let number = match raw {
            Raw::Integer(number) => Some(*number),
            Raw::Text(text) => text.parse().ok(),
            Raw::Boolean(_) | Raw::Decimal(_) => None,
        };
        number
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| format!("a whole number from {} to {}", bounds.start(), bounds.end()))
    }

    fn values(bounds: &Self::Bounds) -> String {
        format!("{} to {}", bounds.start(), bounds.end())
    }
}

impl SettingValue for bool {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        match raw {
            Raw::Boolean(value) => Some(*value),
            Raw::Text(text) => text.parse().ok(),
            Raw::Integer(_) | Raw::Decimal(_) => None,
        }
        .ok_or_else(|| "true or false".to_owned())
    }

    fn values((): &()) -> String {
        "true, false".to_owned()
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal $(| $other:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl SettingValue for $name {
            type Bounds = ();

            fn read(raw: &Raw, (): &()) -> Result<Self, String> {
                match raw.text().as_str() {
                    $($word $(| $other)* => Ok(Self::$variant),)*
                    _ => Err(format!("one of {}", Self::values(&()))),
                }
            }

            fn values((): &()) -> String {
                [$($word),*].join(", ")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)* })
            }
        }
    };
}

/// A part of a whole, in millionths: a number from 0 to 1 with at most six digits behind its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ratio(pub u32);

impl Ratio {
    const WHOLE: u32 = 1_000_000;

    /// As a number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 6 || !digits(whole) || !digits(part) {
            return None;
        }
        let millionths = whole.parse::<u32>().ok()?.checked_mul(Self::WHOLE)?;
        millionths.checked_add(format!("{part:0<6}").parse().ok()?).map(Self)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / Self::WHOLE, self.0 % Self::WHOLE);
        let short = text.trim_end_matches('0');
        f.write_str(short)?;
        f.write_str(if short.ends_with('.') { "0" } else { "" })
    }
}

impl SettingValue for Ratio {
    type Bounds = std::ops::RangeInclusive<u32>;

    fn read(raw: &Raw, bounds: &Self::Bounds) -> Result<Self, String> {
        let ratio = match raw {
            Raw::Text(text) | Raw::Decimal(text) => Self::parse(text),
            Raw::Integer(number) => Self::parse(&number.to_string()),
            Raw::Boolean(_) => None,
        };
        let right = || format!("a number from {}, with at most six digits behind its point", Self::values(bounds));
        ratio.filter(|ratio| bounds.contains(&ratio.0)).ok_or_else(right)
    }

    fn values(bounds: &Self::Bounds) -> String {
        format!("{} to {}", Self(*bounds.start()), Self(*bounds.end()))
    }
}

/// The bytes that a socket's buffer is asked to hold; -1 leaves that to the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SocketBuffer(pub i64);

impl SocketBuffer {
    /// So many; `None` where nothing is asked for.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl fmt::Display for SocketBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Java's sockets take no 0 (`SocketAdaptor.setSendBufferSize`).
impl SettingValue for SocketBuffer {
    type Bounds = std::ops::RangeInclusive<i64>;

    fn read(raw: &Raw, bounds: &Self::Bounds) -> Result<Self, String> {
        let right = |_| format!("-1, or a whole number from 1 to {}", bounds.end());
        let bytes = i64::read(raw, bounds).map_err(right)?;
        if bytes == 0 { Err(right(String::new())) } else { Ok(Self(bytes)) }
    }

    fn values(bounds: &Self::Bounds) -> String {
        i64::values(bounds)
    }
}

words! {
    /// `group.consumer.migration.policy`
    MigrationPolicy {
        /// Classic groups become consumer groups, and these classic ones.
        Bidirectional "bidirectional",
        /// Only the first.
        Upgrade "upgrade",
        /// Only the second.
        Downgrade "downgrade",
        /// A group keeps its protocol as long as it has members.
        Disabled "disabled",
    }
}

words! {
    /// What happens to old records of a topic.
    CleanupPolicy {
        /// Old segments are removed.
        Delete "delete",
        /// Of each key the latest record stays.
        Compact "compact",
        /// Both.
        CompactAndDelete "compact,delete" | "delete,compact",
    }
}

words! {
    /// When a produce request is answered.
    Acks {
        /// Never.
        None "0",
        /// When the leader has written the records.
        Leader "1",
        /// When all in-sync replicas have them.
        All "all" | "-1",
    }
}

impl Acks {
    /// As it stands in a produce request.
    pub fn wire(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

words! {
    /// How a producer compresses its batches.
    CompressionType {
        /// Not at all.
        None "none",
        /// RFC 1952.
        Gzip "gzip",
        /// Snappy in the framing of snappy-java.
        Snappy "snappy",
        /// LZ4 frames.
        Lz4 "lz4",
        /// RFC 8878.
        Zstd "zstd",
    }
}

words! {
    /// How a log compresses what is appended to it.
    TopicCompression {
        /// As its producer did.
        Producer "producer",
        /// Not at all.
        Uncompressed "uncompressed",
        /// RFC 1952.
        Gzip "gzip",
        /// Snappy in the framing of snappy-java.
        Snappy "snappy",
        /// LZ4 frames.
        Lz4 "lz4",
        /// RFC 8878.
        Zstd "zstd",
    }
}

impl TopicCompression {
    /// The codec; `None` for the producer's.
    #[must_use]
    pub fn codec(self) -> Option<CompressionType> {
        match self {
            Self::Producer => None,
            Self::Uncompressed => Some(CompressionType::None),
            Self::Gzip => Some(CompressionType::Gzip),
            Self::Snappy => Some(CompressionType::Snappy),
            Self::Lz4 => Some(CompressionType::Lz4),
            Self::Zstd => Some(CompressionType::Zstd),
        }
    }
}

/// How hard gzip tries: 1 to 9, or -1 for what it does by itself, which is 6 (`CompressionType.GZIP`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GzipLevel(pub i64);

impl GzipLevel {
    /// What it does by itself.
    pub const DEFAULT: Self = Self(-1);

    /// The level that it comes to.
    #[must_use]
    pub fn level(self) -> u32 {
        u32::try_from(self.0).unwrap_or(6)
    }
}

impl fmt::Display for GzipLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl SettingValue for GzipLevel {
    type Bounds = std::ops::RangeInclusive<i64>;

    fn read(raw: &Raw, bounds: &Self::Bounds) -> Result<Self, String> {
        let right = |_| format!("-1, or a whole number from 1 to {}", bounds.end());
        let level = i64::read(raw, bounds).map_err(right)?;
        if level == 0 { Err(right(String::new())) } else { Ok(Self(level)) }
    }

    fn values(bounds: &Self::Bounds) -> String {
        i64::values(bounds)
    }
}

/// Where a consumer begins in a partition without a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum AutoOffsetReset {
    /// At the first record.
    Earliest,
    /// At the next record to come.
    Latest,
    /// Nowhere: `poll()` throws.
    None,
    /// At the first record that is no older than so many milliseconds (KIP-1106).
    ByDuration(u64),
}

impl fmt::Display for AutoOffsetReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::None => f.write_str("none"),
            Self::ByDuration(ms) if ms % 1_000 == 0 => write!(f, "by_duration:PT{}S", ms / 1_000),
            Self::ByDuration(ms) => write!(f, "by_duration:PT{}.{:03}S", ms / 1_000, ms % 1_000),
        }
    }
}

impl SettingValue for AutoOffsetReset {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        let text = raw.text();
        match text.as_str() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "none" => Ok(Self::None),
            other => {
                let ms = other.strip_prefix("by_duration:").and_then(iso_duration_ms);
                ms.map(Self::ByDuration).ok_or_else(|| format!("one of {}", Self::values(&())))
            }
        }
    }

    fn values((): &()) -> String {
        "earliest, latest, none, by_duration:PT1H".to_owned()
    }
}

/// A duration as ISO 8601 writes it in days, hours, minutes and seconds (`java.time.Duration.parse`), in milliseconds.
fn iso_duration_ms(text: &str) -> Option<u64> {
    let (days, time) = text.strip_prefix('P')?.split_once('T').map_or((text.get(1..)?, None), |(d, t)| (d, Some(t)));
    let mut total = 0u64;
    let mut is_given = false;
    let mut rest = days;
    for (unit, ms) in [('D', 86_400_000), ('H', 3_600_000), ('M', 60_000), ('S', 1_000)] {
        if unit == 'H' {
            // What is left of the days is none, and behind a T something follows.
            let Some(time) = time else { break };
            if !rest.is_empty() || time.is_empty() {
                return None;
            }
            rest = time;
        }
        // The unit is left out.
        let Some((number, behind)) = rest.split_once(unit) else { continue };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if !part.is_empty() && (unit != 'S' || part.len() > 9 || !part.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let thousandths: u64 = format!("{part:0<3}")[..3].parse().ok()?;
        total = whole.parse::<u64>().ok()?.checked_mul(ms)?.checked_add(thousandths)?.checked_add(total)?;
        (rest, is_given) = (behind, true);
    }
    (is_given && rest.is_empty()).then_some(total)
}

words! {
    /// How the leader of a group assigns partitions, by Kafka's names of the protocols; its classes are taken, too.
    Assignor {
        /// Of each topic ranges.
        Range "range" | "org.apache.kafka.clients.consumer.RangeAssignor",
        /// All partitions in turn.
        RoundRobin "roundrobin" | "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        /// As before, as far as all have equally many.
        Sticky "sticky" | "org.apache.kafka.clients.consumer.StickyAssignor",
        /// The same; members keep what they have while they join.
        CooperativeSticky "cooperative-sticky" | "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    }
}

words! {
    /// How a group shares its partitions.
    GroupProtocol {
        /// Members join together, and one of them assigns.
        Classic "classic" | "CLASSIC",
        /// The coordinator assigns, and each member takes its steps alone (KIP-848).
        Consumer "consumer" | "CONSUMER",
    }
}

/// The name of an assignor of the coordinator's, or `null` for its choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RemoteAssignor(pub Option<String>);

impl fmt::Display for RemoteAssignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("null"))
    }
}

impl SettingValue for RemoteAssignor {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        let text = raw.text();
        match text.as_str() {
            "null" => Ok(Self(None)),
            text if (1..=249).contains(&text.len()) => Ok(Self(Some(text.to_owned()))),
            _ => Err(Self::values(&())),
        }
    }

    fn values((): &()) -> String {
        "name of an assignor of the coordinator, such as uniform".to_owned()
    }
}

/// Assignors in the order of preference, as a list with commas.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Assignors(pub Vec<Assignor>);

impl fmt::Display for Assignors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

impl SettingValue for Assignors {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        let text = raw.text();
        let words = text.split(',').map(|word| Assignor::read(&Raw::Text(word.trim().to_owned()), &()));
        let right = |_| format!("a list of some of {}", Assignor::values(&()));
        let assignors = words.collect::<Result<Vec<Assignor>, String>>().map_err(right)?;
        let twice = (1..assignors.len()).any(|place| assignors[..place].contains(&assignors[place]));
        if twice { Err("each assignor once".to_owned()) } else { Ok(Self(assignors)) }
    }

    fn values((): &()) -> String {
        format!("some of {}", Assignor::values(&()))
    }
}

/// What a client calls itself; nothing where that is left to the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClientId(pub String);

impl ClientId {
    /// Most letters of one: Kafka bounds it by nothing but the length of a string in a request.
    const MOST: usize = 249;

    /// What was given, or what the client makes of its other settings.
    #[must_use]
    pub fn or(&self, own: impl FnOnce() -> String) -> String {
        if self.0.is_empty() { own() } else { self.0.clone() }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SettingValue for ClientId {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        let text = raw.text();
        if text.chars().count() <= Self::MOST { Ok(Self(text)) } else { Err(Self::values(&())) }
    }

    fn values((): &()) -> String {
        format!("text, at most {} characters", Self::MOST)
    }
}

/// A name that Kafka lets one give to a member, or `null` for none (`JoinGroupRequest.validateGroupInstanceId`).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstanceId(pub Option<String>);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("null"))
    }
}

impl SettingValue for InstanceId {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        let text = raw.text();
        if text == "null" {
            return Ok(Self(None));
        }
        let is_right = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let is_name = (1..=249).contains(&text.len()) && text.chars().all(is_right) && text != "." && text != "..";
        if is_name { Ok(Self(Some(text))) } else { Err(format!("a {}", Self::values(&()))) }
    }

    fn values((): &()) -> String {
        "name of at most 249 of A-Z a-z 0-9 . _ -".to_owned()
    }
}

/// Where a client is; nothing where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rack(pub String);

impl fmt::Display for Rack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SettingValue for Rack {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        ClientId::read(raw, &()).map(|text| Self(text.0))
    }

    fn values((): &()) -> String {
        ClientId::values(&())
    }
}

words! {
    /// From which replica a leader lets consumers read; Kafka's class has a longer name, too.
    ReplicaSelector {
        /// From itself.
        Leader "null",
        /// From one in the consumer's rack, if there is one.
        RackAware "org.apache.kafka.common.replica.RackAwareReplicaSelector" | "RackAwareReplicaSelector",
    }
}

words! {
    /// Who chooses the partition of a record that its program has chosen none for; Kafka's class has a longer name, too.
    PartitionerClass {
        /// The producer: by key, and without one a partition until it has been given a batch.
        BuiltIn "null",
        /// All partitions in turn, whatever the key (`RoundRobinPartitioner`).
        RoundRobin "org.apache.kafka.clients.producer.RoundRobinPartitioner" | "RoundRobinPartitioner",
    }
}

words! {
    /// What a client does that can reach no broker that it knows.
    MetadataRecovery {
        /// It begins again with its bootstrap servers.
        Rebootstrap "rebootstrap",
        /// It goes on trying.
        None "none",
    }
}

words! {
    /// Which time a record carries.
    TimestampType {
        /// The producer's.
        CreateTime "CreateTime",
        /// The leader's at the append.
        LogAppendTime "LogAppendTime",
    }
}

words! {
    /// What a consumer is given of transactions.
    IsolationLevel {
        /// All records, as soon as they are committed to the log.
        ReadUncommitted "read_uncommitted",
        /// Records of committed transactions alone, and those of none.
        ReadCommitted "read_committed",
    }
}

/// The name under which a producer sends in transactions, if it does.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TransactionalId(pub Option<String>);

impl fmt::Display for TransactionalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("null"))
    }
}

impl SettingValue for TransactionalId {
    type Bounds = ();

    fn read(raw: &Raw, (): &()) -> Result<Self, String> {
        let text = raw.text();
        let is_right = (1..=249).contains(&text.chars().count());
        if is_right { Ok(Self(Some(text))) } else { Err(Self::values(&())) }
    }

    fn values((): &()) -> String {
        "text, at most 249 characters".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_iso_8601_is_read_as_java_reads_it() {
        let ms = |text: &str| AutoOffsetReset::read(&Raw::Text(format!("by_duration:{text}")), &()).ok();
        for (text, expected) in [
            ("PT1H", 3_600_000),
            ("P1D", 86_400_000),
            ("P1DT2H3M4.5S", 93_784_500),
            ("PT0.001S", 1),
            ("PT0S", 0),
            ("PT90M", 5_400_000),
        ] {
            assert_eq!(ms(text), Some(AutoOffsetReset::ByDuration(expected)), "{text}");
            let written = AutoOffsetReset::ByDuration(expected).to_string();
            assert_eq!(AutoOffsetReset::read(&Raw::Text(written), &()), Ok(AutoOffsetReset::ByDuration(expected)));
        }
        for wrong in ["", "P", "PT", "1H", "PT1", "PT1M1H", "P1H", "PT-1H", "PT1.5H", "P1DT", "pt1h", "PT1Hx"] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }
}
