//! `lease grant|revoke|timetolive|list|keep-alive`.

use store_proto::etcdserverpb as pb;
use tokio::time::sleep;

use super::keep_alive::{KeepAlive, interval};
use super::{Context, within};
use crate::arguments::lease::Lease;
use crate::connect::Session;
use crate::failure::{Failure, Kind, kinded};
use crate::output::{Answer, line};

pub async fn run(run: &Context, command: Lease) -> anyhow::Result<()> {
    let session = run.session().await?;
    let mut client = session.lease();
    match command {
        Lease::Grant { ttl } => {
            let request = pb::LeaseGrantRequest { ttl, id: 0 };
            let granted = within(run.timeout, client.lease_grant(request)).await;
            let granted =
                granted.map_err(|error| anyhow::anyhow!("failed to grant lease ({error:#})"))?;
            run.printer.print(&Answer::Granted(&granted))
        }
        Lease::Revoke { lease_id: id } => {
            let request = pb::LeaseRevokeRequest { id };
            let revoked = within(run.timeout, client.lease_revoke(request)).await;
            let revoked =
                revoked.map_err(|error| anyhow::anyhow!("failed to revoke lease ({error:#})"))?;
            run.printer.print(&Answer::Revoked { id, header: &revoked.header })
        }
        Lease::Timetolive { lease_id: id, keys } => {
            let request = pb::LeaseTimeToLiveRequest { id, keys };
            let response = within(run.timeout, client.lease_time_to_live(request)).await;
            let response = response.map_err(kinded(Kind::Connection))?;
            run.printer.print(&Answer::TimeToLive { response: &response, keys })
        }
        Lease::List => {
            let response =
                within(run.timeout, client.lease_leases(pb::LeaseLeasesRequest {})).await;
            run.printer.print(&Answer::Leases(&response.map_err(kinded(Kind::Connection))?))
        }
        Lease::KeepAlive { lease_id, once } => keep_alive(run, session, lease_id, once).await,
    }
}

/// Renews at a third of the TTL, until the lease is gone.
async fn keep_alive(run: &Context, session: Session, id: i64, once: bool) -> anyhow::Result<()> {
    let mut keeper = KeepAlive::new(session, id);
    loop {
        let answer = keeper.renew().await.map_err(kinded(Kind::Connection))?;
        if answer.ttl <= 0 && once {
            let reason = "etcdserver: requested lease not found";
            return Err(Failure::new(Kind::Connection, reason).into());
        }
        if answer.ttl <= 0 {
            if run.printer.is_simple() {
                line(format_args!("lease {id:016x} expired or revoked."))?;
            }
            return Ok(());
        }
        run.printer.print(&Answer::KeptAlive(&answer))?;
        if once {
            return Ok(());
        }
        sleep(interval(answer.ttl)).await;
    }
}
