//! What must be the same natively, in Node and in Chromium.

pub mod kernel;
