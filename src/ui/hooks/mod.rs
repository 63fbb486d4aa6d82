//! What components share beside what they draw.

pub mod use_engine;
pub mod use_focus;
pub mod use_keys;
pub mod use_playback;
pub mod use_size;
pub mod use_theme;
