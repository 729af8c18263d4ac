//! Reaching an endpoint.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::cluster_client::ClusterClient;
use store_proto::etcdserverpb::kv_client::KvClient;
use store_proto::etcdserverpb::lease_client::LeaseClient;
use store_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use store_proto::etcdserverpb::watch_client::WatchClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// etcd answers within its request timeout of 7 s or says that it timed out; this is for the
/// endpoint that says nothing.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing moves is asked for a sign of life this often, and given up when
/// there is none. etcd refuses clients that ask more often than every 5 s.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// What one stream may have unread. A watch that nobody reads holds this much of the connection.
const STREAM_WINDOW: u32 = 256 * 1024;
/// What all streams together may have unread: room for 4096 watches that nobody reads, so that
/// they never stop the requests beside them.
const CONNECTION_WINDOW: u32 = 1 << 30;

/// How an endpoint proves itself, and how this client does.
#[derive(Clone)]
pub struct Tls {
    /// PEM certificates of the authorities that are trusted.
    pub authorities: String,
    /// PEM certificate chain and private key to show, where the endpoint asks for one.
    pub identity: Option<(String, String)>,
}

impl fmt::Debug for Tls {
    /// The key is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("authorities", &self.authorities).finish_non_exhaustive()
    }
}

/// Settings of [`Remote::connect`].
#[derive(Clone, Debug)]
pub struct Options {
    /// URLs, `https://host:2379` or `http://…`, of members of one cluster. The first that answers
    /// is used.
    pub endpoints: Vec<String>,
    /// Needed for `https`.
    pub tls: Option<Tls>,
    /// Limit on each attempt to connect.
    pub connect_timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no endpoint is named")]
    NoEndpoint,
    #[error("{endpoint:?} is no endpoint")]
    Malformed { endpoint: String, source: tonic::transport::Error },
    #[error("unusable certificates for {endpoint}")]
    Certificates { endpoint: String, source: tonic::transport::Error },
    #[error("cannot connect to {endpoint}")]
    Unreachable { endpoint: String, source: tonic::transport::Error },
    #[error("{endpoint} does not answer as a store: {message}")]
    Refused { endpoint: String, message: String },
}

/// A connected store. Cheap to share behind an [`Arc`]; dropping the last handle disconnects, but
/// for the watches, each of which lives as long as its receiver.
#[derive(Debug)]
pub struct Remote {
    channel: Channel,
    /// The greatest revision that any answer told.
    revision: Arc<AtomicI64>,
}

/// Largest answer that is read: ranges of a whole store are long.
const MAX_MESSAGE_BYTES: usize = i32::MAX as usize;

impl Remote {
    /// Connects to the first endpoint that answers, and learns its revision.
    pub async fn connect(options: &Options) -> Result<Arc<Self>, ConnectError> {
        let mut last = ConnectError::NoEndpoint;
        for endpoint in &options.endpoints {
            match Self::connect_one(endpoint, options).await {
                Ok(remote) => return Ok(Arc::new(remote)),
                Err(error) => {
                    tracing::debug!(%error, "endpoint passed over");
                    last = error;
                }
            }
        }
        Err(last)
    }

    async fn connect_one(url: &str, options: &Options) -> Result<Self, ConnectError> {
        let endpoint = || url.to_owned();
        let mut builder = Endpoint::from_shared(endpoint())
            .map_err(|source| ConnectError::Malformed { endpoint: endpoint(), source })?
            .connect_timeout(options.connect_timeout)
            .timeout(REQUEST_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        if let Some(tls) = &options.tls {
            let mut config = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(tls.authorities.as_bytes()));
            if let Some((certificate, key)) = &tls.identity {
                config = config.identity(Identity::from_pem(certificate, key));
            }
            builder = builder
                .tls_config(config)
                .map_err(|source| ConnectError::Certificates { endpoint: endpoint(), source })?;
        }
        let channel = builder
            .connect()
            .await
            .map_err(|source| ConnectError::Unreachable { endpoint: endpoint(), source })?;
        let remote = Self { channel, revision: Arc::default() };
        let status = remote.maintenance().status(pb::StatusRequest {}).await.map_err(|status| {
            ConnectError::Refused { endpoint: endpoint(), message: status.message().to_owned() }
        })?;
        remote.saw(status.into_inner().header.map_or(0, |header| header.revision));
        Ok(remote)
    }

    /// The connection itself.
    #[cfg(test)]
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn watches(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(super) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }

    /// The greatest revision seen, for those that see more.
    pub(super) fn seen(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.revision)
    }

    pub(super) fn saw(&self, revision: i64) {
        self.revision.fetch_max(revision, Ordering::Relaxed);
    }

    pub(super) fn latest_seen(&self) -> i64 {
        self.revision.load(Ordering::Relaxed)
    }
}
