//! `log dump` and `log verify` over recorded files of Apache Kafka 4.3.1, as they are and damaged, and over directories of
//! other brokers.
#![cfg(not(target_family = "wasm"))]

#[path = "../cases/mod.rs"]
mod cases;
mod damage;
mod dumps;
mod folders;
mod real;
#[path = "../oracle_log/source.rs"]
mod source;
mod verify;
