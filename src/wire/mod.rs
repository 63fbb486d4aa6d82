//! Kafka's requests and responses behind small enums.
