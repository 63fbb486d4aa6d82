//! One line of a history file, and what may be wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The highest offset that a file may name.
pub const OFFSET_MAX: i64 = 9_999_999;
/// The highest partition that a file may name.
pub(super) const PARTITION_MAX: i32 = 999;
/// Most lines of a file.
pub const LINES_MAX: usize = 10_000_000;

/// What a line says of a call, in Jepsen's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Type {
    /// It begins.
    Invoke,
    /// It was done.
    Ok,
    /// It was certainly not done.
    Fail,
    /// Nobody knows whether it was done; or something happened that nobody called.
    Info,
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

macro_rules! functions {
    ($($variant:ident $name:literal [$($kind:ident)*];)*) => {
        /// What was called.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(super) enum Function {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl Function {
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The types that a line of it may have.
            pub(super) fn types(self) -> &'static [Type] {
                match self { $(Self::$variant => &[$(Type::$kind),*],)* }
            }
        }
    };
}

functions! {
    Start "start" [Ok];
    End "end" [Info];
    Send "send" [Invoke Ok Fail Info];
    Poll "poll" [Ok];
    Position "position" [Ok];
    Assign "assign" [Ok];
    Revoke "revoke" [Ok Info];
    Work "work" [Ok];
    Commit "commit" [Ok Fail Info];
    Begin "begin-transaction" [Ok];
    CommitTransaction "commit-transaction" [Invoke Ok Fail Info];
    AbortTransaction "abort-transaction" [Invoke Ok Fail Info];
    ResetOffsets "reset-offsets" [Invoke Ok Fail Info];
    LogStart "log-start" [Info];
    UncleanElection "unclean-election" [Info];
    Compacted "compacted" [Info];
}

/// Why a consumer's position is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Why {
    /// It had none: `auto.offset.reset`.
    First,
    /// The log did not have it: `auto.offset.reset`.
    Reset,
    /// The leader's log was cut below it (KIP-320).
    Truncated,
    /// Its group has committed it.
    Committed,
    /// The program called `seek()`.
    Seek,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place(pub(super) String, pub(super) i32);

/// A record that a consumer was given: topic, partition, offset, value; null where the value says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Given(pub(super) String, pub(super) i32, pub(super) i64, pub(super) Option<String>);

/// An offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offset(pub(super) String, pub(super) i32, pub(super) i64);

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// When, in microseconds.
    #[serde(default)]
    pub(super) at_us: u64,
    /// Whose call it is.
    pub(super) process: String,
    #[serde(rename = "type")]
    pub(super) kind: Type,
    pub(super) f: Function,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) topic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<i64>,
    /// Which record it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The record has no value of its own: it says that its key is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) tombstone: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<Vec<Given>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partitions: Option<Vec<Place>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) offsets: Option<Vec<Offset>>,
    /// One past the last offset that was worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Why>,
    /// Kafka's name of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    #[serde(rename = "isolation.level", default, skip_serializing_if = "Option::is_none")]
    pub(super) isolation: Option<Isolation>,
}

/// `isolation.level`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Isolation {
    ReadUncommitted,
    ReadCommitted,
}

impl Line {
    pub(super) fn new(at_us: u64, process: String, kind: Type, f: Function) -> Self {
        Self {
            at_us,
            process,
            kind,
            f,
            topic: None,
            partition: None,
            offset: None,
            value: None,
            key: None,
            tombstone: false,
            records: None,
            partitions: None,
            offsets: None,
            to: None,
            generation: None,
            why: None,
            error: None,
            group: None,
            isolation: None,
        }
    }
}

/// What is wrong with a history file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    /// The line, from 1.
    pub line: usize,
    /// What, and what would be right.
    pub message: String,
}

impl HistoryError {
    /// As the command line prints it.
    #[must_use]
    pub fn in_file(&self, file: &str) -> String {
        format!("{file}:{}: {}", self.line, self.message)
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}
