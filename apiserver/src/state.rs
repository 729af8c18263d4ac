//! What every request can reach.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::chain::Authorizer;
use crate::discovery::Documents as Discovery;
use crate::logs::KubeletClient;
use crate::metrics::Metrics;
use crate::openapi::Documents as OpenApi;
use crate::registry::Registry;

pub struct State {
    pub registry: Arc<Registry>,
    pub authorizer: Arc<dyn Authorizer>,
    pub metrics: Metrics,
    pub discovery: Discovery,
    pub openapi: OpenApi,
    pub kubelets: KubeletClient,
    /// Cancelled when the server stops: watches and followed logs end.
    pub stopping: CancellationToken,
}
