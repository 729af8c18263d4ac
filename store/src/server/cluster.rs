//! `etcdserverpb.Cluster`: members are listed, added, removed, updated and promoted.

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use super::access::{Access, Caller};
use super::convert;
use crate::{Member, Store as _};

pub(super) struct ClusterService(pub Access);

impl ClusterService {
    /// As in etcd, the headers of this service tell no revision.
    async fn header(&self) -> Result<Option<pb::ResponseHeader>, Status> {
        let header = self.0.store.status().await?.header;
        Ok(convert::header(crate::Header { revision: 0, ..header }))
    }
}

fn all(members: Vec<Member>) -> Vec<pb::Member> {
    members.into_iter().map(convert::member).collect()
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.known(&caller).await?;
        let members = self.0.store.member_list(request.linearizable).await?;
        let header = self.header().await?;
        Ok(Response::new(pb::MemberListResponse { header, members: all(members) }))
    }

    async fn member_add(
        &self,
        request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let pb::MemberAddRequest { peer_ur_ls, is_learner } = request;
        let (added, members) = self.0.store.member_add(&peer_ur_ls, is_learner).await?;
        let header = self.header().await?;
        let member = Some(convert::member(added));
        Ok(Response::new(pb::MemberAddResponse { header, member, members: all(members) }))
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let members = self.0.store.member_remove(request.id).await?;
        let header = self.header().await?;
        Ok(Response::new(pb::MemberRemoveResponse { header, members: all(members) }))
    }

    async fn member_update(
        &self,
        request: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let pb::MemberUpdateRequest { id, peer_ur_ls } = request;
        let members = self.0.store.member_update(id, &peer_ur_ls).await?;
        let header = self.header().await?;
        Ok(Response::new(pb::MemberUpdateResponse { header, members: all(members) }))
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        let (caller, request) = Caller::of(request);
        self.0.guard.root(&caller).await?;
        let members = self.0.store.member_promote(request.id).await?;
        let header = self.header().await?;
        Ok(Response::new(pb::MemberPromoteResponse { header, members: all(members) }))
    }
}
