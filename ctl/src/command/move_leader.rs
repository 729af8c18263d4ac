//! `move-leader`: asks the endpoint that leads, which has to be among those named.

use store_proto::etcdserverpb as pb;

use super::{Context, within};
use crate::Usage;
use crate::output::Answer;

pub async fn run(run: &Context, to: u64) -> anyhow::Result<()> {
    for endpoint in &run.target.endpoints {
        let mut client = run.target.only(endpoint).await?.maintenance();
        let status = within(run.timeout, client.status(pb::StatusRequest {})).await?;
        if status.header.is_none_or(|header| header.member_id != status.leader) {
            continue;
        }
        let request = pb::MoveLeaderRequest { target_id: to };
        let answer = within(run.timeout, client.move_leader(request)).await?;
        return run.printer.print(&Answer::LeaderMoved {
            from: status.leader,
            to,
            header: &answer.header,
        });
    }
    Err(Usage(format!(
        "no leader endpoint given at [{}]; name all members with --endpoints",
        run.target.endpoints.join(" ")
    ))
    .into())
}
