//! What can go wrong in a run, and be mended again: one table.
//!
//! From a row come the word of files and commands with what it takes, the keys of a `[[fault]]` and their documentation, the
//! entries and keys of the page's menus, and what is done to the kernel or why nothing is. To add a fault, add a row and its
//! function in [`effect`]; whoever must decide something about it does not compile before it has.

pub mod amount;
pub mod effect;
pub mod page;

use serde::{Deserialize, Serialize};

use crate::settings::for_docs;
use amount::Parameter;
use effect::{Does, Hit, Outcome, Scene};
use page::Page;

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Processes, clients too, however they are named.
    Processes,
    /// A broker by its number, the controller or a client: whoever is down leads and follows nothing.
    Numbered,
    /// Brokers: the controller's disk is not simulated yet.
    Brokers,
    /// The machines of processes: each has one of its own.
    Machines,
    /// A link.
    Link,
    /// One message.
    Message,
    /// What a broker has of a partition.
    Replica,
    /// A program that reads.
    Consumer,
    /// One that is a member of a group.
    Member,
    /// All programs of a `[[consumer]]` with `members`.
    Members,
}

impl Object {
    /// What a key of a file takes, in the words of the documentation.
    #[must_use]
    pub fn takes(self) -> &'static str {
        match self {
            Self::Processes | Self::Machines => "target: processes, clients too",
            Self::Numbered => "target: `broker N`, `controller` or a client",
            Self::Brokers => "target: brokers",
            Self::Link => "target: a link",
            Self::Message => "target: a message",
            Self::Replica => "target: a replica",
            Self::Consumer => "target: a consumer",
            Self::Member => "target: a member of a group",
            Self::Members => "target: `consumer NAME`, one with `members`",
        }
    }

    /// To what it is done, where something else was named.
    #[must_use]
    pub fn right(self) -> &'static str {
        match self {
            Self::Processes | Self::Machines => "to a broker, the controller or a client",
            Self::Numbered => "to a broker by its number, to the controller or to a client",
            Self::Brokers => "to a broker; the controller's disk is not built yet",
            Self::Link => "to a link, such as \"link broker 1 - broker 2\"",
            Self::Message => "to a message, such as \"next Produce response to NAME\"",
            Self::Replica => "to a replica, such as \"follower of T-P\" or \"replica of T-P on broker N\"",
            Self::Consumer => "to a consumer",
            Self::Member => "to a consumer that is a member of a group",
            Self::Members => "to a consumer with members, such as \"consumer NAME\"",
        }
    }
}

/// Whether a fault keeps whom it hits from being heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silences {
    /// It does, or may.
    Always,
    /// Where a broker ends by itself because of it.
    ByHalting,
    /// It does not.
    Never,
}

/// Whether a nemesis draws a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// It does, with an amount between these, unless its file lists other faults.
    Usually(i64, i64),
    /// Only where its file names it: TCP, or a disk that keeps what it is given, does not allow it.
    Named(i64, i64),
    /// It is how others are taken back.
    Repair,
    /// Nothing goes wrong with it, or another one does the same.
    Never,
}

impl Drawn {
    /// Unless the file lists others.
    #[must_use]
    pub fn is_usual(self) -> bool {
        match self {
            Self::Usually(..) => true,
            Self::Named(..) | Self::Repair | Self::Never => false,
        }
    }

    /// Where a file names it at least.
    #[must_use]
    pub fn is_ever(self) -> bool {
        match self {
            Self::Usually(..) | Self::Named(..) => true,
            Self::Repair | Self::Never => false,
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// Its word in files and commands.
    pub word: &'static str,
    /// What it does, in a sentence for the documentation.
    pub about: &'static str,
    /// What it is done to.
    pub object: Object,
    /// What must be said beside its target.
    pub parameter: Option<Parameter>,
    /// What takes it back.
    pub undo: Option<FaultAction>,
    /// It takes others back: the key of a file that says how long after them.
    pub after: Option<&'static str>,
    /// What the page offers of it.
    pub page: Option<Page>,
    /// Whether a nemesis draws it.
    pub drawn: Drawn,
    /// What it does to the kernel.
    does: Does,
    /// The action with its amount, if it has one.
    make: fn(i64) -> FaultAction,
}

impl Row {
    /// It takes another action back.
    #[must_use]
    pub fn is_repair(&self) -> bool {
        self.after.is_some()
    }

    /// The action, with an amount of its parameter where it has one.
    #[must_use]
    pub fn action(&self, amount: i64) -> FaultAction {
        (self.make)(amount)
    }

    /// The rows of the faults that this one takes back.
    pub fn takes_back(&self) -> impl Iterator<Item = &'static Row> {
        let word = self.word;
        FaultAction::ROWS.iter().filter(move |row| row.undo.is_some_and(|undo| undo.word() == word))
    }
}

/// What a row says of the nemesis; without bounds for what takes no amount that is drawn evenly.
macro_rules! drawn {
    (Repair) => {
        Drawn::Repair
    };
    (Never) => {
        Drawn::Never
    };
    ($variant:ident) => {
        Drawn::$variant(0, 0)
    };
    ($variant:ident ($least:literal, $most:literal)) => {
        Drawn::$variant($least, $most)
    };
}

macro_rules! faults {
    ($($variant:ident $({ $field:ident: $parameter:expr })? $word:literal $about:literal
        on $object:ident does $hit:ident($does:ident)
        $(, undone by $undo:ident)? $(, repairs $after:literal)?
        , drawn $drawn:ident $(($least:literal, $most:literal))?
        $(, page $key:literal $label:literal $help:literal $(by $usual:literal)? when $when:expr)?;)*) => {
        /// What is done to a target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum FaultAction {
            $(#[doc = $about] $variant $({
                /// By how much or which one, in the unit of the table.
                $field: i64
            })?,)*
        }

        /// The places of the rows.
        enum Place { $($variant),* }

        impl FaultAction {
            /// The table.
            pub const ROWS: &'static [Row] = &[$({
                const PARAMETER: Option<Parameter> = [$(Some($parameter),)? None][0];
                const UNDO: Option<FaultAction> = [$(Some(FaultAction::$undo),)? None][0];
                const AFTER: Option<&str> = [$(Some($after),)? None][0];
                const PAGE: Option<Page> = [$(Some(Page {
                    key: $key,
                    label: $label,
                    help: $help,
                    usual: [$(Some($usual),)? None][0],
                    when: $when,
                }),)? None][0];
                Row {
                    word: $word,
                    about: for_docs($about),
                    object: Object::$object,
                    parameter: PARAMETER,
                    undo: UNDO,
                    after: AFTER,
                    page: PAGE,
                    drawn: drawn!($drawn $(($least, $most))?),
                    does: Does::$hit(effect::$does),
                    make: |_amount| FaultAction::$variant $({ $field: _amount })?,
                }
            },)*];

            /// Its row.
            #[must_use]
            pub fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant { .. } => &Self::ROWS[Place::$variant as usize],)*
                }
            }

            /// What was said beside its target.
            #[must_use]
            pub fn amount(self) -> Option<i64> {
                match self {
                    $(Self::$variant $({ $field })? => [$(Some($field),)? None][0],)*
                }
            }
        }
    };
}

faults! {
    Kill "kill" "The process dies (SIGKILL); its page cache stays."
        on Processes does Process(kill), undone by Restart, drawn Usually,
        page "k" "Kill" "kill it" when |seen| seen.up;
    Stop "stop" "The process is told to end (SIGTERM): a broker moves its leaderships away, closes its logs and goes; a producer sends what it has."
        on Processes does Process(stop), undone by Restart, drawn Usually,
        page "q" "Stop (SIGTERM)" "stop it in good order" when |seen| seen.up;
    PowerLoss "power-loss" "The machine loses power; what was not flushed is gone."
        on Processes does Process(power_loss), undone by Restart, drawn Usually,
        page "p" "Lose power" "take the power from it: what was not flushed is lost" when |seen| seen.up;
    Restart "restart" "What is down begins again."
        on Numbered does Process(restart), repairs "restart-after", drawn Repair,
        page "k" "Restart" "restart it" when |seen| !seen.up;
    Pause "pause" "The process stands still, as in a long garbage collection."
        on Processes does Process(pause), undone by Resume, drawn Usually,
        page "z" "Pause" "pause it" when |seen| seen.up && !seen.paused;
    Resume "resume" "What was paused goes on."
        on Processes does Process(resume), repairs "resume-after", drawn Repair,
        page "z" "Resume" "let it go on" when |seen| seen.paused;
    Skew { by_us: amount::SHIFT } "skew"
        "The machine's wall clock is set `by` so much ahead, or behind; what it measures durations with is not touched."
        on Machines does Process(skew), undone by HealClock, drawn Usually(1_000, 10_000_000),
        page "a" "Clock 1 s ahead" "set its clock 1 s ahead" by 1_000_000 when |seen| !seen.clock_wrong;
    Drift { by_ppm: amount::RATE } "drift" "The machine's clock runs faster or slower, `by` so much: timers, too."
        on Machines does Process(drift), undone by HealClock, drawn Usually(10, 50_000),
        page "v" "Clock 1 % fast" "let its clock run 1 % fast" by 10_000 when |seen| !seen.clock_wrong;
    HealClock "heal-clock" "The machine's clock runs at the right rate again and is set to the right time."
        on Machines does Process(heal_clock), repairs "heal-clock-after", drawn Repair,
        page "a" "Set clock right" "set its clock right" when |seen| seen.clock_wrong;
    Cut "cut" "Nothing passes any more."
        on Link does Link(cut), undone by Heal, drawn Usually,
        page "x" "Cut" "cut it" when |seen| !seen.cut;
    Clog "clog" "What is sent waits until the link is healed; nothing is lost."
        on Link does Link(clog), undone by Heal, drawn Usually;
    Slow { by_us: amount::DELAY } "slow" "Messages take longer, `by` so much."
        on Link does Link(slow), undone by Heal, drawn Usually(1_000, 2_000_000);
    Heal "heal" "The link is again as `[network]` says."
        on Link does Link(heal), repairs "heal-after", drawn Repair,
        page "x" "Heal" "heal it" when |seen| seen.cut;
    Hold "hold" "The message waits, and what is sent after it on its connection."
        on Message does Message(hold), undone by Release, drawn Named;
    Release "release" "What was held goes on."
        on Message does Message(release), repairs "release-after", drawn Repair;
    Lose "lose" "The message never arrives; its connection goes on without it."
        on Message does Message(lose), drawn Named,
        page "j" "Lose" "lose the selected message" when |_| true;
    Repeat "repeat" "The message arrives twice."
        on Message does Message(repeat), drawn Named,
        page "m" "Deliver twice" "let the selected message arrive twice" when |_| true;
    FillDisk "fill-disk" "Its disk takes nothing more, except what is deleted from it."
        on Brokers does Process(fill_disk), undone by HealDisk, drawn Usually,
        page "d" "Fill disk" "fill its disk" when |seen| !seen.disk_faulty;
    SlowDisk { by_us: amount::DELAY } "slow-disk" "Each write and each flush of its disk takes longer, `by` so much."
        on Brokers does Process(slow_disk), undone by HealDisk, drawn Usually(1_000, 500_000),
        page "w" "Slow disk by 50 ms" "slow its disk" by 50_000 when |seen| !seen.disk_faulty;
    HealDisk "heal-disk" "Its disk is quick again and has room."
        on Brokers does Process(heal_disk), repairs "heal-disk-after", drawn Repair,
        page "d" "Heal disk" "heal its disk" when |seen| seen.disk_faulty;
    BitRot { offset: amount::OFFSET } "bit-rot" "A bit of the stored batch that holds `offset` turns over; nobody is told."
        on Replica does Replica(bit_rot), drawn Named,
        page "r" "Rot a bit of the batch" "turn over a bit of the selected batch" when |seen| !seen.corrupt;
    LoseIndexes "lose-indexes" "The index files of the replica are gone; only while its broker is down."
        on Replica does Replica(lose_indexes), drawn Usually,
        page "l" "Lose the indexes" "lose the indexes of the selected partition or batch on a broker that is down"
        when |seen| seen.killed;
    Leave "leave" "The member leaves its group and ends, as with `stop`: a static one has its place kept."
        on Member does Process(stop), undone by Join, drawn Never,
        page "e" "Leave" "let it leave its group" when |seen| seen.up && seen.member;
    Join "join" "A member that is not there begins, and joins its group."
        on Member does Process(restart), repairs "join-after", drawn Repair,
        page "e" "Join" "let it join its group" when |seen| !seen.up && seen.member;
    Scale { to: amount::COUNT } "scale" "So many of the programs are there: the first ones begin where they are not, the others leave their group."
        on Members does Process(scale), drawn Never,
        page "u" "Scale by one" "scale a group's programs by one: down where all are there" when |seen| seen.member;
    Seek { offset: amount::OFFSET } "seek" "The program goes on at `offset` in every partition that it reads (`seek()`)."
        on Consumer does Process(seek), drawn Never,
        page "h" "Seek to 0" "let it read from offset 0 on" when |seen| seen.up && seen.consumer;
}

impl FaultAction {
    /// Its word in files and commands.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// What it is done to.
    #[must_use]
    pub fn object(self) -> Object {
        self.row().object
    }

    /// The action that takes this one back.
    #[must_use]
    pub fn undo(self) -> Option<Self> {
        self.row().undo
    }

    /// It takes another action back.
    #[must_use]
    pub fn is_repair(self) -> bool {
        self.row().is_repair()
    }

    /// Whether this ends what another action did to the same. Who begins again does not stand still either.
    #[must_use]
    pub fn ends(self, other: Self) -> bool {
        other.undo() == Some(self) || self == Self::Restart && other == Self::Pause
    }

    /// Whether it keeps whom it hits from being heard, until it is taken back.
    #[must_use]
    pub fn silence(self) -> Silences {
        match self {
            Self::Kill
            | Self::Stop
            | Self::Leave
            | Self::Scale { .. }
            | Self::PowerLoss
            | Self::Pause
            | Self::Cut
            | Self::Clog
            | Self::Slow { .. }
            | Self::SlowDisk { .. }
            | Self::Hold => Silences::Always,
            Self::FillDisk => Silences::ByHalting,
            // One that is lost or arrives twice is followed by others.
            Self::Lose | Self::Repeat => Silences::Never,
            // A clock that is wrong makes nobody deaf or dumb.
            Self::Skew { .. } | Self::Drift { .. } => Silences::Never,
            Self::BitRot { .. } | Self::LoseIndexes | Self::Seek { .. } => Silences::Never,
            Self::Restart
            | Self::Join
            | Self::Resume
            | Self::HealClock
            | Self::Heal
            | Self::Release
            | Self::HealDisk => Silences::Never,
        }
    }

    /// The row of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<&'static Row> {
        Self::ROWS.iter().find(|row| row.word == word)
    }

    /// Each key of the page with what it does to the thing that is selected, in the order of the table.
    #[must_use]
    pub fn help() -> Vec<(&'static str, String)> {
        let mut lines: Vec<(&str, String)> = Vec::new();
        for page in Self::ROWS.iter().filter_map(|row| row.page) {
            match lines.iter_mut().find(|(key, _)| *key == page.key) {
                Some((_, does)) => *does = format!("{does}, or {}", page.help),
                None => lines.push((page.key, page.help.to_owned())),
            }
        }
        lines
    }

    /// What it does to whom it hits, or why it does nothing.
    pub fn done_to(self, hit: Hit, scene: &dyn Scene) -> Outcome {
        self.row().does.to(self.amount().unwrap_or_default(), hit, scene)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_itself() {
        for (place, row) in FaultAction::ROWS.iter().enumerate() {
            let action = row.action(7);
            assert_eq!(action.word(), row.word);
            assert_eq!(action.amount(), row.parameter.map(|_| 7), "{}", row.word);
            assert!(FaultAction::ROWS[..place].iter().all(|other| other.word != row.word), "{}", row.word);
            let hits = match row.does {
                Does::Process(_) => ![Object::Link, Object::Message, Object::Replica].contains(&row.object),
                Does::Link(_) => row.object == Object::Link,
                Does::Message(_) => row.object == Object::Message,
                Does::Replica(_) => row.object == Object::Replica,
            };
            assert!(hits, "{} is done to what it is not done to", row.word);
            if let Some(undo) = row.undo {
                assert!(undo.is_repair() && undo.row().parameter.is_none() && undo.undo().is_none(), "{}", row.word);
            }
            if let Some(after) = row.after {
                assert_eq!(after, format!("{}-after", row.word));
                assert!(row.takes_back().next().is_some(), "{} takes nothing back", row.word);
            }
            if let Some(page) = row.page {
                let by_hand = row.parameter.filter(|parameter| parameter.key == "by");
                assert!(
                    by_hand.is_none_or(|by| page.usual.is_some_and(|usual| by.amount.holds(usual))),
                    "{}",
                    row.word
                );
                assert!(by_hand.is_some() || page.usual.is_none(), "{}", row.word);
            }
        }
    }

    #[test]
    fn a_key_of_the_page_does_one_thing_to_what_looks_so() {
        let looks = (0..1u32 << 9).map(|bits| page::Seen {
            up: bits & 1 > 0,
            paused: bits & 2 > 0,
            killed: bits & 4 > 0,
            disk_faulty: bits & 8 > 0,
            clock_wrong: bits & 16 > 0,
            cut: bits & 32 > 0,
            corrupt: bits & 64 > 0,
            consumer: bits & 128 > 0,
            member: bits & 256 > 0,
        });
        // What is down does not stand still.
        for seen in looks.filter(|seen| seen.up || !seen.paused).filter(|seen| !(seen.up && seen.killed)) {
            let mut keys: Vec<&str> = FaultAction::ROWS
                .iter()
                .filter_map(|row| row.page)
                .filter(|page| (page.when)(&seen))
                .map(|page| page.key)
                .collect();
            keys.sort_unstable();
            assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}: {keys:?}");
        }
    }
}
