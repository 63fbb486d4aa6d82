//! The deterministic kernel. Knows nothing of logs.

pub mod disk;
pub mod kernel;
pub mod network;
pub mod process;
pub mod random;
