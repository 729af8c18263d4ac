//! `defrag`: endpoint after endpoint, so that never more than one member is busy with it.

use std::time::Instant;

use store_proto::etcdserverpb as pb;

use super::{Context, endpoint, within};
use crate::failure::Told;
use crate::go::duration;
use crate::output::line;

pub async fn run(run: &Context, cluster: bool) -> anyhow::Result<()> {
    let mut failed = false;
    for endpoint in endpoint::endpoints(run, cluster).await? {
        let start = Instant::now();
        let answer = async {
            let mut client = run.target.only(&endpoint).await?.maintenance();
            within(run.timeout, client.defragment(pb::DefragmentRequest {})).await
        };
        let outcome = answer.await;
        let took = duration::show(start.elapsed());
        match outcome {
            Ok(_) => {
                line(format_args!("Finished defragmenting etcd member[{endpoint}]. took {took}"))?
            }
            Err(error) => {
                failed = true;
                eprintln!("Failed to defragment etcd member[{endpoint}]. took {took}. ({error:#})");
            }
        }
    }
    if failed { Err(Told.into()) } else { Ok(()) }
}
