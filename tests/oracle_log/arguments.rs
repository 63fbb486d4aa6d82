//! What a program over recordings is told: `[--verbose] [PREFIX...]`.

/// The arguments.
pub struct Arguments {
    /// Every difference is shown.
    pub verbose: bool,
    /// With what the names of the cases begin that are run; all are if there is none.
    prefixes: Vec<String>,
}

impl Arguments {
    pub fn read() -> Self {
        let all: Vec<String> = std::env::args().skip(1).collect();
        let (options, prefixes): (Vec<_>, Vec<_>) = all.into_iter().partition(|argument| argument.starts_with('-'));
        let verbose = options.iter().any(|option| option == "--verbose" || option == "-v");
        Self { verbose, prefixes }
    }

    pub fn wants(&self, path: &str) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }
}
