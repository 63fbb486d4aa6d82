//! loglab: Kafka's log, cluster and clients as one deterministic simulation.
//!
//! The modules form a ladder: each may use those above it in this list, never those below.
//!
//! | module | what lives there |
//! |---|---|
//! | [`sim`] | the deterministic kernel: virtual time, randomness, event queue, links, disks, clocks, faults, processes |
//! | [`settings`] | Kafka's settings: names, defaults, bounds, what each does |
//! | [`log`] | one replica's log on a simulated disk |
//! | [`wire`] | Kafka's requests and responses behind small enums |
//! | [`note`] | what processes tell observers |
//! | [`broker`] | replica manager, follower fetchers, ISR, request handlers |
//! | [`controller`] | cluster metadata, registration, fencing, leader election |
//! | [`client`] | producer, consumer, partitioner |
//! | [`service`] | programs that live on the log |
//! | [`lab`] | scenarios, the world that composes processes, commands, timeline, checkers |
//! | [`view`] | the world at an instant as a plain `Frame` |
//! | `ui` | the page (only in the browser) |
// Its own tests run natively: `wasm-pack test` would build them, for a minute, and run none. `tests/wasm_*.rs` are wasm's.
#![cfg(not(all(test, target_family = "wasm")))]

pub mod broker;
pub mod client;
pub mod controller;
pub mod lab;
pub mod log;
pub mod note;
pub mod service;
pub mod settings;
pub mod sim;
#[cfg(target_family = "wasm")]
pub mod ui;
pub mod view;
pub mod wire;
