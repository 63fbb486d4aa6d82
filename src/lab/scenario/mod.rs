//! Scenario files: TOML, read by people.
