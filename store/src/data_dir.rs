//! The member's directory: who holds it, whose it is, and what lies where.
//!
//! ```text
//!  LOCK           flocked while a process runs the member; holds its pid
//!  member.json    format, cluster and member id; written before anything else, so a directory
//!                 without it that holds other files is not ours
//!  wal/  snap/    truth: the log, and snapshots that cover what the log no longer holds; `wal` is a
//!                 link where the log has a disk of its own
//!  sled/          applied state, disposable
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, OsDisk, sync_above};
use crate::mvcc::Identity;
use crate::open_error::OpenError;

const FORMAT: u32 = 1;
const LOCK: &str = "LOCK";
const MEMBER: &str = "member.json";
const WAL: &str = "wal";

/// Names that a directory of ours may hold besides `member.json` while it is being created.
/// `fixtures` holds certificates that the member made for itself.
const BEGINNINGS: [&str; 4] = [LOCK, "member.json.tmp", WAL, "fixtures"];

#[derive(Debug, Serialize, Deserialize)]
struct MemberFile {
    format: u32,
    /// Hexadecimal, as etcdctl prints them.
    cluster_id: String,
    member_id: String,
}

/// A directory that this process holds. Dropping it lets go.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
    pub identity: Identity,
}

impl DataDir {
    /// Takes hold of `path`, creating it with a new identity from `choose` if there is nothing. The
    /// log is kept in `wal` where one is named.
    pub fn open(
        disk: &dyn Disk,
        path: &Path,
        wal: Option<&Path>,
        choose: impl FnOnce() -> Identity,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(path).map_err(io_error("create directory", path))?;
        refuse_foreign(path)?;
        let lock = lock(path)?;
        if let Some(wal) = wal {
            place_wal(path, wal)?;
        }
        let member = path.join(MEMBER);
        let identity = match std::fs::read(&member) {
            Ok(bytes) => parse(&member, &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Else a loss of power could take the directory, with all that was put into it.
                sync_above(path).map_err(io_error("sync the directories above", path))?;
                let identity = choose();
                write_member_on(disk, path, identity)?;
                identity
            }
            Err(source) => return Err(io_error("read", &member)(source)),
        };
        let dir = Self { path: path.to_owned(), lock, identity };
        for sub in [dir.wal(), dir.snapshots()] {
            std::fs::create_dir_all(&sub).map_err(io_error("create directory", &sub))?;
        }
        disk.sync_dir(path).map_err(io_error("sync directory", path))?;
        Ok(dir)
    }

    /// Whether a member lives in `path` already.
    pub fn is_known(path: &Path) -> bool {
        path.join(MEMBER).exists()
    }

    pub fn wal(&self) -> PathBuf {
        self.path.join(WAL)
    }

    pub fn snapshots(&self) -> PathBuf {
        snapshots_in(&self.path)
    }

    pub fn sled(&self) -> PathBuf {
        self.path.join("sled")
    }

    /// Lets another process take the directory.
    pub fn release(&self) {
        if let Err(error) = rustix::fs::flock(&self.lock, FlockOperation::Unlock) {
            tracing::warn!(%error, "cannot unlock {}", self.path.display());
        }
    }
}

/// Where snapshots lie in the data directory `path`.
pub fn snapshots_in(path: &Path) -> PathBuf {
    path.join("snap")
}

/// Makes `path`, which holds a restored snapshot, a member's directory.
pub fn write_member(path: &Path, identity: Identity) -> Result<(), OpenError> {
    write_member_on(&OsDisk, path, identity)
}

fn write_member_on(disk: &dyn Disk, path: &Path, identity: Identity) -> Result<(), OpenError> {
    let content = MemberFile {
        format: FORMAT,
        cluster_id: format!("{:016x}", identity.cluster_id),
        member_id: format!("{:016x}", identity.member_id),
    };
    let mut bytes = serde_json::to_vec_pretty(&content).expect("plain strings are valid JSON");
    bytes.push(b'\n');
    let temporary = path.join("member.json.tmp");
    let target = path.join(MEMBER);
    let write = || {
        let file = disk.create_growing(&temporary)?;
        file.write_at(&bytes, 0)?;
        file.sync()?;
        disk.rename(&temporary, &target)?;
        disk.sync_dir(path)
    };
    write().map_err(io_error("write", &target))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Identity, OpenError> {
    let foreign = || OpenError::Foreign { path: path.to_owned() };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|_| foreign())?;
    let format = value.get("format").and_then(serde_json::Value::as_u64).ok_or_else(foreign)?;
    if format != u64::from(FORMAT) {
        return Err(OpenError::UnknownFormat { path: path.to_owned(), format });
    }
    let member: MemberFile = serde_json::from_value(value).map_err(|_| foreign())?;
    let id = |text: &str| u64::from_str_radix(text, 16).map_err(|_| foreign());
    Ok(Identity { cluster_id: id(&member.cluster_id)?, member_id: id(&member.member_id)? })
}

/// Has the log of the member in `path` lie in `wal`. A link remembers it, so that a later start
/// that does not name the directory cannot take the member for one without a log.
fn place_wal(path: &Path, wal: &Path) -> Result<(), OpenError> {
    std::fs::create_dir_all(wal).map_err(io_error("create directory", wal))?;
    let wal = wal.canonicalize().map_err(io_error("find", wal))?;
    let link = path.join(WAL);
    if link.symlink_metadata().is_ok() {
        let present = link.canonicalize().map_err(io_error("find", &link))?;
        return match present == wal {
            true => Ok(()),
            false => Err(OpenError::WalElsewhere { present, asked: wal }),
        };
    }
    let mut entries = std::fs::read_dir(&wal).map_err(io_error("read directory", &wal))?;
    if entries.next().is_some() {
        return Err(OpenError::WalNotEmpty { wal });
    }
    sync_above(&wal).map_err(io_error("sync the directories above", &wal))?;
    std::os::unix::fs::symlink(&wal, &link).map_err(io_error("create link", &link))
}

fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    let mut stranger = None;
    for entry in std::fs::read_dir(path).map_err(io_error("read directory", path))? {
        let entry = entry.map_err(io_error("read directory", path))?;
        let name = entry.file_name();
        if name == MEMBER {
            return Ok(());
        }
        if !BEGINNINGS.iter().any(|ours| name == *ours) {
            stranger = Some(entry.path());
        }
    }
    stranger.map_or(Ok(()), |path| Err(OpenError::Foreign { path }))
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            // Who holds it is a courtesy; that it is held is the answer.
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            let pid = if pid.is_empty() { "unknown" } else { pid }.to_owned();
            return Err(OpenError::Locked { dir: dir.to_owned(), pid });
        }
        Err(error) => return Err(io_error("lock", &path)(error.into())),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io_error("write", &path))?;
    Ok(file)
}

pub fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}
