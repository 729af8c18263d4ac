//! `member list`.

use std::time::Duration;

use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::cluster_client::ClusterClient;
use tonic::transport::Channel;

use super::within;
use crate::arguments::Member;
use crate::connect::Target;
use crate::output::Printer;

pub async fn run(
    target: &Target,
    command: Member,
    printer: &Printer,
    timeout: Duration,
) -> anyhow::Result<()> {
    match command {
        Member::List => printer.members(&list(target.any().await?, timeout).await?),
    }
}

pub async fn list(channel: Channel, timeout: Duration) -> anyhow::Result<pb::MemberListResponse> {
    let request = pb::MemberListRequest { linearizable: true };
    within(timeout, ClusterClient::new(channel).member_list(request)).await
}
