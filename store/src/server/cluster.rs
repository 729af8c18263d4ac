//! `etcdserverpb.Cluster`. Members are listed; changing them at run time comes with clusters.

use std::sync::Arc;

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use super::{convert, status};
use crate::Store;

pub(super) struct ClusterService(pub Arc<dyn Store>);

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        _request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let header = self.0.status().await?.header;
        let members = self.0.members().await?;
        // As in etcd, this header tells no revision.
        let header = convert::header(crate::Header { revision: 0, ..header });
        let members = members.into_iter().map(convert::member).collect();
        Ok(Response::new(pb::MemberListResponse { header, members }))
    }

    async fn member_add(
        &self,
        _request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        Err(status::not_yet("MemberAdd"))
    }

    async fn member_remove(
        &self,
        _request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        Err(status::not_yet("MemberRemove"))
    }

    async fn member_update(
        &self,
        _request: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        Err(status::not_yet("MemberUpdate"))
    }

    async fn member_promote(
        &self,
        _request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        Err(status::not_yet("MemberPromote"))
    }
}
