//! Plain data that the page draws.
