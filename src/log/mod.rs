//! One replica's log on a simulated disk.
