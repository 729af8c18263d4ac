//! Connections to endpoints, over mutual TLS unless the endpoint says `http://`.

use anyhow::Context;
use store_proto::etcdserverpb as pb;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::arguments::Global;
use crate::{Host, Usage, discover};

/// Largest answer that is read: ranges of a whole store are long.
const MAX_MESSAGE_BYTES: usize = i32::MAX as usize;

/// Where to connect, and how to prove who asks.
pub struct Target {
    pub endpoints: Vec<String>,
    tls: Option<ClientTlsConfig>,
    dial_timeout: std::time::Duration,
}

impl Target {
    /// Decides from flags, environment and the running cluster.
    pub fn resolve(global: &Global, host: &Host<'_>) -> anyhow::Result<Self> {
        let named_tls = global.cacert.is_some() || global.cert.is_some();
        let found = if global.endpoints.is_empty() || !named_tls {
            discover::find(global.cluster_dir.as_deref(), host)?
        } else {
            None
        };
        let endpoints = match (&found, global.endpoints.is_empty()) {
            (_, false) => global.endpoints.clone(),
            (Some(found), true) => vec![found.endpoint.clone()],
            (None, true) => vec!["127.0.0.1:2379".to_owned()],
        };
        let tls = match (named_tls, found) {
            (true, _) => {
                let mut tls = ClientTlsConfig::new();
                if let Some(path) = &global.cacert {
                    tls = tls.ca_certificate(Certificate::from_pem(read(path)?));
                }
                if let (Some(cert), Some(key)) = (&global.cert, &global.key) {
                    tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
                }
                Some(tls)
            }
            (false, Some(found)) => {
                let file = |name: &str| read(&found.pki.join("etcd").join(name));
                let identity = Identity::from_pem(
                    file("healthcheck-client.crt")?,
                    file("healthcheck-client.key")?,
                );
                let authority = Certificate::from_pem(file("ca.crt")?);
                Some(ClientTlsConfig::new().ca_certificate(authority).identity(identity))
            }
            (false, None) => None,
        };
        Ok(Self { endpoints, tls, dial_timeout: global.dial_timeout })
    }

    /// Connects to one endpoint.
    pub async fn connect(&self, endpoint: &str) -> anyhow::Result<Channel> {
        let uri = match (endpoint.contains("://"), &self.tls) {
            (true, _) => endpoint.to_owned(),
            (false, Some(_)) => format!("https://{endpoint}"),
            (false, None) => format!("http://{endpoint}"),
        };
        let mut builder = Endpoint::from_shared(uri.clone())
            .map_err(|error| Usage(format!("{endpoint:?} is no endpoint: {error}")))?
            .connect_timeout(self.dial_timeout)
            .tcp_nodelay(true);
        if uri.starts_with("https://") {
            let tls = self.tls.clone().ok_or_else(|| {
                Usage(format!("{endpoint} wants TLS: name --cacert, --cert and --key"))
            })?;
            builder = builder.tls_config(tls).context("unusable certificates")?;
        }
        builder.connect().await.with_context(|| {
            format!(
                "cannot connect to {endpoint}; is the store running there, and do the \
                 certificates belong to it?"
            )
        })
    }

    /// Connects to the first endpoint that answers.
    pub async fn any(&self) -> anyhow::Result<Channel> {
        let mut last = None;
        for endpoint in &self.endpoints {
            match self.connect(endpoint).await {
                Ok(channel) => return Ok(channel),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Usage("no endpoint is named".to_owned()).into()))
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

pub fn kv(channel: Channel) -> pb::kv_client::KvClient<Channel> {
    pb::kv_client::KvClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES)
}

pub fn watch(channel: Channel) -> pb::watch_client::WatchClient<Channel> {
    pb::watch_client::WatchClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES)
}
