//! The last act: all members are whole, agree, and show everything; watchers have seen it all.

use std::time::Duration;

use tokio::time::Instant;

use super::clients::{Connection, Fleet, Shared, perform};
use super::cluster::{Cluster, ClusterError};
use super::report::Agreement;
use crate::history::{Body, Outcome, Range, Request, Response};

/// Members of a whole cluster agree within this, and watchers catch up.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Compares the members at the latest revision, has clients read everything at each of them, and
/// waits for the watchers.
pub async fn end(
    cluster: &Cluster,
    shared: &Shared,
    fleet: &Fleet,
) -> Result<Agreement, ClusterError> {
    let deadline = Instant::now() + PATIENCE;
    let (revision, hash) = loop {
        // Leases may still run out, so the revision may move; what counts is one that all can show.
        match agree(cluster).await {
            Ok(agreed) => break agreed,
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    };
    let mut keys = 0;
    for slot in cluster.slots() {
        for (revision, serializable) in [(revision, true), (0, false)] {
            keys = read_all(cluster, shared, slot, revision, serializable).await?;
        }
    }
    while fleet.reached() < revision {
        if Instant::now() >= deadline + PATIENCE {
            let reached = fleet.reached();
            let reason = format!("a watcher is at revision {reached} of {revision}");
            return Err(ClusterError::NotRecovered { seconds: PATIENCE.as_secs(), reason });
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(Agreement { revision, hash, keys })
}

/// The hash at the latest revision, if all members have the same.
async fn agree(cluster: &Cluster) -> Result<(i64, u32), ClusterError> {
    let revision = cluster.admin(0).await?.linearizable_read().await?;
    let first = cluster.admin(0).await?.hash(revision).await?;
    for slot in cluster.slots() {
        let admin = cluster.admin(slot).await?;
        // It has applied what there is once it has answered this.
        admin.linearizable_read().await?;
        let hash = admin.hash(revision).await?;
        if hash != first {
            let what = format!("has hash {hash:?} at revision {revision} where m0 has {first:?}");
            return Err(cluster.members[slot].misbehaved(what));
        }
    }
    Ok((revision, first.0))
}

/// Reads everything at one member, recorded. Returns how many keys there are.
async fn read_all(
    cluster: &Cluster,
    shared: &Shared,
    slot: usize,
    revision: i64,
    serializable: bool,
) -> Result<usize, ClusterError> {
    let member = &cluster.members[slot];
    let unanswered = |what: String| member.misbehaved(format!("did not show everything: {what}"));
    let connection = Connection::open(&member.client_url(), &cluster.pki.client()).await;
    let connection = connection.map_err(|error| unanswered(error.to_string()))?;
    let end = Some("\0".to_owned());
    let request = Request::Range(Range { key: "\0".into(), end, revision, limit: 0, serializable });
    let op = shared.recorder.invoke(shared.new_client(), Shared::place(slot), request.clone());
    let outcome = perform(&connection, &request).await;
    shared.recorder.returned(op, outcome.clone());
    match outcome {
        Outcome::Done(Response { body: Body::Range { kvs, .. }, .. }) => Ok(kvs.len()),
        other => Err(unanswered(format!("{other:?}"))),
    }
}
