//! What is proposed to Raft: every change of the store as one self-contained value.
//!
//! A command is encoded once, when it is proposed. The same bytes go to the WAL, to other members,
//! and to the state machine, whose keys and values are slices of them.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::alarm::{Alarm, AlarmKind};
use crate::auth;
use crate::types::*;

/// First byte of an encoded command. A member refuses to apply any other.
const FORMAT: u8 = 1;

/// First byte of an encoded command with an envelope.
const FORMAT_ENVELOPE: u8 = 2;

/// First byte of an encoded command with an envelope that names a user.
const FORMAT_USER: u8 = 3;

/// First byte of an encoded command of a client, from a time when users did not matter: an envelope
/// that takes no room.
const FORMAT_CLIENT: u8 = 4;

/// Deepest nesting of transactions that decodes, a bound on recursion. Above what 128 operations
/// per transaction allow.
const MAX_NESTING: usize = 256;

/// A change of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
    Txn(Txn),
    Compact {
        revision: i64,
    },
    /// `id` was chosen by the proposer, so that applying needs no randomness.
    LeaseGrant {
        id: i64,
        ttl: i64,
    },
    LeaseRevoke {
        id: i64,
    },
    /// What leases have left, as the leader's clock has it.
    LeaseCheckpoint(Vec<LeaseCheckpoint>),
    Alarm {
        raise: bool,
        alarm: Alarm,
    },
    /// Boxed: rare, and much larger than the others would be.
    Auth(Box<auth::Change>),
    /// Members are to be replaced by those of an older version (`3.5.0`), or are no longer.
    Downgrade {
        target: Option<Box<str>>,
    },
}

/// What one lease has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseCheckpoint {
    pub id: i64,
    /// Seconds; 0 is all that was granted.
    pub remaining_ttl: i64,
}

/// A command with what its proposer says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Told apart by its proposer, which waits for it to be applied here; 0 if nobody waits.
    pub request_id: u64,
    /// The revision of users and roles at which the proposer had this command permitted; 0 if
    /// nothing needed permission.
    ///
    /// [`auth::ANONYMOUS`] if its proposer is a client and users did not matter.
    pub auth_revision: u64,
    /// The user whose right to the keys of a lease is looked at again at apply; empty if that makes
    /// no difference.
    pub user: Arc<str>,
    pub command: Command,
}

impl From<Command> for Envelope {
    fn from(command: Command) -> Self {
        Self { request_id: 0, auth_revision: 0, user: Arc::default(), command }
    }
}

impl Envelope {
    /// A command with the permit of the scope that this runs in.
    pub fn of(command: Command) -> Self {
        let auth::Permit { auth_revision, user } = auth::Permit::current();
        Self { request_id: 0, auth_revision, user, command }
    }

    pub fn encode(&self) -> Bytes {
        if self.request_id == 0 && self.auth_revision == 0 {
            return self.command.encode();
        }
        let mut out = BytesMut::with_capacity(self.command.size_hint() + 16 + self.user.len());
        if self.request_id == 0 && self.auth_revision == auth::ANONYMOUS {
            out.put_u8(FORMAT_CLIENT);
            self.command.put(&mut out);
            return out.freeze();
        }
        out.put_u8(if self.user.is_empty() { FORMAT_ENVELOPE } else { FORMAT_USER });
        out.put_u64_le(self.request_id);
        out.put_u64_le(self.auth_revision);
        if !self.user.is_empty() {
            bytes(&mut out, self.user.as_bytes());
        }
        self.command.put(&mut out);
        out.freeze()
    }

    /// Reads a command, with or without an envelope. Its keys and values share `encoded`'s memory,
    /// unless it holds several puts: then one surviving value would keep the others alive, so they
    /// are copied.
    pub fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        let mut input = Reader { input: encoded, copies: false };
        let (request_id, auth_revision, user) = match input.u8()? {
            FORMAT => (0, 0, Arc::default()),
            FORMAT_CLIENT => (0, auth::ANONYMOUS, Arc::default()),
            FORMAT_ENVELOPE => (input.u64()?, input.u64()?, Arc::default()),
            FORMAT_USER => (input.u64()?, input.u64()?, input.text()?),
            other => return Err(DecodeError::UnknownFormat(other)),
        };
        let command = input.command()?;
        match input.input.len() {
            0 => Ok(Self { request_id, auth_revision, user, command }),
            surplus => Err(DecodeError::Surplus(surplus)),
        }
    }
}

/// An encoded command that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("command ends early")]
    Truncated,
    #[error("command format {0} is unknown to this version")]
    UnknownFormat(u8),
    #[error("command has unknown tag {0}")]
    UnknownTag(u8),
    #[error("command holds malformed data")]
    Malformed,
    #[error("command nests transactions too deeply")]
    TooDeep,
    #[error("command is followed by {0} surplus bytes")]
    Surplus(usize),
}

impl Command {
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size_hint());
        out.put_u8(FORMAT);
        self.put(&mut out);
        out.freeze()
    }

    /// What it is, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "put",
            Self::DeleteRange(_) => "delete range",
            Self::Txn(_) => "txn",
            Self::Compact { .. } => "compaction",
            Self::LeaseGrant { .. } => "lease grant",
            Self::LeaseRevoke { .. } => "lease revoke",
            Self::LeaseCheckpoint(_) => "lease checkpoint",
            Self::Alarm { .. } => "alarm",
            Self::Auth(_) => "auth",
            Self::Downgrade { .. } => "downgrade",
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Put(request) => {
                out.put_u8(0);
                put(out, request);
            }
            Self::DeleteRange(request) => {
                out.put_u8(1);
                delete(out, request);
            }
            Self::Txn(request) => {
                out.put_u8(2);
                txn(out, request);
            }
            Self::Compact { revision } => {
                out.put_u8(3);
                out.put_i64_le(*revision);
            }
            Self::LeaseGrant { id, ttl } => {
                out.put_u8(4);
                out.put_i64_le(*id);
                out.put_i64_le(*ttl);
            }
            Self::LeaseRevoke { id } => {
                out.put_u8(5);
                out.put_i64_le(*id);
            }
            Self::Alarm { raise, alarm } => {
                out.put_u8(6);
                out.put_u8(u8::from(*raise));
                out.put_u8(match alarm.kind {
                    AlarmKind::NoSpace => 1,
                    AlarmKind::Corrupt => 2,
                });
                out.put_u64_le(alarm.member_id);
            }
            Self::Auth(change) => {
                out.put_u8(7);
                let json = serde_json::to_vec(change).expect("a change is plain data");
                bytes(out, &json);
            }
            Self::LeaseCheckpoint(checkpoints) => {
                out.put_u8(8);
                let count = u32::try_from(checkpoints.len());
                out.put_u32_le(count.expect("checkpoints come in small batches"));
                for checkpoint in checkpoints {
                    out.put_i64_le(checkpoint.id);
                    out.put_i64_le(checkpoint.remaining_ttl);
                }
            }
            Self::Downgrade { target } => {
                out.put_u8(9);
                bytes(out, target.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }

    fn size_hint(&self) -> usize {
        const FIXED: usize = 32;
        match self {
            Self::Put(request) => FIXED + request.key.len() + request.value.len(),
            Self::Txn(txn) => {
                let ops = txn.success.iter().chain(&txn.failure);
                let sizes = ops.map(|op| match op {
                    RequestOp::Put(request) => FIXED + request.key.len() + request.value.len(),
                    RequestOp::Range(_) | RequestOp::DeleteRange(_) | RequestOp::Txn(_) => {
                        4 * FIXED
                    }
                });
                FIXED + txn.compare.len() * 3 * FIXED + sizes.sum::<usize>()
            }
            Self::LeaseCheckpoint(checkpoints) => FIXED + 16 * checkpoints.len(),
            Self::DeleteRange(_)
            | Self::Compact { .. }
            | Self::LeaseGrant { .. }
            | Self::LeaseRevoke { .. }
            | Self::Alarm { .. }
            | Self::Auth(_)
            | Self::Downgrade { .. } => 4 * FIXED,
        }
    }
}

fn bytes(out: &mut BytesMut, value: &[u8]) {
    out.put_u32_le(u32::try_from(value.len()).expect("request sizes are limited far below 4 GiB"));
    out.put_slice(value);
}

fn flags(bits: &[bool]) -> u8 {
    bits.iter().enumerate().fold(0, |flags, (at, bit)| flags | (u8::from(*bit) << at))
}

fn range(out: &mut BytesMut, range: &KeyRange) {
    bytes(out, &range.key);
    bytes(out, &range.end);
}

fn put(out: &mut BytesMut, request: &PutRequest) {
    out.put_u8(flags(&[request.prev_kv, request.ignore_value, request.ignore_lease]));
    out.put_i64_le(request.lease);
    bytes(out, &request.key);
    bytes(out, &request.value);
}

fn delete(out: &mut BytesMut, request: &DeleteRangeRequest) {
    out.put_u8(flags(&[request.prev_kv]));
    range(out, &request.range);
}

fn get(out: &mut BytesMut, request: &RangeRequest) {
    range(out, &request.range);
    out.put_u8(flags(&[request.serializable, request.keys_only, request.count_only]));
    out.put_u8(match request.sort_order {
        SortOrder::None => 0,
        SortOrder::Ascend => 1,
        SortOrder::Descend => 2,
    });
    out.put_u8(match request.sort_target {
        SortTarget::Key => 0,
        SortTarget::Version => 1,
        SortTarget::CreateRevision => 2,
        SortTarget::ModRevision => 3,
        SortTarget::Value => 4,
    });
    for value in [
        request.limit,
        request.revision,
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ] {
        out.put_i64_le(value);
    }
}

fn compare(out: &mut BytesMut, compare: &Compare) {
    range(out, &compare.range);
    out.put_u8(match compare.result {
        CompareResult::Equal => 0,
        CompareResult::Greater => 1,
        CompareResult::Less => 2,
        CompareResult::NotEqual => 3,
    });
    let mut number = |tag: u8, value: i64| {
        out.put_u8(tag);
        out.put_i64_le(value);
    };
    match &compare.target {
        CompareTarget::Version(value) => number(0, *value),
        CompareTarget::CreateRevision(value) => number(1, *value),
        CompareTarget::ModRevision(value) => number(2, *value),
        CompareTarget::Lease(value) => number(3, *value),
        CompareTarget::Value(value) => {
            out.put_u8(4);
            bytes(out, value);
        }
    }
}

fn txn(out: &mut BytesMut, txn_: &Txn) {
    let count = |out: &mut BytesMut, count: usize| {
        out.put_u32_le(u32::try_from(count).expect("operations per transaction are limited"));
    };
    count(out, txn_.compare.len());
    txn_.compare.iter().for_each(|one| compare(out, one));
    for ops in [&txn_.success, &txn_.failure] {
        count(out, ops.len());
        for op in ops {
            match op {
                RequestOp::Put(request) => {
                    out.put_u8(0);
                    put(out, request);
                }
                RequestOp::DeleteRange(request) => {
                    out.put_u8(1);
                    delete(out, request);
                }
                RequestOp::Txn(request) => {
                    out.put_u8(2);
                    txn(out, request);
                }
                RequestOp::Range(request) => {
                    out.put_u8(3);
                    get(out, request);
                }
            }
        }
    }
}

/// Takes a command apart.
struct Reader {
    input: Bytes,
    copies: bool,
}

impl Reader {
    fn need(&self, bytes: usize) -> Result<(), DecodeError> {
        if self.input.len() < bytes { Err(DecodeError::Truncated) } else { Ok(()) }
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.need(1)?;
        Ok(self.input.get_u8())
    }

    fn u32(&mut self) -> Result<usize, DecodeError> {
        self.need(4)?;
        Ok(self.input.get_u32_le() as usize)
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.need(8)?;
        Ok(self.input.get_i64_le())
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        self.need(8)?;
        Ok(self.input.get_u64_le())
    }

    fn command(&mut self) -> Result<Command, DecodeError> {
        Ok(match self.u8()? {
            0 => Command::Put(self.put()?),
            1 => Command::DeleteRange(self.delete()?),
            2 => Command::Txn(self.txn(0)?),
            3 => Command::Compact { revision: self.i64()? },
            4 => Command::LeaseGrant { id: self.i64()?, ttl: self.i64()? },
            5 => Command::LeaseRevoke { id: self.i64()? },
            6 => self.alarm()?,
            7 => {
                let json = self.bytes()?;
                Command::Auth(serde_json::from_slice(&json).map_err(|_| DecodeError::Malformed)?)
            }
            8 => {
                let checkpoint = |input: &mut Self| -> Result<LeaseCheckpoint, DecodeError> {
                    Ok(LeaseCheckpoint { id: input.i64()?, remaining_ttl: input.i64()? })
                };
                let count = self.count()?;
                let checkpoints = (0..count).map(|_| checkpoint(self)).collect::<Result<_, _>>()?;
                Command::LeaseCheckpoint(checkpoints)
            }
            9 => {
                let target = String::from_utf8(self.bytes()?.to_vec());
                let target: Box<str> = target.map_err(|_| DecodeError::Malformed)?.into();
                Command::Downgrade { target: (!target.is_empty()).then_some(target) }
            }
            tag => return Err(DecodeError::UnknownTag(tag)),
        })
    }

    fn alarm(&mut self) -> Result<Command, DecodeError> {
        let raise = self.u8()? != 0;
        let kind = match self.u8()? {
            1 => AlarmKind::NoSpace,
            2 => AlarmKind::Corrupt,
            tag => return Err(DecodeError::UnknownTag(tag)),
        };
        Ok(Command::Alarm { raise, alarm: Alarm { kind, member_id: self.u64()? } })
    }

    fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.u32()?;
        self.need(length)?;
        let slice = self.input.split_to(length);
        Ok(if self.copies { Bytes::copy_from_slice(&slice) } else { slice })
    }

    fn text(&mut self) -> Result<Arc<str>, DecodeError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(&bytes).map(Arc::from).map_err(|_| DecodeError::Malformed)
    }

    /// A count of items of at least one byte each, so that a wrong one allocates nothing.
    fn count(&mut self) -> Result<usize, DecodeError> {
        let count = self.u32()?;
        self.need(count)?;
        Ok(count)
    }

    fn range(&mut self) -> Result<KeyRange, DecodeError> {
        Ok(KeyRange { key: self.bytes()?, end: self.bytes()? })
    }

    fn put(&mut self) -> Result<PutRequest, DecodeError> {
        let flags = self.u8()?;
        let lease = self.i64()?;
        Ok(PutRequest {
            key: self.bytes()?,
            value: self.bytes()?,
            lease,
            prev_kv: flags & 1 != 0,
            ignore_value: flags & 2 != 0,
            ignore_lease: flags & 4 != 0,
        })
    }

    fn delete(&mut self) -> Result<DeleteRangeRequest, DecodeError> {
        let flags = self.u8()?;
        Ok(DeleteRangeRequest { range: self.range()?, prev_kv: flags & 1 != 0 })
    }

    fn get(&mut self) -> Result<RangeRequest, DecodeError> {
        let range = self.range()?;
        let flags = self.u8()?;
        let sort_order = match self.u8()? {
            0 => SortOrder::None,
            1 => SortOrder::Ascend,
            2 => SortOrder::Descend,
            tag => return Err(DecodeError::UnknownTag(tag)),
        };
        let sort_target = match self.u8()? {
            0 => SortTarget::Key,
            1 => SortTarget::Version,
            2 => SortTarget::CreateRevision,
            3 => SortTarget::ModRevision,
            4 => SortTarget::Value,
            tag => return Err(DecodeError::UnknownTag(tag)),
        };
        Ok(RangeRequest {
            range,
            sort_order,
            sort_target,
            serializable: flags & 1 != 0,
            keys_only: flags & 2 != 0,
            count_only: flags & 4 != 0,
            limit: self.i64()?,
            revision: self.i64()?,
            min_mod_revision: self.i64()?,
            max_mod_revision: self.i64()?,
            min_create_revision: self.i64()?,
            max_create_revision: self.i64()?,
        })
    }

    fn compare(&mut self) -> Result<Compare, DecodeError> {
        let range = self.range()?;
        let result = match self.u8()? {
            0 => CompareResult::Equal,
            1 => CompareResult::Greater,
            2 => CompareResult::Less,
            3 => CompareResult::NotEqual,
            tag => return Err(DecodeError::UnknownTag(tag)),
        };
        let target = match self.u8()? {
            0 => CompareTarget::Version(self.i64()?),
            1 => CompareTarget::CreateRevision(self.i64()?),
            2 => CompareTarget::ModRevision(self.i64()?),
            3 => CompareTarget::Lease(self.i64()?),
            4 => CompareTarget::Value(self.bytes()?),
            tag => return Err(DecodeError::UnknownTag(tag)),
        };
        Ok(Compare { range, result, target })
    }

    fn txn(&mut self, depth: usize) -> Result<Txn, DecodeError> {
        if depth > MAX_NESTING {
            return Err(DecodeError::TooDeep);
        }
        let mut txn = Txn::default();
        for _ in 0..self.count()? {
            txn.compare.push(self.compare()?);
        }
        for branch in [&mut txn.success, &mut txn.failure] {
            let count = self.count()?;
            self.copies |= count > 1;
            for _ in 0..count {
                branch.push(match self.u8()? {
                    0 => RequestOp::Put(self.put()?),
                    1 => RequestOp::DeleteRange(self.delete()?),
                    2 => RequestOp::Txn(self.txn(depth + 1)?),
                    3 => RequestOp::Range(self.get()?),
                    tag => return Err(DecodeError::UnknownTag(tag)),
                });
            }
        }
        Ok(txn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Command> {
        let put = PutRequest {
            key: "k".into(),
            value: "v".into(),
            lease: -7,
            prev_kv: true,
            ignore_value: false,
            ignore_lease: true,
        };
        let get = RangeRequest {
            range: KeyRange::prefix("a"),
            limit: 5,
            revision: 9,
            sort_order: SortOrder::Descend,
            sort_target: SortTarget::Value,
            serializable: true,
            keys_only: false,
            count_only: true,
            min_mod_revision: 1,
            max_mod_revision: 2,
            min_create_revision: 3,
            max_create_revision: 4,
        };
        let delete = DeleteRangeRequest { range: KeyRange::single("x"), prev_kv: true };
        let targets = [
            CompareTarget::Version(1),
            CompareTarget::CreateRevision(2),
            CompareTarget::ModRevision(3),
            CompareTarget::Lease(4),
            CompareTarget::Value("v".into()),
        ];
        let results = [
            CompareResult::Equal,
            CompareResult::Greater,
            CompareResult::Less,
            CompareResult::NotEqual,
            CompareResult::Equal,
        ];
        let compare = targets.into_iter().zip(results).map(|(target, result)| Compare {
            range: KeyRange::single("c"),
            result,
            target,
        });
        let inner = Txn { success: vec![RequestOp::Put(put.clone())], ..Txn::default() };
        vec![
            Command::Put(put.clone()),
            Command::DeleteRange(delete.clone()),
            Command::Txn(Txn {
                compare: compare.collect(),
                success: vec![RequestOp::Range(get), RequestOp::Txn(inner)],
                failure: vec![RequestOp::DeleteRange(delete), RequestOp::Put(put)],
            }),
            Command::Txn(Txn::default()),
            Command::Compact { revision: i64::MAX },
            Command::LeaseGrant { id: i64::MIN, ttl: 5 },
            Command::LeaseRevoke { id: 3 },
            Command::Alarm {
                raise: true,
                alarm: Alarm { kind: AlarmKind::Corrupt, member_id: u64::MAX },
            },
            Command::Auth(Box::new(auth::Change::Disable)),
            Command::Downgrade { target: Some("3.5.0".into()) },
            Command::Downgrade { target: None },
            Command::LeaseCheckpoint(vec![LeaseCheckpoint { id: -3, remaining_ttl: 7 }; 2]),
        ]
    }

    #[test]
    fn every_command_survives_the_round_trip() {
        for command in samples() {
            let plain = Envelope::from(command.clone());
            assert_eq!(Envelope::decode(command.encode()), Ok(plain.clone()));
            let full = Envelope { request_id: 7, auth_revision: 9, ..plain.clone() };
            assert_eq!(Envelope::decode(full.encode()), Ok(full.clone()));
            let of_user = Envelope { user: "ann".into(), ..full };
            assert_eq!(Envelope::decode(of_user.encode()), Ok(of_user));
            let of_client = Envelope { auth_revision: auth::ANONYMOUS, ..plain };
            let encoded = of_client.encode();
            assert_eq!(encoded.len(), command.encode().len());
            assert_eq!(Envelope::decode(encoded), Ok(of_client));
        }
    }

    #[test]
    fn every_cut_is_refused() {
        for command in samples() {
            let encoded = command.encode();
            for length in 0..encoded.len() {
                assert!(Envelope::decode(encoded.slice(..length)).is_err(), "{command:?} {length}");
            }
        }
    }

    #[test]
    fn surplus_and_unknown_formats_are_refused() {
        let mut encoded = Command::LeaseRevoke { id: 3 }.encode().to_vec();
        encoded.push(0);
        assert_eq!(Envelope::decode(encoded.into()), Err(DecodeError::Surplus(1)));
        assert_eq!(
            Envelope::decode(Bytes::from_static(&[9, 0])),
            Err(DecodeError::UnknownFormat(9))
        );
        assert_eq!(
            Envelope::decode(Bytes::from_static(&[1, 99])),
            Err(DecodeError::UnknownTag(99))
        );
    }
}
