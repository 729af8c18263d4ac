//! What a case on the wire is, and what it speaks through.

use std::pin::Pin;

use store_proto::etcdserverpb::auth_client::AuthClient;
use store_proto::etcdserverpb::cluster_client::ClusterClient;
use store_proto::etcdserverpb::kv_client::KvClient;
use store_proto::etcdserverpb::lease_client::LeaseClient;
use store_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use store_proto::etcdserverpb::watch_client::WatchClient;
use store_proto::health::health_client::HealthClient;
use store_proto::v3electionpb::election_client::ElectionClient;
use store_proto::v3lockpb::lock_client::LockClient;
use tonic::transport::Channel;

/// A connection to a store that nobody else uses.
#[derive(Clone)]
pub(crate) struct Wire(pub Channel);

macro_rules! clients {
    ($($name:ident: $client:ident),* $(,)?) => {
        impl Wire {
            $(pub(super) fn $name(&self) -> $client<Channel> {
                $client::new(self.0.clone())
            })*
        }
    };
}

clients! {
    kv: KvClient,
    watch: WatchClient,
    lease: LeaseClient,
    cluster: ClusterClient,
    maintenance: MaintenanceClient,
    auth: AuthClient,
    health: HealthClient,
    lock: LockClient,
    election: ElectionClient,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named case.
pub(crate) struct WireCase {
    pub name: &'static str,
    pub(super) run: fn(Wire) -> Running,
}

impl WireCase {
    /// Runs the case. Where the store differs, the panic's message tells how.
    pub async fn holds_for(&self, channel: Channel) -> bool {
        tokio::spawn((self.run)(Wire(channel))).await.is_ok()
    }
}
