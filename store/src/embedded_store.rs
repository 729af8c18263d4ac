//! The [`Store`] face of the embedded member.

use async_trait::async_trait;

use crate::command::Command;
use crate::embedded::Embedded;
use crate::error::Error;
use crate::face::{Store, Watcher};
use crate::lease::min_ttl;
use crate::mvcc::{check_delete, check_put, check_txn, is_read_only, read_only_txn, read_range};
use crate::reply::Reply;
use crate::types::*;

/// The etcd version whose behaviour is served. kube-apiserver asks for progress from 3.6 on.
pub const ETCD_VERSION: &str = "3.6.0";

/// Takes the one kind of reply that a command can have.
macro_rules! reply {
    ($reply:expr, $kind:path) => {
        match $reply {
            $kind(response) => Ok(response),
            other => unreachable!("a command was answered by {other:?}"),
        }
    };
}

impl Embedded {
    fn header(&self) -> Header {
        self.published.header(self.published.state.load().revision)
    }

    /// A lease id that no one else is likely to pick; positive, as etcd's are.
    fn choose_lease_id() -> i64 {
        (rand::random::<u64>() >> 1).max(1) as i64
    }
}

#[async_trait]
impl Store for Embedded {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        if request.serializable {
            self.check_running()?;
        } else {
            self.linearize().await?;
        }
        let state = self.published.state.load_full();
        read_range(&state, self.published.header(state.revision), &request)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, Error> {
        check_txn(&txn, self.config.max_txn_ops)?;
        if is_read_only(&txn) {
            self.linearize().await?;
            let state = self.published.state.load_full();
            return read_only_txn(&state, self.published.header(state.revision), &txn);
        }
        reply!(self.propose(Command::Txn(txn)).await?, Reply::Txn)
    }

    async fn put(&self, request: PutRequest) -> Result<PutResponse, Error> {
        check_put(&request)?;
        reply!(self.propose(Command::Put(request)).await?, Reply::Put)
    }

    async fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, Error> {
        check_delete(&request)?;
        reply!(self.propose(Command::DeleteRange(request)).await?, Reply::DeleteRange)
    }

    async fn compact(&self, revision: i64) -> Result<Header, Error> {
        reply!(self.propose(Command::Compact { revision }).await?, Reply::Header)
    }

    async fn watch(&self, request: WatchRequest) -> Result<Watcher, Error> {
        self.check_running()?;
        if request.range.key.is_empty() {
            return Err(Error::EmptyKey);
        }
        Ok(self.published.hub.watch(request))
    }

    async fn lease_grant(&self, id: i64, ttl: i64) -> Result<LeaseGranted, Error> {
        let id = if id == 0 { Self::choose_lease_id() } else { id };
        let cluster = &self.config.cluster;
        let ttl = ttl.max(min_ttl(cluster.heartbeat_interval, cluster.election_timeout));
        reply!(self.propose(Command::LeaseGrant { id, ttl }).await?, Reply::LeaseGranted)
    }

    async fn lease_revoke(&self, id: i64) -> Result<Header, Error> {
        reply!(self.propose(Command::LeaseRevoke { id }).await?, Reply::Header)
    }

    async fn lease_keep_alive(&self, id: i64) -> Result<LeaseGranted, Error> {
        let ttl = self.renew_lease(id).await?;
        Ok(LeaseGranted { header: self.header(), id, ttl })
    }

    async fn lease_time_to_live(&self, id: i64, with_keys: bool) -> Result<LeaseStatus, Error> {
        self.linearize().await?;
        let state = self.published.state.load_full();
        let header = self.published.header(state.revision);
        let Some(lease) = state.lease(id) else {
            return Ok(LeaseStatus { header, id, ttl: -1, ..LeaseStatus::default() });
        };
        Ok(LeaseStatus {
            header,
            id,
            ttl: self.lease_remaining(id).await?,
            granted_ttl: lease.ttl,
            keys: if with_keys { lease.keys.iter().cloned().collect() } else { Vec::new() },
        })
    }

    async fn leases(&self) -> Result<Vec<i64>, Error> {
        self.linearize().await?;
        Ok(self.published.state.load().leases().map(|(id, _)| id).collect())
    }

    async fn members(&self) -> Result<Vec<Member>, Error> {
        self.member_list(false).await
    }

    async fn status(&self) -> Result<Status, Error> {
        self.check_running()?;
        let state = self.published.state.load_full();
        let in_use = i64::try_from(state.size()).unwrap_or(i64::MAX);
        let metrics = self.raft.metrics();
        let last_log_index =
            openraft::async_runtime::watch::WatchReceiver::borrow_watched(&metrics).last_log_index;
        Ok(Status {
            header: self.published.header(state.revision),
            version: ETCD_VERSION.into(),
            db_size: i64::try_from(self.used_bytes()).unwrap_or(i64::MAX),
            db_size_in_use: in_use,
            leader: self.leader().unwrap_or(0),
            raft_index: last_log_index.unwrap_or(0),
            raft_applied_index: self.published.applied_index(),
            is_learner: self.is_learner(),
        })
    }

    fn current_revision(&self) -> i64 {
        self.published.state.load().revision
    }
}
