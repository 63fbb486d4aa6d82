//! The world at an instant as a plain frame: no DOM.

mod because;
pub mod build;
mod dissect;
pub mod frame;
pub mod log;
pub mod log_build;
mod packet;
pub mod protocol;
mod story;
