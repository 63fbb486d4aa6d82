//! The world at an instant as a plain frame: no DOM.

mod because;
pub mod build;
pub mod frame;
pub mod lens;
pub mod log;
mod packet;
pub mod picture;
pub mod protocol;
mod story;
