//! Forgetting history, in upstream's way.
//!
//! All apiservers of a cluster share one key whose version counts the rounds. Who manages to write
//! the next round compacts to the revision that the round before left there; the others only learn
//! where things stand. So history reaches back between one and two intervals.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use store::{
    Compare, CompareResult, CompareTarget, KeyRange, PutRequest, RangeRequest, RequestOp,
    ResponseOp, Store, Txn,
};
use tokio_util::sync::CancellationToken;

const KEY: &[u8] = b"compact_rev_key";

/// Time between rounds, as upstream.
const INTERVAL: Duration = Duration::from_secs(5 * 60);

/// What this server knows of the shared key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Round {
    /// Version of the shared key.
    version: i64,
    /// Revision to compact to when the next round is won.
    revision: i64,
}

pub async fn run(store: Arc<dyn Store>, cancel: CancellationToken) {
    let mut round = Round::default();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        match step(&*store, round).await {
            Ok(next) => round = next,
            Err(error) => tracing::warn!(%error, "the store's history was not compacted"),
        }
    }
}

async fn step(store: &dyn Store, round: Round) -> Result<Round, store::Error> {
    let key = Bytes::from_static(KEY);
    let read = RangeRequest { range: KeyRange::single(key.clone()), ..RangeRequest::default() };
    let put = PutRequest {
        key: key.clone(),
        value: round.revision.to_string().into(),
        ..PutRequest::default()
    };
    let txn = Txn {
        compare: vec![Compare {
            range: KeyRange::single(key),
            result: CompareResult::Equal,
            target: CompareTarget::Version(round.version),
        }],
        success: vec![RequestOp::Put(put)],
        failure: vec![RequestOp::Range(read)],
    };
    let answer = store.txn(txn).await?;
    let revision = answer.header.revision;
    if answer.succeeded {
        if round.revision > 0 {
            match store.compact(round.revision).await {
                Ok(_) | Err(store::Error::Compacted { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        return Ok(Round { version: round.version + 1, revision });
    }
    let version = answer
        .responses
        .into_iter()
        .find_map(|response| match response {
            ResponseOp::Range(range) => range.kvs.first().map(|kv| kv.version),
            ResponseOp::Put(_) | ResponseOp::DeleteRange(_) | ResponseOp::Txn(_) => None,
        })
        .unwrap_or(0);
    Ok(Round { version, revision })
}
