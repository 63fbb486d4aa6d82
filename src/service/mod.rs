//! Programs that live on the log.
