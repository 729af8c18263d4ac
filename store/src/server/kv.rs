//! `etcdserverpb.KV`.

use std::pin::Pin;

use futures::Stream;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::kv_server::Kv;
use tonic::{Request, Response, Status};

use super::access::{Access, Caller};
use super::{convert, range_stream};

pub(super) struct KvService(pub Access);

#[tonic::async_trait]
impl Kv for KvService {
    async fn range(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<pb::RangeResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let request = convert::range_request(request)?;
        Ok(Response::new(convert::range_response(self.0.range(&caller, request).await?)))
    }

    type RangeStreamStream =
        Pin<Box<dyn Stream<Item = Result<pb::RangeStreamResponse, Status>> + Send>>;

    /// One read of one revision, told in pieces.
    async fn range_stream(
        &self,
        request: Request<pb::RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let (caller, request) = Caller::of(request);
        let request = convert::range_request(request)?;
        range_stream::check(&request)?;
        let pieces = self.0.pieces(&caller, request).await?;
        Ok(Response::new(Box::pin(futures::stream::iter(pieces.map(Ok)))))
    }

    async fn put(
        &self,
        request: Request<pb::PutRequest>,
    ) -> Result<Response<pb::PutResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let request = convert::put_request(request)?;
        Ok(Response::new(convert::put_response(self.0.put(&caller, request).await?)))
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let request = convert::delete_request(request)?;
        Ok(Response::new(convert::delete_response(self.0.delete_range(&caller, request).await?)))
    }

    async fn txn(
        &self,
        request: Request<pb::TxnRequest>,
    ) -> Result<Response<pb::TxnResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let request = convert::txn_request(request)?;
        Ok(Response::new(convert::txn_response(self.0.txn(&caller, request).await?)))
    }

    /// `physical` asks to wait until the space is free; here compaction has done so when it
    /// answers, asked or not.
    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        let (caller, request) = Caller::of(request);
        let header = self.0.compact(&caller, request.revision).await?;
        Ok(Response::new(pb::CompactionResponse { header: convert::header(header) }))
    }
}
