//! The world at an instant as a plain frame: no DOM.

pub mod frame;
pub mod protocol;
