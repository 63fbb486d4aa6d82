//! The world at an instant as a plain frame: no DOM.

pub mod build;
pub mod frame;
mod packet;
pub mod protocol;
mod story;
