//! What a client is told of how to deal with the network.

use crate::client::ClientKind;
use crate::settings::Without;
use crate::sim::Time;
use crate::wire::Api;

/// How a client deals with the network, by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// `bootstrap.servers`: brokers 1 to this. One unless the program says otherwise.
    pub bootstrap: u32,
    /// `request.timeout.ms`
    pub request_timeout_us: Time,
    /// `retry.backoff.ms`
    pub retry_backoff_us: Time,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max_us: Time,
    /// `reconnect.backoff.ms`
    pub reconnect_backoff_us: Time,
    /// `reconnect.backoff.max.ms`
    pub reconnect_backoff_max_us: Time,
    /// `socket.connection.setup.timeout.ms`
    pub setup_timeout_us: Time,
    /// `socket.connection.setup.timeout.max.ms`
    pub setup_timeout_max_us: Time,
    /// `connections.max.idle.ms`
    pub connections_max_idle_us: Time,
    /// `metadata.max.age.ms`
    pub metadata_max_age_us: Time,
    /// `metadata.recovery.rebootstrap.trigger.ms`; `None` where `metadata.recovery.strategy` is `none`.
    pub rebootstrap_trigger_us: Option<Time>,
    /// `max.in.flight.requests.per.connection`
    pub max_in_flight: u32,
    /// How many bytes the send buffer of a connection holds (`send.buffer.bytes`).
    pub send_buffer_bytes: u64,
    /// What this client of an older Kafka does not have.
    pub without: Without,
    /// Whether a topic may be made because this client asks for it (`allow.auto.create.topics`).
    pub creates_topics: bool,
    /// Which library it is.
    pub client: ClientKind,
}

impl NetworkSettings {
    /// The version at which it asks.
    pub(in crate::client) fn version(&self, api: Api) -> i16 {
        self.client.version(api, self.without)
    }

    /// Whether its transactions are of version 2 (KIP-890).
    pub(in crate::client) fn bumps_epoch(&self) -> bool {
        self.client.bumps_epoch(self.without)
    }
}

/// What the settings of a client say of the network: they have the same names for each kind of client.
macro_rules! network_settings {
    ($config:ident, $max_in_flight:expr) => {
        $crate::client::NetworkSettings {
            bootstrap: 1,
            request_timeout_us: milliseconds($config.request_timeout_ms),
            retry_backoff_us: milliseconds($config.retry_backoff_ms),
            retry_backoff_max_us: milliseconds($config.retry_backoff_max_ms),
            reconnect_backoff_us: milliseconds($config.reconnect_backoff_ms),
            reconnect_backoff_max_us: milliseconds($config.reconnect_backoff_max_ms),
            setup_timeout_us: milliseconds($config.socket_connection_setup_timeout_ms),
            setup_timeout_max_us: milliseconds($config.socket_connection_setup_timeout_max_ms),
            connections_max_idle_us: milliseconds($config.connections_max_idle_ms),
            metadata_max_age_us: milliseconds($config.metadata_max_age_ms),
            rebootstrap_trigger_us: match $config.metadata_recovery_strategy {
                MetadataRecovery::Rebootstrap => Some(milliseconds($config.metadata_recovery_rebootstrap_trigger_ms)),
                MetadataRecovery::None => None,
            },
            max_in_flight: $max_in_flight,
            send_buffer_bytes: $crate::sim::send_buffer::send_buffer_bytes($config.send_buffer_bytes.bytes()),
            creates_topics: true,
            without: $crate::settings::Without::default(),
            client: $crate::client::ClientKind::default(),
        }
    };
}
pub(in crate::client) use network_settings;
