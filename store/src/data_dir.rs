//! The member's directory: who holds it, whose it is, and what lies where.
//!
//! ```text
//!  LOCK           flocked while a process runs the member; holds its pid
//!  member.json    format, cluster and member id; written before anything else, so a directory
//!                 without it that holds other files is not ours
//!  wal/  snap/    truth: the log, and snapshots that cover what the log no longer holds; `wal` is a
//!                 link where the log has a disk of its own
//!  wal.synced     how far the log is synced, told from outside it
//!  sled/          applied state, disposable
//!  restoring/     a restore that is under way, or was cut off
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

/// Where a restore works until it is finished.
pub(crate) const RESTORING: &str = "restoring";

/// Names that a directory of ours may hold besides `member.json` while it is being created.
/// `fixtures` holds certificates that the member made for itself.
const BEGINNINGS: [&str; 4] = [LOCK, "member.json.tmp", WAL, "fixtures"];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberFile {
    format: u32,
    /// Hexadecimal, as etcdctl prints them.
    cluster_id: String,
    member_id: String,
    /// CRC32C of the above, as [`MemberFile::checked`] puts them. Earlier versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl MemberFile {
    fn of(identity: Identity) -> Self {
        let mut file = Self {
            format: FORMAT,
            cluster_id: format!("{:016x}", identity.cluster_id),
            member_id: format!("{:016x}", identity.member_id),
            checksum: None,
        };
        file.checksum = Some(file.checked());
        file
    }

    fn checked(&self) -> String {
        let told = format!("{} {} {}", self.format, self.cluster_id, self.member_id);
        format!("{:08x}", crc32c::crc32c(told.as_bytes()))
    }
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
        // Left by a restore that was cut off when all was done.
        let _ = std::fs::remove_dir(path.join(RESTORING));
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

    /// The file that tells how far the log is synced.
    pub fn wal_mark(&self) -> PathBuf {
        self.path.join("wal.synced")
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

/// What makes the data directory `path` a member's.
pub fn member_in(path: &Path) -> PathBuf {
    path.join(MEMBER)
}

/// Makes `path`, which holds a restored snapshot, a member's directory.
pub fn write_member(path: &Path, identity: Identity) -> Result<(), OpenError> {
    write_member_on(&OsDisk, path, identity)
}

fn write_member_on(disk: &dyn Disk, path: &Path, identity: Identity) -> Result<(), OpenError> {
    let content = MemberFile::of(identity);
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

/// Reads `member.json`. A file that is no such thing at all is someone else's; one that nearly is,
/// or does not match its checksum, is damaged.
fn parse(path: &Path, bytes: &[u8]) -> Result<Identity, OpenError> {
    let damaged = |offset: usize, reason: String| OpenError::DamagedMember {
        path: path.to_owned(),
        offset,
        reason,
    };
    let member = match serde_json::from_slice::<MemberFile>(bytes) {
        Ok(member) => member,
        // Of a later version, which may have more to tell.
        Err(_) if let Some(format) = format_of(bytes).filter(|format| *format > FORMAT.into()) => {
            return Err(OpenError::UnknownFormat { path: path.to_owned(), format });
        }
        Err(_) if !bytes.windows(MARKS.len()).any(|window| window == MARKS) => {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
        Err(error) => {
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len);
            let before: usize = lines.take(error.line().saturating_sub(1)).sum();
            return Err(damaged(before + error.column().saturating_sub(1), error.to_string()));
        }
    };
    if member.checksum.as_ref().is_some_and(|told| *told != member.checked()) {
        return Err(damaged(0, "it does not match its checksum".to_owned()));
    }
    if member.format != FORMAT {
        let format = member.format.into();
        return Err(OpenError::UnknownFormat { path: path.to_owned(), format });
    }
    let id = |text: &str| {
        u64::from_str_radix(text, 16).map_err(|error| damaged(0, format!("{text:?}: {error}")))
    };
    Ok(Identity { cluster_id: id(&member.cluster_id)?, member_id: id(&member.member_id)? })
}

/// By this a file is told to be a member's, damaged or not.
const MARKS: &[u8] = b"_id\"";

fn format_of(bytes: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(bytes).ok()?.get("format")?.as_u64()
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
    let (mut stranger, mut unfinished) = (None, false);
    for entry in std::fs::read_dir(path).map_err(io_error("read directory", path))? {
        let entry = entry.map_err(io_error("read directory", path))?;
        let name = entry.file_name();
        if name == MEMBER {
            return Ok(());
        }
        unfinished |= name == RESTORING;
        if !BEGINNINGS.iter().any(|ours| name == *ours) {
            stranger = Some(entry.path());
        }
    }
    if unfinished {
        return Err(OpenError::Unfinished { dir: path.to_owned() });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_error::WAY_OUT;

    const IDENTITY: Identity = Identity { cluster_id: 0x1234_5678_9abc_def0, member_id: 0xfe };

    fn parsed(bytes: &[u8]) -> Result<Identity, OpenError> {
        parse(Path::new("/dir/member.json"), bytes)
    }

    fn written() -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        write_member(dir.path(), IDENTITY).expect("the file is written");
        std::fs::read(dir.path().join(MEMBER)).expect("the file is readable")
    }

    #[test]
    fn any_flipped_bit_of_an_identity_is_found() {
        let whole = written();
        assert_eq!(parsed(&whole).expect("it is whole"), IDENTITY);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                match parsed(&bytes) {
                    // White space may be any.
                    Ok(identity) => assert_eq!(identity, IDENTITY, "bit {bit} of byte {at}"),
                    Err(error @ OpenError::DamagedMember { .. }) => {
                        let told = error.to_string();
                        assert!(told.contains("/dir/member.json") && told.contains(WAY_OUT));
                    }
                    Err(error) => panic!("bit {bit} of byte {at}: {error}"),
                }
            }
        }
        for length in 0..whole.len() - 1 {
            assert!(parsed(&whole[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn files_of_other_versions_and_of_others_are_told_apart() {
        let earlier = br#"{"format": 1, "cluster_id": "123456789abcdef0", "member_id": "fe"}"#;
        assert_eq!(parsed(earlier).expect("it is known"), IDENTITY);
        let later = br#"{"format": 2, "cluster_id": "1", "member_id": "fe", "more": []}"#;
        let outcome = parsed(later);
        assert!(matches!(outcome, Err(OpenError::UnknownFormat { format: 2, .. })), "{outcome:?}");
        for other in [&b"{}"[..], b"", b"hello", br#"{"name": "a"}"#] {
            let outcome = parsed(other);
            assert!(matches!(outcome, Err(OpenError::Foreign { .. })), "{outcome:?}");
        }
    }

    /// What the lock holds is for people; that it is held is what counts.
    #[test]
    fn a_lock_may_hold_anything() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let open = || DataDir::open(&OsDisk, dir.path(), None, || IDENTITY);
        drop(open().expect("it is created"));
        for content in [&b"\xff\xfe\x00"[..], b"", &[b'9'; 100_000]] {
            std::fs::write(dir.path().join(LOCK), content).expect("the file is written");
            let held = open().expect("nobody holds it");
            assert_eq!(held.identity, IDENTITY);
            let pid = std::process::id().to_string();
            let refused = open();
            assert!(matches!(&refused, Err(OpenError::Locked { pid: told, .. }) if *told == pid));
        }
    }
}
