//! `watch`: prints changes until interrupted or cancelled by the server.

use anyhow::bail;
use store_proto::etcdserverpb as pb;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{refusal, request};
use crate::arguments::Watch;
use crate::connect::{self, Target};
use crate::output::Printer;

pub async fn run(target: &Target, watch: Watch, printer: &Printer) -> anyhow::Result<()> {
    use pb::watch_request::RequestUnion;
    let (key, range_end) =
        request::range_of(&watch.key, watch.range_end.as_deref(), watch.prefix, false);
    let create = pb::WatchCreateRequest {
        key,
        range_end,
        start_revision: watch.rev,
        progress_notify: watch.progress_notify,
        prev_kv: watch.prev_kv,
        ..Default::default()
    };
    // Held open: when the request stream ends, so does the watch.
    let (requests, stream) = mpsc::channel(1);
    let request = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    requests.send(request).await?;
    let mut client = connect::watch(target.any().await?);
    let answers = client.watch(ReceiverStream::new(stream)).await;
    let mut answers = answers.map_err(|status| refusal(&status))?.into_inner();
    while let Some(answer) = answers.message().await.map_err(|status| refusal(&status))? {
        if answer.canceled && answer.compact_revision != 0 {
            bail!(
                "watch is over: revision {} is compacted, the oldest that can be watched is {}",
                watch.rev,
                answer.compact_revision
            );
        }
        if answer.canceled {
            bail!("watch was canceled ({})", answer.cancel_reason);
        }
        printer.watch(&answer, watch.progress_notify)?;
    }
    bail!("the server ended the watch")
}
