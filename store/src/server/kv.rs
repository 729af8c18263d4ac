//! `etcdserverpb.KV`.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::kv_server::Kv;
use tonic::{Request, Response, Status};

use super::convert;
use super::range_stream::Pieces;
use crate::Store;

pub(super) struct KvService(pub Arc<dyn Store>);

#[tonic::async_trait]
impl Kv for KvService {
    async fn range(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        let request = convert::range_request(request.into_inner())?;
        Ok(Response::new(convert::range_response(self.0.range(request).await?)))
    }

    type RangeStreamStream =
        Pin<Box<dyn Stream<Item = Result<pb::RangeStreamResponse, Status>> + Send>>;

    /// One read of one revision, told in pieces. Orders and bounds, which etcd refuses here, are
    /// served as well.
    async fn range_stream(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let request = convert::range_request(request.into_inner())?;
        let pieces = Pieces::of(self.0.range(request).await?);
        Ok(Response::new(Box::pin(futures::stream::iter(pieces.map(Ok)))))
    }

    async fn put(
        &self,
        request: Request<pb::PutRequest>,
    ) -> Result<Response<pb::PutResponse>, Status> {
        let request = convert::put_request(request.into_inner())?;
        Ok(Response::new(convert::put_response(self.0.put(request).await?)))
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        let request = convert::delete_request(request.into_inner())?;
        Ok(Response::new(convert::delete_response(self.0.delete_range(request).await?)))
    }

    async fn txn(
        &self,
        request: Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        let request = convert::txn_request(request.into_inner())?;
        Ok(Response::new(convert::txn_response(self.0.txn(request).await?)))
    }

    /// `physical` asks to wait until the space is free; here compaction has done so when it
    /// answers, asked or not.
    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        let header = self.0.compact(request.into_inner().revision).await?;
        Ok(Response::new(pb::CompactionResponse { header: convert::header(header) }))
    }
}
