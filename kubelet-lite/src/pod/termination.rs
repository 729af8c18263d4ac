//! What a container said as it ended: its termination message file, or the end of its log.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::types::Pod;
use crate::layout::Layout;
use crate::logs;
use crate::runtime::Container;

/// Exit code of a container that could not be started, as upstream's runtimes give it.
pub const START_ERROR_CODE: i32 = 128;
/// As upstream: of the file, and of the log that stands in for it.
const MAX_MESSAGE: u64 = 4096;
const MAX_LOG_BYTES: u64 = 2048;
const MAX_LOG_LINES: usize = 80;

/// Empty if it said nothing. What cannot be read was not said.
pub async fn message(layout: &Layout, pod: &Pod, container: &Container) -> String {
    let file = layout.termination_log(pod.uid(), &container.name, container.attempt);
    let message = read_end(&file, MAX_MESSAGE, true).await;
    let policy = pod
        .spec
        .container(&container.name)
        .and_then(|spec| spec.termination_message_policy.as_deref());
    if message.is_empty() && policy == Some("FallbackToLogsOnError") && container.exit_code != 0 {
        // Lines have a prefix each, so more than the limit is read.
        let text = read_end(&container.log_path, 4 * MAX_LOG_BYTES, false).await;
        return logs::line::tail_text(text.as_bytes(), MAX_LOG_LINES, MAX_LOG_BYTES as usize);
    }
    if message.is_empty() { container.message.clone() } else { message }
}

/// The first (or last) `limit` bytes of a file.
async fn read_end(path: &Path, limit: u64, from_start: bool) -> String {
    let read = async {
        let mut file = tokio::fs::File::open(path).await?;
        let size = file.metadata().await?.len();
        if !from_start && size > limit {
            file.seek(std::io::SeekFrom::Start(size - limit)).await?;
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read.await.unwrap_or_default()
}
