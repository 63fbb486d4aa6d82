//! What stands on the page, one piece a file.

pub mod app;
pub mod batch;
pub mod coordination;
pub mod header;
pub mod help;
pub mod icon;
pub mod inspector;
pub mod legend;
pub mod live;
pub mod log;
pub mod log_tools;
pub mod menu;
pub mod notice;
pub mod panic;
mod prose;
pub mod rail;
pub mod scenarios;
pub mod segments;
pub mod stage;
pub mod timeline;
pub mod tip;
pub mod transport;
pub mod views;
