//! Sends one request and tells what became of it.

use store_proto::etcdserverpb as pb;
use tonic::Status;

use super::Connection;
use super::convert::{self, Malformed};
use super::outcome::outcome;
use crate::history::{Body, Outcome, Request, Response};

enum Failure {
    Status(Status),
    /// It was done, and the answer cannot be used.
    Malformed(Malformed),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Sends it over `connection`.
pub async fn perform(connection: &Connection, request: &Request) -> Outcome {
    match answered(connection, request).await {
        Ok(response) => Outcome::Done(response),
        Err(Failure::Status(status)) => outcome(request, &status),
        Err(Failure::Malformed(malformed)) => Outcome::Unknown(malformed.to_string()),
    }
}

async fn answered(connection: &Connection, request: &Request) -> Result<Response, Failure> {
    let (header, body) = match request {
        Request::Range(range) => {
            let answer = connection.kv().range(convert::range(range)).await?.into_inner();
            (answer.header, convert::ranged(answer))
        }
        Request::Put(put) => {
            let answer = connection.kv().put(convert::put(put)).await?.into_inner();
            (answer.header, convert::was_put(answer))
        }
        Request::Delete(delete) => {
            let request = convert::delete(delete);
            let answer = connection.kv().delete_range(request).await?.into_inner();
            (answer.header, convert::deleted(answer))
        }
        Request::Txn(txn) => {
            let answer = connection.kv().txn(convert::txn(txn)).await?.into_inner();
            (answer.header, convert::transacted(answer)?)
        }
        Request::Compact { revision } => {
            let request = pb::CompactionRequest { revision: *revision, physical: false };
            let answer = connection.kv().compact(request).await?.into_inner();
            (answer.header, Body::Compact)
        }
        Request::LeaseGrant { id, ttl } => {
            let request = pb::LeaseGrantRequest { id: *id, ttl: *ttl };
            let answer = connection.lease().lease_grant(request).await?.into_inner();
            (answer.header, Body::LeaseGrant { id: answer.id, ttl: answer.ttl })
        }
        Request::LeaseRevoke { id } => {
            let request = pb::LeaseRevokeRequest { id: *id };
            let answer = connection.lease().lease_revoke(request).await?.into_inner();
            (answer.header, Body::LeaseRevoke)
        }
        Request::LeaseKeepAlive { id } => {
            let requests = futures::stream::iter([pb::LeaseKeepAliveRequest { id: *id }]);
            let mut answers = connection.lease().lease_keep_alive(requests).await?.into_inner();
            let answer = answers.message().await?.ok_or_else(|| Status::unknown("no answer"))?;
            (answer.header, Body::LeaseKeepAlive { id: answer.id, ttl: answer.ttl })
        }
    };
    Ok(Response { revision: convert::revision(header.as_ref())?, body })
}
