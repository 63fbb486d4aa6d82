//! Replica manager, follower fetchers, ISR, request handlers.
