//! A shop on three brokers, to which tests let faults happen; nothing goes wrong by itself.

use std::sync::Arc;

use loglab::lab::scenario::{Scenario, parse};

/// The scenario: a topic `orders` and a producer `shop` with more lines of their own, and what stands behind them.
pub fn scenario(topic: &str, producer: &str, more: &str) -> Arc<Scenario> {
    let text = format!(
        r#"title = "t"
duration = "60s"
[cluster]
[[topic]]
name = "orders"
replication-factor = 3
{topic}
[[producer]]
name = "shop"
topic = "orders"
{producer}
[[consumer]]
name = "reader"
topics = ["orders"]
config = {{ "auto.offset.reset" = "earliest" }}
{more}"#
    );
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}")))
}
