//! The registry's only way to the store: one object read, one object committed.

use std::sync::Arc;

use api::Status;
use bytes::Bytes;
use store::{
    Compare, CompareResult, CompareTarget, DeleteRangeRequest, KeyRange, KeyValue, PutRequest,
    RangeRequest, RequestOp, ResponseOp, Store, Txn,
};

/// A key that is never in the registry: ranging over it asks for nothing but the revision.
const REVISION_PROBE: &[u8] = b"compact_rev_key";

/// What a commit does with the object's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Put { value: Bytes, lease: i64 },
    Delete,
}

/// One object's change, atomically with the claims it makes and gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub key: Bytes,
    /// The mod_revision that the decision was made on; 0 for "does not exist".
    pub expected: i64,
    pub action: Action,
    /// Keys that must be free and become the object's (an address, a port), with their values.
    pub claims: Vec<(Bytes, Bytes)>,
    /// Claims that end with this change.
    pub releases: Vec<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Done, at this revision.
    At(i64),
    /// The object is not as expected; here is what it is now.
    Moved(Option<KeyValue>),
    /// The object is as expected, but these claims are taken.
    Taken(Vec<Bytes>),
}

#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn Store>,
}

impl Storage {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// One key, as of now (linearizable).
    pub async fn get(&self, key: &Bytes) -> Result<Option<KeyValue>, Status> {
        let request =
            RangeRequest { range: KeyRange::single(key.clone()), ..RangeRequest::default() };
        let answer = self.store.range(request).await.map_err(refused)?;
        Ok(answer.kvs.into_iter().next())
    }

    /// All keys of a range at one past revision, at most `limit` (0 for all), and whether there
    /// are more.
    pub async fn range_at(
        &self,
        range: KeyRange,
        revision: i64,
        limit: i64,
    ) -> Result<store::RangeResponse, store::Error> {
        self.store.range(RangeRequest { range, revision, limit, ..RangeRequest::default() }).await
    }

    /// The store's revision, with the guarantee that every write acknowledged before this call is
    /// at or before it.
    pub async fn revision(&self) -> Result<i64, Status> {
        let request = RangeRequest {
            range: KeyRange::single(REVISION_PROBE),
            count_only: true,
            ..RangeRequest::default()
        };
        Ok(self.store.range(request).await.map_err(refused)?.header.revision)
    }

    /// The latest revision that this process knows of, without asking anyone.
    pub fn known_revision(&self) -> i64 {
        self.store.current_revision()
    }

    pub async fn commit(&self, commit: Commit) -> Result<Committed, store::Error> {
        let claims: Vec<Bytes> = commit.claims.iter().map(|(key, _)| key.clone()).collect();
        let answer = self.store.txn(transaction(commit)).await?;
        if answer.succeeded {
            return Ok(Committed::At(answer.header.revision));
        }
        let mut found = answer.responses.into_iter().map(|response| match response {
            ResponseOp::Range(range) => range.kvs.into_iter().next(),
            ResponseOp::Put(_) | ResponseOp::DeleteRange(_) | ResponseOp::Txn(_) => None,
        });
        let current = found.next().flatten();
        let taken: Vec<Bytes> =
            claims.into_iter().zip(found).filter_map(|(key, holder)| holder.map(|_| key)).collect();
        // With every claim free, the object itself must have moved.
        Ok(if taken.is_empty() { Committed::Moved(current) } else { Committed::Taken(taken) })
    }
}

fn transaction(commit: Commit) -> Txn {
    let equals = |key: Bytes, target| Compare {
        range: KeyRange::single(key),
        result: CompareResult::Equal,
        target,
    };
    let read = |key: Bytes| {
        RequestOp::Range(RangeRequest { range: KeyRange::single(key), ..RangeRequest::default() })
    };
    let mut txn = Txn {
        compare: vec![equals(commit.key.clone(), CompareTarget::ModRevision(commit.expected))],
        success: Vec::new(),
        failure: vec![read(commit.key.clone())],
    };
    txn.success.push(match commit.action {
        Action::Put { value, lease } => {
            RequestOp::Put(PutRequest { key: commit.key, value, lease, ..PutRequest::default() })
        }
        Action::Delete => delete(commit.key),
    });
    for (key, value) in commit.claims {
        txn.compare.push(equals(key.clone(), CompareTarget::CreateRevision(0)));
        txn.failure.push(read(key.clone()));
        txn.success.push(RequestOp::Put(PutRequest { key, value, ..PutRequest::default() }));
    }
    txn.success.extend(commit.releases.into_iter().map(delete));
    txn
}

fn delete(key: Bytes) -> RequestOp {
    RequestOp::DeleteRange(DeleteRangeRequest {
        range: KeyRange::single(key),
        ..DeleteRangeRequest::default()
    })
}

/// A refusal of the store as clients of the API see it.
pub fn refused(error: store::Error) -> Status {
    use store::Error as E;
    match error {
        E::Compacted { .. } => {
            Status::expired("The resourceVersion for the provided list or watch is too old.")
        }
        E::FutureRevision { current_revision } => {
            Status::too_large_resource_version(0, current_revision)
        }
        E::RequestTooLarge => {
            Status::new(413, api::status::Reason::RequestEntityTooLarge, error.to_string())
        }
        E::NoLeader | E::LeaderChanged | E::TimedOut | E::TimedOutLeaderFailed => {
            Status::new(504, api::status::Reason::Timeout, format!("Timeout: {error}"))
                .retry_after(1)
        }
        E::NoSpace => Status::new(507, api::status::Reason::Unknown, error.to_string()),
        E::Stopped | E::TooManyRequests => Status::unavailable(error.to_string()).retry_after(1),
        E::EmptyKey
        | E::KeyNotFound
        | E::ValueProvided
        | E::LeaseProvided
        | E::DuplicateKey
        | E::TooManyOps
        | E::LeaseNotFound
        | E::LeaseExists
        | E::LeaseTtlTooLarge
        | E::Corrupt
        | E::Auth(_)
        | E::Membership(_)
        | E::Fatal { .. }
        | E::Remote { .. } => Status::internal(error.to_string()),
    }
}
