//! All certificates and their authority are replaced while everything runs.
//!
//! At each step it is waited until every member, at both its ports, has taken up what its files
//! say.

use std::time::Duration;

use store::remote::Tls;
use store_proto::etcdserverpb as pb;
use tokio::time::Instant;
use tonic::Code;

use super::World;
use crate::chaos::clients::Connection;
use crate::chaos::cluster::{Cluster, ClusterError, PEER_PORT};
use crate::chaos::network::Network;

/// Members look at their files at least this often, with time to spare.
const UPTAKE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

pub async fn strike(world: &mut World) -> Result<String, ClusterError> {
    let cluster = &world.cluster;
    let newcomer = cluster.pki.trust_next()?;
    everyone(cluster, &newcomer, true, "does not trust the next authority").await?;
    let strict = cluster.pki.issue_anew(cluster.len())?;
    everyone(cluster, &strict, true, "does not show its new certificate").await?;
    let former = cluster.pki.forget_former()?;
    everyone(cluster, &former, false, "trusts the former authority still").await?;
    Ok("all certificates and their authority replaced".to_owned())
}

/// Waits until all ports take, or refuse, who comes with `tls`.
async fn everyone(
    cluster: &Cluster,
    tls: &Tls,
    taken: bool,
    complaint: &str,
) -> Result<(), ClusterError> {
    let deadline = Instant::now() + UPTAKE;
    for member in &cluster.members {
        let peer = format!("https://{}:{PEER_PORT}", Network::address(member.node()));
        for url in [member.client_url(), peer] {
            while takes(&url, tls).await != taken {
                if Instant::now() >= deadline {
                    return Err(member.misbehaved(format!("{complaint} at {url}")));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }
    Ok(())
}

/// Whether the handshake succeeds. The port of members knows no such question, which is an answer.
async fn takes(url: &str, tls: &Tls) -> bool {
    let Ok(connection) = Connection::open(url, tls).await else { return false };
    match connection.maintenance().status(pb::StatusRequest {}).await {
        Ok(_) => true,
        Err(status) => match status.code() {
            Code::Unimplemented => true,
            _ => status.message().starts_with("etcdserver:"),
        },
    }
}
