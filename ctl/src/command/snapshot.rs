//! `snapshot save|status|restore`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::maintenance_client::MaintenanceClient;

use super::refusal;
use crate::Host;
use crate::arguments::{Global, Snapshot};
use crate::connect::Target;
use crate::output::Printer;
use crate::text;

const DIGEST_BYTES: usize = 32;

pub async fn run(
    command: Snapshot,
    global: &Global,
    printer: &Printer,
    host: &Host<'_>,
) -> anyhow::Result<()> {
    match command {
        Snapshot::Save { file } => save(&Target::resolve(global, host)?, &file).await,
        Snapshot::Status { file } => printer.snapshot_status(&host.snapshots.status(&file)?),
        Snapshot::Restore { file, data_dir, skip_hash_check } => {
            host.snapshots.restore(&file, &data_dir, skip_hash_check)?;
            println!("restored {} into {}", file.display(), data_dir.display());
            Ok(())
        }
    }
}

/// Streams into a part file beside `file`, checks the digest at its end, syncs, renames: under
/// its own name a snapshot is whole.
async fn save(target: &Target, file: &Path) -> anyhow::Result<()> {
    let mut client = MaintenanceClient::new(target.any().await?);
    let answer = client.snapshot(pb::SnapshotRequest {}).await;
    let mut blobs = answer.map_err(|status| refusal(&status))?.into_inner();
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut output =
        File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
    let progress = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut check = TrailingDigest::default();
    while let Some(blob) = blobs.message().await.map_err(|status| refusal(&status))? {
        output.write_all(&blob.blob).with_context(|| format!("cannot write {}", part.display()))?;
        check.update(&blob.blob);
        progress.set_length(check.total + blob.remaining_bytes);
        progress.set_position(check.total);
    }
    progress.finish_and_clear();
    let total = check.total;
    if !check.holds() {
        // What is left is no snapshot; nobody should take it for one.
        let _ = fs::remove_file(&part);
        bail!("the snapshot arrived damaged (its checksum does not fit); try again");
    }
    output
        .sync_all()
        .and_then(|()| fs::rename(&part, file))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("cannot sync the directory of {}", file.display()))?;
    println!("Snapshot saved at {} ({})", file.display(), text::size(total as i64));
    Ok(())
}

/// Hashes a stream whose last 32 bytes are the sha256 of what precedes them.
#[derive(Default)]
struct TrailingDigest {
    hasher: Sha256,
    tail: Vec<u8>,
    total: u64,
}

impl TrailingDigest {
    fn update(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.tail.extend_from_slice(bytes);
        let body = self.tail.len().saturating_sub(DIGEST_BYTES);
        self.hasher.update(&self.tail[..body]);
        self.tail.drain(..body);
    }

    fn holds(self) -> bool {
        self.hasher.finalize().as_slice() == self.tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(chunks: &[&[u8]]) -> bool {
        let mut digest = TrailingDigest::default();
        chunks.iter().for_each(|chunk| digest.update(chunk));
        digest.holds()
    }

    #[test]
    fn a_stream_is_whole_only_with_its_own_digest() {
        let body = b"a snapshot of some length".to_vec();
        let sum = Sha256::digest(&body).to_vec();
        assert!(holds(&[&body, &sum]));
        assert!(holds(&[&body[..3], &[&body[3..], &sum[..7]].concat(), &sum[7..]]));
        assert!(!holds(&[&body[1..], &sum]));
        assert!(!holds(&[&body, &sum[..31]]));
        assert!(!holds(&[]));
    }
}
