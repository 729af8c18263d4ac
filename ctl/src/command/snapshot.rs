//! `snapshot save|status|restore|convert`.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::maintenance_client::MaintenanceClient;

use super::refusal;
use crate::arguments::snapshot::{Convert, Layout, Restore, Save};
use crate::arguments::{Called, Global, Snapshot};
use crate::connect::Target;
use crate::output::Printer;
use crate::{Host, Progress, RestoredAs, SnapshotFormat, Usage};

const DIGEST_BYTES: usize = 32;

/// Asks a server of ours for a format; others do not know it and send etcd's.
const FORMAT_KEY: &str = "coracle-snapshot-format";

/// etcdutl's defaults.
const DEFAULT_NAME: &str = "default";
const DEFAULT_PEER_URL: &str = "http://localhost:2380";

pub async fn run(
    called: Called,
    command: Snapshot,
    global: &Global,
    printer: &Printer,
    host: &Host<'_>,
) -> anyhow::Result<()> {
    match command {
        Snapshot::Save(arguments) => save(&Target::resolve(global, host)?, &arguments, host).await,
        Snapshot::Status { file } => printer.snapshot_status(&host.snapshots.status(&file)?),
        Snapshot::Restore(arguments) => restore(called, arguments, host),
        Snapshot::Convert(arguments) => convert(&arguments, host),
    }
}

impl From<Layout> for SnapshotFormat {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Etcd => Self::Etcd,
            Layout::Coracle => Self::Coracle,
        }
    }
}

fn restore(called: Called, arguments: Restore, host: &Host<'_>) -> anyhow::Result<()> {
    let restore = plan(called, arguments)?;
    let bar = Bar::default();
    host.snapshots.restore(&restore, &|progress| bar.show(progress))?;
    bar.clear();
    let (file, data_dir) = (restore.snapshot.display(), restore.data_dir.display());
    match &restore.member {
        RestoredAs::Host => {
            println!("restored {file} into {data_dir}, for `coracle up --data-dir {data_dir}`");
        }
        RestoredAs::Member { name, .. } => {
            println!("restored {file} into {data_dir}, for member {name}");
        }
    }
    Ok(())
}

/// What the flags ask for, as etcdutl understands them. Only `ctl` itself may mean the cluster of
/// this host: when nothing says which member the directory is for.
fn plan(called: Called, arguments: Restore) -> anyhow::Result<crate::Restore> {
    if arguments.mark_compacted != (arguments.bump_revision > 0) {
        let message = "--mark-compacted required if --revision-bump > 0";
        return Err(Usage(message.to_owned()).into());
    }
    let is_member = called != Called::Ctl
        || arguments.name.is_some()
        || arguments.initial_cluster.is_some()
        || arguments.wal_dir.is_some()
        || !arguments.initial_advertise_peer_urls.is_empty();
    if !is_member {
        let Some(data_dir) = arguments.data_dir else {
            return Err(Usage("--data-dir is required unless --name is given".to_owned()).into());
        };
        return Ok(crate::Restore {
            snapshot: arguments.file,
            data_dir,
            skip_hash_check: arguments.skip_hash_check,
            bump_revision: arguments.bump_revision,
            member: RestoredAs::Host,
        });
    }
    let name = arguments.name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let initial_cluster = arguments.initial_cluster.unwrap_or_else(|| {
        // etcdutl's default names the default member, whatever --name says.
        format!("{DEFAULT_NAME}={DEFAULT_PEER_URL}")
    });
    let mut peer_urls = arguments.initial_advertise_peer_urls;
    if peer_urls.is_empty() {
        peer_urls.push(DEFAULT_PEER_URL.to_owned());
    }
    Ok(crate::Restore {
        snapshot: arguments.file,
        data_dir: arguments.data_dir.unwrap_or_else(|| PathBuf::from(format!("{name}.etcd"))),
        skip_hash_check: arguments.skip_hash_check,
        bump_revision: arguments.bump_revision,
        member: RestoredAs::Member {
            name,
            initial_cluster,
            token: arguments.initial_cluster_token,
            peer_urls,
            wal_dir: arguments.wal_dir,
        },
    })
}

fn convert(arguments: &Convert, host: &Host<'_>) -> anyhow::Result<()> {
    let format = match arguments.format {
        Some(layout) => layout.into(),
        None => match host.snapshots.format(&arguments.file)? {
            SnapshotFormat::Coracle => SnapshotFormat::Etcd,
            SnapshotFormat::Etcd => SnapshotFormat::Coracle,
        },
    };
    let (from, to) = (&arguments.file, &arguments.output);
    let bar = Bar::default();
    let skip_hash_check = arguments.skip_hash_check;
    host.snapshots.convert(from, to, format, skip_hash_check, &|progress| bar.show(progress))?;
    bar.clear();
    println!("Snapshot written to {}", to.display());
    Ok(())
}

/// Streams into a part file beside the file asked for, checks the digest at its end, syncs, renames:
/// under its own name a snapshot is whole. A server that sends another format than was asked for is
/// any etcd; then the file is converted here.
async fn save(target: &Target, arguments: &Save, host: &Host<'_>) -> anyhow::Result<()> {
    let file = &arguments.file;
    let mut client = MaintenanceClient::new(target.any().await?);
    let mut request = tonic::Request::new(pb::SnapshotRequest {});
    let name = match arguments.format {
        Layout::Etcd => "etcd",
        Layout::Coracle => "coracle",
    };
    request.metadata_mut().insert(FORMAT_KEY, tonic::metadata::MetadataValue::from_static(name));
    let answer = client.snapshot(request).await;
    let mut blobs = answer.map_err(|status| refusal(&status))?.into_inner();
    let mut part = Part::create(file)?;
    let bar = Bar::default();
    let mut version = String::new();
    while let Some(blob) = blobs.message().await.map_err(|status| refusal(&status))? {
        part.write(&blob.blob)?;
        let done = part.digest.total;
        bar.show(Progress { step: "receiving", done, total: done + blob.remaining_bytes });
        version = blob.version;
    }
    bar.clear();
    part.finish()?;
    let wanted = SnapshotFormat::from(arguments.format);
    if host.snapshots.format(&part.path)? == wanted {
        part.rename(file)?;
    } else {
        host.snapshots.convert(&part.path, file, wanted, false, &|progress| bar.show(progress))?;
        bar.clear();
    }
    println!("Snapshot saved at {}", file.display());
    if !version.is_empty() {
        println!("Server version {version}");
    }
    Ok(())
}

/// A file that is not whole yet. Gone when dropped, unless it was renamed.
struct Part {
    path: PathBuf,
    file: File,
    digest: TrailingDigest,
}

impl Part {
    fn create(file: &Path) -> anyhow::Result<Self> {
        let mut path = file.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        // A snapshot holds everything, secrets among it.
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = opened.with_context(|| format!("could not open {}", path.display()))?;
        Ok(Self { path, file, digest: TrailingDigest::default() })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Checks that all arrived, and makes it durable.
    fn finish(&mut self) -> anyhow::Result<()> {
        if !std::mem::take(&mut self.digest).holds() {
            bail!("the snapshot arrived damaged (its checksum does not fit); try again");
        }
        self.file.sync_all().with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn rename(&self, file: &Path) -> anyhow::Result<()> {
        fs::rename(&self.path, file).with_context(|| {
            format!("could not rename {} to {}", self.path.display(), file.display())
        })?;
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))
            .and_then(|directory| directory.sync_all())
            .with_context(|| format!("cannot sync the directory of {}", file.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Progress on a terminal, and nothing elsewhere.
#[derive(Default)]
struct Bar(RefCell<Option<(&'static str, ProgressBar)>>);

impl Bar {
    fn show(&self, progress: Progress) {
        let mut shown = self.0.borrow_mut();
        if shown.as_ref().is_none_or(|(step, _)| *step != progress.step) {
            if let Some((_, done)) = shown.take() {
                done.finish_and_clear();
            }
            let style = ProgressStyle::with_template(
                "{msg:10} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(progress.total).with_style(style);
            bar.set_message(progress.step);
            *shown = Some((progress.step, bar));
        }
        if let Some((_, bar)) = &*shown {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    }

    fn clear(&self) {
        if let Some((_, bar)) = self.0.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
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

    fn restore_with(words: &[&str]) -> Restore {
        #[derive(clap::Parser)]
        struct Words {
            #[command(flatten)]
            restore: Restore,
        }
        let words = [&["restore", "f"], words].concat();
        <Words as clap::Parser>::try_parse_from(words).expect("the words are known").restore
    }

    #[test]
    fn a_directory_is_for_this_host_unless_a_member_is_named() {
        let host = plan(Called::Ctl, restore_with(&["--data-dir", "d"])).expect("a plan");
        assert!(matches!(host.member, RestoredAs::Host));
        assert!(plan(Called::Ctl, restore_with(&[])).is_err());
        let named = plan(Called::Ctl, restore_with(&["--name", "a"])).expect("a plan");
        assert_eq!(named.data_dir, Path::new("a.etcd"));
        let RestoredAs::Member { name, .. } = named.member else { panic!("it is a member") };
        assert_eq!(name, "a");
    }

    #[test]
    fn etcdutls_defaults_make_etcds_default_member() {
        let plan = plan(Called::Etcdutl, restore_with(&[])).expect("a plan");
        assert_eq!(plan.data_dir, Path::new("default.etcd"));
        let RestoredAs::Member { name, initial_cluster, token, peer_urls, wal_dir: None } =
            plan.member
        else {
            panic!("it is a member")
        };
        assert_eq!(name, "default");
        assert_eq!(initial_cluster, "default=http://localhost:2380");
        assert_eq!(token, "etcd-cluster");
        assert_eq!(peer_urls, ["http://localhost:2380"]);
    }

    #[test]
    fn raising_and_marking_go_together() {
        for words in [&["--bump-revision=5"][..], &["--mark-compacted"]] {
            let error = plan(Called::Etcdutl, restore_with(words)).expect_err("refused");
            assert_eq!(error.to_string(), "--mark-compacted required if --revision-bump > 0");
        }
        let both = restore_with(&["--bump-revision=5", "--mark-compacted"]);
        assert_eq!(plan(Called::Etcdutl, both).expect("a plan").bump_revision, 5);
    }
}
