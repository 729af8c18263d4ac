//! Input made to do harm, for snapshot files of both formats: what must hold whatever the bytes
//! are.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::decode::{self, Loaded};
use super::error::SnapshotError;
use super::format::*;
use super::{encode, etcd};
use crate::command::Command;
use crate::mvcc::{Identity, Machine, State};
use crate::raft::types::{SnapshotMeta, StoredMembership, log_id};
use crate::types::*;

/// A file that nobody else can name.
struct Unlinked(File);

impl Unlinked {
    fn holding(bytes: &[u8]) -> Self {
        let made = rustix::fs::memfd_create("hostile", rustix::fs::MemfdFlags::CLOEXEC);
        let mut file = File::from(made.expect("there is memory for a name"));
        file.write_all(bytes).expect("there is memory for what is in memory");
        Self(file)
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

fn load(bytes: &[u8], check_hash: bool) -> Result<Loaded, SnapshotError> {
    decode::load(&Unlinked::holding(bytes).path(), check_hash)
}

fn written(loaded: &Loaded) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    encode::encode(&loaded.meta, &loaded.state, &mut sink).expect("memory takes it");
    bytes
}

/// Reads `data` as a snapshot file, with its hash and without.
pub(crate) fn own(data: &[u8]) {
    let file = Unlinked::holding(data);
    let whole = decode::check(&file.path()).is_ok();
    let _ = decode::peek(&file.path());
    for check_hash in [true, false] {
        let loaded = load(data, check_hash);
        assert!(!(check_hash && whole) || loaded.is_ok(), "checked and not taken");
        if let Ok(loaded) = loaded {
            settles(&loaded);
        }
    }
}

/// Takes `data` for what the frames hold, and reads the file that they make with all their
/// checksums.
pub(crate) fn items(data: &[u8]) {
    let mut file = MAGIC.to_vec();
    file.extend(FORMAT.to_le_bytes());
    file.extend([0; 4]);
    for frame in data.chunks(FRAME_BYTES) {
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend(crc32c::crc32c(frame).to_le_bytes());
        file.extend(frame);
    }
    file.extend(0u32.to_le_bytes());
    file.resize(file.len().next_multiple_of(BLOCK), 0);
    let hash = Sha256::digest(&file);
    file.extend(hash);
    own(&file);
}

/// A state that was read is written so that the same is read again.
fn settles(loaded: &Loaded) {
    let once = written(loaded);
    let again = load(&once, true).expect("what was written is whole");
    assert!(written(&again) == once, "a snapshot of a snapshot is another");
}

/// Reads `data` as etcd's database file, in all the ways that there are.
pub(crate) fn bolt(data: &[u8]) {
    let source = data.to_vec();
    let imported = etcd::import(&source);
    let scanned = etcd::scan(&source);
    let _ = etcd::hash_kv(&source, 0);
    if let Ok(imported) = imported {
        assert!(scanned.is_ok(), "imported and not scanned: {scanned:?}");
        let meta = meta(&imported.state);
        settles(&Loaded { meta, state: imported.state });
    }
}

fn meta(state: &State) -> Meta {
    let identity = Identity { cluster_id: 1, member_id: 2 };
    let membership = StoredMembership::default();
    let meta = SnapshotMeta { last_log_id: Some(log_id(1, 9)), last_membership: membership };
    Meta::new(identity, &meta, state)
}

/// A state with everything in it.
fn example() -> Loaded {
    let mut machine = Machine::new(Identity { cluster_id: 1, member_id: 2 }, State::default());
    let put = |key: &str, lease| {
        let (key, value) = (key.to_owned().into(), "value".into());
        Command::Put(PutRequest { key, value, lease, ..PutRequest::default() })
    };
    let range = KeyRange::prefix("b");
    let commands = [
        Command::LeaseGrant { id: 7, ttl: 60 },
        put("a", 7),
        put("b", 0),
        put("b1", 0),
        put("a", 7),
        Command::DeleteRange(DeleteRangeRequest { range, prev_kv: false }),
        Command::Compact { revision: 4 },
        put("b", 0),
    ];
    for command in commands {
        drop(machine.apply(1, command));
    }
    let state = machine.state().clone();
    Loaded { meta: meta(&state), state }
}

/// Files that are whole.
pub(crate) fn files() -> Vec<Vec<u8>> {
    let state = State::default();
    vec![written(&Loaded { meta: meta(&state), state }), written(&example())]
}

/// What [`items`] takes: the frames of whole files.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    // They have one frame each, which ends where its length says.
    let frame = |file: &Vec<u8>| {
        let length: [u8; 4] = file[HEADER..HEADER + 4].try_into().expect("four bytes");
        file[HEADER + 8..][..u32::from_le_bytes(length) as usize].to_vec()
    };
    files().iter().map(frame).collect()
}

/// Database files that are whole, without the hash at their end.
pub(crate) fn databases() -> Vec<Vec<u8>> {
    let Loaded { meta, state } = example();
    let export = etcd::Export::new(meta, state).expect("etcd can keep it");
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    export.encode(&mut sink).expect("memory takes it");
    bytes.truncate(bytes.len() - HASH);
    vec![bytes, include_bytes!("../bolt/fixtures/odd.db").to_vec()]
}
