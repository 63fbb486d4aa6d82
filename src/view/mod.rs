//! The world at an instant as a plain frame: no DOM.

mod because;
pub mod build;
pub mod coordination;
pub mod frame;
mod keys;
pub mod lens;
pub mod log;
mod nodes;
pub mod picture;
pub mod protocol;
pub mod state;
mod story;
