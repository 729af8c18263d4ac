//! `elect`: takes part in an election until interrupted, or prints who is elected.

use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use store_proto::mvccpb;
use store_proto::mvccpb::event::EventType;

use super::keep_alive::Held;
use super::queue::{Place, prefix_of};
use super::request::prefix_end;
use super::watcher::{Watcher, Wish};
use super::{Context, refusal, within};
use crate::arguments::concurrency::Elect;
use crate::connect::Session;
use crate::{Usage, signals};

/// Seconds that a leader who died stays one: the default of clientv3's sessions.
const TTL: i64 = 60;

pub async fn run(run: &Context, arguments: Elect) -> anyhow::Result<()> {
    let prefix = prefix_of(arguments.election.as_bytes());
    match (arguments.proposal, arguments.listen) {
        (None, false) => Err(Usage("no proposal argument but -l not set".to_owned()).into()),
        (Some(_), true) => Err(Usage("proposal given but -l is set".to_owned()).into()),
        (Some(proposal), false) => {
            campaign(run, prefix, Bytes::copy_from_slice(proposal.as_bytes())).await
        }
        (None, true) => tokio::select! {
            outcome = observe(run, prefix) => outcome,
            () = signals::ended() => Ok(()),
        },
    }
}

async fn campaign(run: &Context, prefix: Bytes, proposal: Bytes) -> anyhow::Result<()> {
    let session = run.session().await?;
    let lease = Held::grant(session.clone(), TTL, run.timeout).await?;
    let place = Place::take(session, prefix, lease.id, proposal, run.timeout).await?;
    let lead = async {
        tokio::select! {
            waited = place.wait_first() => waited?,
            () = signals::ended() => {
                anyhow::bail!("context canceled: interrupted before the election was won")
            }
        };
        run.printer.get(&place.read().await?)?;
        signals::ended().await;
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = lead => outcome,
        () = lease.lost() => Err(anyhow::anyhow!("elect: session expired")),
    };
    let left = place.leave().await;
    lease.let_go(run.timeout).await;
    outcome.and(left)
}

/// Prints each leader and what it says, as it changes.
async fn observe(run: &Context, prefix: Bytes) -> anyhow::Result<()> {
    let session = run.session().await?;
    loop {
        let (header, leader) = leader(run, &session, &prefix).await?;
        let mut revision = header.revision;
        let key = leader.key.clone();
        show(run, Some(header), leader)?;
        let wish = Wish::new((key, Bytes::new()), revision + 1);
        let mut watcher = open(&session, wish).await?;
        'leads: loop {
            let answer = watcher.next().await?;
            anyhow::ensure!(!answer.canceled, "elect: observer lost");
            for event in answer.events {
                if event.r#type() == EventType::Delete {
                    break 'leads;
                }
                let kv = event.kv.unwrap_or_default();
                revision = revision.max(kv.mod_revision);
                show(run, answer.header, kv)?;
            }
        }
    }
}

async fn open(session: &Session, wish: Wish) -> anyhow::Result<Watcher> {
    Watcher::open(session.clone(), wish).await.map_err(|status| refusal(&status))
}

/// The oldest key of the election, waited for when there is none.
async fn leader(
    run: &Context,
    session: &Session,
    prefix: &Bytes,
) -> anyhow::Result<(pb::ResponseHeader, mvccpb::KeyValue)> {
    let request = pb::RangeRequest {
        key: prefix.clone(),
        range_end: prefix_end(prefix),
        limit: 1,
        sort_order: SortOrder::Ascend.into(),
        sort_target: SortTarget::Create.into(),
        ..Default::default()
    };
    let mut answer = within(run.timeout, session.kv().range(request)).await?;
    let header = answer.header.unwrap_or_default();
    if let Some(kv) = answer.kvs.pop() {
        return Ok((header, kv));
    }
    let wish = Wish::new((prefix.clone(), prefix_end(prefix)), header.revision);
    let mut watcher = open(session, wish).await?;
    loop {
        let answer = watcher.next().await?;
        anyhow::ensure!(!answer.canceled, "elect: observer lost");
        let put = answer.events.into_iter().find(|event| event.r#type() == EventType::Put);
        if let Some(kv) = put.and_then(|event| event.kv) {
            let revision = kv.mod_revision;
            return Ok((pb::ResponseHeader { revision, ..answer.header.unwrap_or_default() }, kv));
        }
    }
}

fn show(
    run: &Context,
    header: Option<pb::ResponseHeader>,
    kv: mvccpb::KeyValue,
) -> anyhow::Result<()> {
    run.printer.get(&pb::RangeResponse { header, kvs: vec![kv], more: false, count: 0 })
}
