//! Cluster metadata, registration, fencing, leader election.
