//! The stage as drawing: a pure function of the frame, the size and the selection.

mod groups;
pub mod layout;
pub mod log;
pub mod log_layout;
pub mod paint;
pub mod palette;
pub mod stage;
