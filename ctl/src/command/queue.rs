//! The queue of keys beneath locks and elections: who created the oldest key of a prefix is first.
//!
//! The same keys as clientv3's `concurrency` package, so that locks and elections are shared with
//! programs in Go: `<name>/<lease in hex>`, attached to the lease, ordered by creation.

use std::time::Duration;

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use store_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use store_proto::etcdserverpb::{request_op, response_op};
use store_proto::mvccpb;
use store_proto::mvccpb::event::EventType;

use super::request::prefix_end;
use super::watcher::{Watcher, Wish};
use super::{refusal, within};
use crate::connect::Session;

/// A place in a queue.
pub struct Place {
    session: Session,
    patience: Duration,
    prefix: Bytes,
    pub key: Bytes,
    /// The revision that created the key.
    pub revision: i64,
    /// Of the answer that made it so.
    pub header: pb::ResponseHeader,
}

/// What a name's keys begin with.
pub fn prefix_of(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

impl Place {
    /// Goes to the end of the queue, or to the place that the lease already has in it, with
    /// `value` as what the key says.
    pub async fn take(
        session: Session,
        prefix: Bytes,
        lease: i64,
        value: Bytes,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let key: Bytes = [&prefix[..], format!("{lease:x}").as_bytes()].concat().into();
        let put =
            pb::PutRequest { key: key.clone(), value: value.clone(), lease, ..Default::default() };
        let get = pb::RangeRequest { key: key.clone(), ..Default::default() };
        let txn = pb::TxnRequest {
            compare: vec![created_at(&key, 0)],
            success: vec![op(request_op::Request::RequestPut(put.clone()))],
            failure: vec![op(request_op::Request::RequestRange(get))],
        };
        let answer = within(patience, session.kv().txn(txn)).await?;
        let header = answer.header.unwrap_or_default();
        let present = answer.responses.first().and_then(pair_of);
        let revision = match (answer.succeeded, &present) {
            (false, Some(kv)) => kv.create_revision,
            _ => header.revision,
        };
        let place = Self { session, patience, prefix, key, revision, header };
        if present.is_some_and(|kv| kv.value != value) {
            place.say(put).await?;
        }
        Ok(place)
    }

    /// Changes what the key says, while it is the same key.
    async fn say(&self, put: pb::PutRequest) -> anyhow::Result<()> {
        let txn = pb::TxnRequest {
            compare: vec![created_at(&self.key, self.revision)],
            success: vec![op(request_op::Request::RequestPut(put))],
            failure: Vec::new(),
        };
        let answer = within(self.patience, self.session.kv().txn(txn)).await?;
        anyhow::ensure!(answer.succeeded, "election: not leader");
        Ok(())
    }

    /// Returns when no older key is left, and says whether that had to be waited for. Of those before it only the youngest is watched, so that
    /// a key that goes wakes one waiter and not all.
    pub async fn wait_first(&self) -> anyhow::Result<bool> {
        let mut waited = false;
        loop {
            let request = pb::RangeRequest {
                key: self.prefix.clone(),
                range_end: prefix_end(&self.prefix),
                limit: 1,
                sort_order: SortOrder::Descend.into(),
                sort_target: SortTarget::Create.into(),
                max_create_revision: self.revision - 1,
                ..Default::default()
            };
            let answer = within(self.patience, self.session.kv().range(request)).await?;
            let Some(before) = answer.kvs.first() else { return Ok(waited) };
            waited = true;
            let revision = answer.header.unwrap_or_default().revision;
            self.wait_gone(before.key.clone(), revision).await?;
        }
    }

    async fn wait_gone(&self, key: Bytes, revision: i64) -> anyhow::Result<()> {
        let wish = Wish::new((key, Bytes::new()), revision);
        let opened = Watcher::open(self.session.clone(), wish).await;
        let mut watcher = opened.map_err(|status| refusal(&status))?;
        loop {
            let answer = watcher.next().await?;
            if answer.events.iter().any(|event| event.r#type() == EventType::Delete) {
                return Ok(());
            }
            anyhow::ensure!(!answer.canceled, "lost watcher waiting for delete");
        }
    }

    /// The key as it is now; empty when the lease took it away.
    pub async fn read(&self) -> anyhow::Result<pb::RangeResponse> {
        let request = pb::RangeRequest { key: self.key.clone(), ..Default::default() };
        within(self.patience, self.session.kv().range(request)).await
    }

    /// Leaves the queue.
    pub async fn leave(&self) -> anyhow::Result<()> {
        let delete = pb::DeleteRangeRequest { key: self.key.clone(), ..Default::default() };
        let txn = pb::TxnRequest {
            compare: vec![created_at(&self.key, self.revision)],
            success: vec![op(request_op::Request::RequestDeleteRange(delete))],
            failure: Vec::new(),
        };
        within(self.patience, self.session.kv().txn(txn)).await.map(|_| ())
    }
}

fn op(request: request_op::Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn created_at(key: &Bytes, revision: i64) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key: key.clone(),
        range_end: Bytes::new(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
    }
}

fn pair_of(response: &pb::ResponseOp) -> Option<mvccpb::KeyValue> {
    match &response.response {
        Some(response_op::Response::ResponseRange(range)) => range.kvs.first().cloned(),
        _ => None,
    }
}
