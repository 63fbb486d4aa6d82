//! The cases that are known to differ. The list may only become shorter.

use std::fs;
use std::path::Path;

/// The paths in `tests/oracle/expected-failures.txt`; lines that begin with `#` are for people.
pub fn failures() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/expected-failures.txt");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}
