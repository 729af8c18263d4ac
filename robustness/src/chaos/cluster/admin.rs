//! What operators ask of members, over connections of their own.

use std::time::Duration;

use store::remote::Tls;
use store_proto::etcdserverpb as pb;

use super::ClusterError;
use crate::chaos::clients::Connection;

/// Limit on each question.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a member says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    pub member_id: u64,
    /// 0: none.
    pub leader: u64,
    pub applied: u64,
    pub revision: i64,
    pub is_learner: bool,
}

/// A connection to one member.
#[derive(Clone, Debug)]
pub struct Admin {
    member: String,
    connection: Connection,
}

impl Admin {
    pub async fn connect(member: &str, url: &str, tls: &Tls) -> Result<Self, ClusterError> {
        let connection = Connection::open(url, tls).await;
        let connection = connection.map_err(|reason| unreachable(member, reason.to_string()))?;
        Ok(Self { member: member.to_owned(), connection })
    }

    pub async fn health(&self) -> Result<Health, ClusterError> {
        let mut client = self.connection.maintenance();
        let status = self.within(client.status(pb::StatusRequest {})).await?;
        let header = status.header.unwrap_or_default();
        Ok(Health {
            member_id: header.member_id,
            leader: status.leader,
            applied: status.raft_applied_index,
            revision: header.revision,
            is_learner: status.is_learner,
        })
    }

    /// The hash of all keys at `revision`, and the revision of the last compaction that it knows
    /// of.
    pub async fn hash(&self, revision: i64) -> Result<(u32, i64), ClusterError> {
        let mut client = self.connection.maintenance();
        let answer = self.within(client.hash_kv(pb::HashKvRequest { revision })).await?;
        Ok((answer.hash, answer.compact_revision))
    }

    /// Answers once a quorum has agreed.
    pub async fn linearizable_read(&self) -> Result<i64, ClusterError> {
        let request = pb::RangeRequest { key: "\0".into(), count_only: true, ..Default::default() };
        let mut client = self.connection.kv();
        let answer = self.within(client.range(request)).await?;
        Ok(answer.header.unwrap_or_default().revision)
    }

    pub async fn member_remove(&self, id: u64) -> Result<(), ClusterError> {
        let mut client = self.connection.cluster();
        self.within(client.member_remove(pb::MemberRemoveRequest { id })).await.map(drop)
    }

    pub async fn member_add(&self, peer_url: String) -> Result<(), ClusterError> {
        let request = pb::MemberAddRequest { peer_ur_ls: vec![peer_url], ..Default::default() };
        let mut client = self.connection.cluster();
        self.within(client.member_add(request)).await.map(drop)
    }

    pub async fn members(&self) -> Result<Vec<pb::Member>, ClusterError> {
        let mut client = self.connection.cluster();
        let request = pb::MemberListRequest { linearizable: true };
        Ok(self.within(client.member_list(request)).await?.members)
    }

    /// Takes back all alarms. Returns how many there were.
    pub async fn disarm(&self) -> Result<usize, ClusterError> {
        let mut client = self.connection.maintenance();
        let ask = |action: pb::alarm_request::AlarmAction, alarm, member_id| pb::AlarmRequest {
            action: action.into(),
            alarm,
            member_id,
        };
        let list = ask(pb::alarm_request::AlarmAction::Get, pb::AlarmType::None.into(), 0);
        let alarms = self.within(client.alarm(list)).await?.alarms;
        for alarm in &alarms {
            let action = pb::alarm_request::AlarmAction::Deactivate;
            self.within(client.alarm(ask(action, alarm.alarm, alarm.member_id))).await?;
        }
        Ok(alarms.len())
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(unreachable(&self.member, status.message().to_owned())),
            Err(_) => Err(unreachable(&self.member, format!("no answer within {PATIENCE:?}"))),
        }
    }
}

fn unreachable(member: &str, reason: String) -> ClusterError {
    ClusterError::Unreachable { member: member.to_owned(), reason }
}
