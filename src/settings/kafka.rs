//! The settings that Apache Kafka 4.3.1 has, whether they are built here or not.
//!
//! With them, "not built yet" differs from "there is no such setting". What connects a program with the outside
//! (listeners, security, metrics) is among them: it has no meaning in a simulation and is refused like the rest.

/// Each name with whose it is, a letter each (see [`Owner::letter`]); asked of Kafka's own `configNames()`.
const NAMES: &str = include_str!("kafka.txt");

/// Whose setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A broker's, or the controller's.
    Broker,
    /// A topic's.
    Topic,
    /// A producer's.
    Producer,
    /// A consumer's.
    Consumer,
    /// An admin client's.
    Admin,
}

impl Owner {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Producer, Self::Consumer, Self::Topic, Self::Broker, Self::Admin];

    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Broker => "a broker",
            Self::Topic => "a topic",
            Self::Producer => "a producer",
            Self::Consumer => "a consumer",
            Self::Admin => "an admin client",
        }
    }

    /// In the list of names.
    fn letter(self) -> char {
        match self {
            Self::Broker => 'B',
            Self::Topic => 'T',
            Self::Producer => 'P',
            Self::Consumer => 'C',
            Self::Admin => 'A',
        }
    }

    /// Whether Kafka has a setting of this name for it.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        owners(name).is_some_and(|owners| owners.contains(self.letter()))
    }

    /// The names of all its settings.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        rows().filter(move |(_, owners)| owners.contains(self.letter())).map(|(name, _)| name)
    }

    /// The first other owner that has a setting of this name.
    #[must_use]
    pub fn other_with(self, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|owner| *owner != self && owner.has(name))
    }
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES.lines().map(|line| line.split_once(' ').unwrap_or((line, "")))
}

fn owners(name: &str) -> Option<&'static str> {
    rows().find(|(known, _)| *known == name).map(|(_, owners)| owners)
}
