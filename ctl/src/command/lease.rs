//! `lease grant|revoke|timetolive|list|keep-alive`.

use std::time::Duration;

use anyhow::bail;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::lease_client::LeaseClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{refusal, within};
use crate::arguments::Lease;
use crate::connect::Target;
use crate::output::Printer;

pub async fn run(
    target: &Target,
    command: Lease,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let mut client = LeaseClient::new(target.any().await?);
    match command {
        Lease::Grant { ttl } => {
            let request = pb::LeaseGrantRequest { ttl, id: 0 };
            printer.lease_granted(&within(timeout, client.lease_grant(request)).await?)
        }
        Lease::Revoke { lease_id } => {
            let request = pb::LeaseRevokeRequest { id: lease_id };
            printer.lease_revoked(lease_id, &within(timeout, client.lease_revoke(request)).await?)
        }
        Lease::Timetolive { lease_id, keys } => {
            let request = pb::LeaseTimeToLiveRequest { id: lease_id, keys };
            let response = within(timeout, client.lease_time_to_live(request)).await?;
            printer.lease_time_to_live(&response, keys)
        }
        Lease::List => {
            let request = pb::LeaseLeasesRequest {};
            printer.leases(&within(timeout, client.lease_leases(request)).await?)
        }
        Lease::KeepAlive { lease_id, once } => {
            keep_alive(client, lease_id, once, printer, timeout).await
        }
    }
}

/// Renews at a third of the TTL, as clientv3 does, until the lease is gone.
async fn keep_alive(
    mut client: LeaseClient<tonic::transport::Channel>,
    id: i64,
    once: bool,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    let (requests, stream) = mpsc::channel(1);
    requests.send(pb::LeaseKeepAliveRequest { id }).await?;
    let mut answers = within(timeout, client.lease_keep_alive(ReceiverStream::new(stream))).await?;
    loop {
        let answer = answers.message().await.map_err(|status| refusal(&status))?;
        let Some(answer) = answer else { bail!("the server ended the stream") };
        if answer.ttl <= 0 {
            println!("lease {id:016x} expired or revoked.");
            return Ok(());
        }
        printer.lease_kept(&answer)?;
        if once {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs_f64(answer.ttl as f64 / 3.0)).await;
        requests.send(pb::LeaseKeepAliveRequest { id }).await?;
    }
}
