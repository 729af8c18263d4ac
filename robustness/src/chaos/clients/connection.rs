//! A connection of a client to one member, over mutual TLS.

use std::time::Duration;

use store::remote::Tls;
use store_proto::etcdserverpb::cluster_client::ClusterClient;
use store_proto::etcdserverpb::kv_client::KvClient;
use store_proto::etcdserverpb::lease_client::LeaseClient;
use store_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use store_proto::etcdserverpb::watch_client::WatchClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Longer than a member in the network's reach takes on a busy machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer than a member takes to say that a request timed out.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(9);
/// A connection over which nothing comes is asked for a sign of life, and given up without one: so
/// a client of a member that was cut off moves on.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_MESSAGE_BYTES: usize = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("cannot connect to {url}")]
    Unreachable { url: String, source: tonic::transport::Error },
    #[error("{url} did not take the connection within {CONNECT_TIMEOUT:?}")]
    Silent { url: String },
}

#[derive(Clone, Debug)]
pub struct Connection {
    channel: Channel,
}

impl Connection {
    pub async fn open(url: &str, tls: &Tls) -> Result<Self, ConnectionError> {
        let failed = |source| ConnectionError::Unreachable { url: url.to_owned(), source };
        let mut config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(tls.authorities.as_bytes()));
        if let Some((certificate, key)) = &tls.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(failed)?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tls_config(config)
            .map_err(failed)?;
        // The endpoint's own limit covers the socket, not the handshakes over it.
        match tokio::time::timeout(CONNECT_TIMEOUT, endpoint.connect()).await {
            Ok(connected) => Ok(Self { channel: connected.map_err(failed)? }),
            Err(_) => Err(ConnectionError::Silent { url: url.to_owned() }),
        }
    }

    pub fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    pub fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }
}
