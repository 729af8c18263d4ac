//! Reads the WAL back at start.
//!
//! A write that was under way when the machine stopped leaves a *torn tail*: records of the last
//! group, some of them damaged. None of that group was acknowledged, so the log ends before the
//! first damaged record. Damage anywhere else is refused, since what follows it was acknowledged:
//! - in a segment that has a successor, because a successor is only begun once its predecessor is
//!   synced to its seal;
//! - in the last segment, when a later record belongs to a group that began after the damage,
//!   because a group is only written once the one before it is synced;
//! - anywhere before the [mark](super::mark), because that is only set once what is before it is
//!   synced. This is what finds damage to the last group, and a log that ends early or is gone.
//!
//! What is read may never have been synced: a process that is killed leaves it to the system to
//! write. So the last segment is synced before it is read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::mark::{self, Claim, Found, Mark};
use super::record::{self, ALIGNMENT, Place, Record};
use super::replay::Replay;
use super::segment::{self, BadHeader};
use super::writer::{Options, Position, SegmentInfo, Wal};
use crate::disk::DiskFile;
use crate::open_error::WAY_OUT;
use crate::raft::log::Log;

/// Why a WAL was not read.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "write-ahead log is damaged in {path} at offset {offset}: {reason}; {WAY_OUT}",
        path = .path.display()
    )]
    Corrupt { path: PathBuf, offset: usize, reason: String },
    #[error(
        "{path} is not part of a write-ahead log; is this the right data directory?",
        path = .path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "{path} has write-ahead log format {format}, which this version does not know; use the \
         version that wrote it",
        path = .path.display()
    )]
    UnknownFormat { path: PathBuf, format: u8 },
}

/// A WAL read back and ready to be written on.
#[derive(Debug)]
pub struct Recovered {
    pub log: Log,
    pub wal: Wal,
    /// Bytes cut off the end because their write had not finished.
    #[cfg_attr(not(test), expect(dead_code, reason = "recovery logs it; tests look at it"))]
    pub torn_bytes: usize,
}

/// Reads the WAL in `dir` (which exists), and opens it for writing. An empty directory is an empty
/// log.
pub fn recover(dir: &Path, options: Options) -> Result<Recovered, WalError> {
    if let Some(last) = list(dir)?.last().filter(|_| !planted!(CacheBelieved)) {
        // Nothing may be taken for durable that an earlier process wrote and did not sync.
        let path = segment::path(dir, *last);
        options.disk.settle(&path).map_err(io_error("sync", &path))?;
    }
    let read = read_back(dir, &options.mark)?;
    if let Some(path) = &read.unfinished {
        options.disk.remove(path).map_err(io_error("remove", path))?;
    }
    let mut mark = match options.fsync {
        true => Some(
            Mark::open(&*options.disk, &options.mark, read.mark)
                .map_err(io_error("open", &options.mark))?,
        ),
        false => None,
    };
    let mut position = None;
    let mut torn_bytes = 0;
    if let (Some((segment, end)), Some(info)) = (&read.last, read.segments.last()) {
        let file = reopen(segment, end, &options)?;
        if let Some(mark) = &mut mark {
            let claim = Claim { sequence: info.sequence, salt: info.salt, offset: end.offset };
            mark.set(claim).map_err(io_error("write", &options.mark))?;
        }
        torn_bytes = end.torn_bytes;
        position = (!end.sealed).then(|| Position {
            file,
            salt: segment.header.salt,
            offset: end.offset,
            length: segment.bytes.len(),
            // As far as can be known: zeros look the same whether written or reserved.
            written: end.offset,
        });
    }
    let (log, segments) = (read.log, read.segments);
    let wal = Wal::start(dir.to_owned(), options, segments, position, mark, &log);
    let wal = wal.map_err(|source| WalError::Io {
        action: "start the writer of",
        path: dir.into(),
        source,
    })?;
    Ok(Recovered { log, wal, torn_bytes })
}

/// What the files hold.
pub(super) struct ReadBack {
    pub(super) log: Log,
    segments: Vec<SegmentInfo>,
    last: Option<(Segment, End)>,
    /// A last segment that nothing was ever put into.
    unfinished: Option<PathBuf>,
    mark: Option<Found>,
}

/// Reads the WAL in `dir` and changes nothing.
pub(super) fn read_back(dir: &Path, mark: &Path) -> Result<ReadBack, WalError> {
    let mark = mark::read(mark).map_err(io_error("read", mark))?;
    let claim = mark.map(|found| found.claim);
    let mut sequences = list(dir)?;
    check_sequences(dir, &sequences, claim)?;
    let mut unfinished = None;
    if let Some(last) = sequences.last().copied()
        && claim.is_none_or(|claim| claim.sequence < last)
    {
        unfinished = find_unfinished(dir, last)?;
        sequences.truncate(sequences.len() - usize::from(unfinished.is_some()));
    }
    let mut replay = Replay::default();
    let mut segments: Vec<SegmentInfo> = Vec::new();
    let mut last = None;
    for (at, sequence) in sequences.iter().enumerate() {
        let is_last = at + 1 == sequences.len();
        let segment = Segment::read(segment::path(dir, *sequence), *sequence)?;
        let previous = segments.last().map(|previous| previous.salt);
        let end = segment.replay(previous, is_last, &mut replay)?;
        if let Some(claim) = claim.filter(|claim| claim.sequence == *sequence) {
            segment.check_claim(claim, &end)?;
        }
        let (salt, last_index) = (segment.header.salt, end.last_index);
        segments.push(SegmentInfo { sequence: *sequence, salt, last_index });
        last = is_last.then_some((segment, end));
    }
    let first = sequences.first().map_or_else(PathBuf::new, |first| segment::path(dir, *first));
    Ok(ReadBack { log: replay.finish(&first)?, segments, last, unfinished, mark })
}

/// Segments follow each other, up to the one that the mark names.
fn check_sequences(dir: &Path, sequences: &[u64], claim: Option<Claim>) -> Result<(), WalError> {
    let missing = |sequence| WalError::Corrupt {
        path: segment::path(dir, sequence),
        offset: 0,
        reason: "the segment is missing".to_owned(),
    };
    if let Some(pair) = sequences.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        return Err(missing(pair[0] + 1));
    }
    match (sequences.last(), claim) {
        (Some(last), Some(claim)) if *last < claim.sequence => Err(missing(last + 1)),
        (None, Some(claim)) => Err(missing(claim.sequence)),
        _ => Ok(()),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WalError {
    let path = path.to_owned();
    move |source| WalError::Io { action, path, source }
}

/// The sequences present, in order.
fn list(dir: &Path) -> Result<Vec<u64>, WalError> {
    let mut sequences = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io_error("list", dir))? {
        let path = entry.map_err(io_error("list", dir))?.path();
        match segment::sequence_of(&path) {
            Some(sequence) => sequences.push(sequence),
            None => return Err(WalError::Foreign { path }),
        }
    }
    sequences.sort_unstable();
    Ok(sequences)
}

/// A last segment that was being created when the machine stopped: nothing in it was ever
/// acknowledged.
fn find_unfinished(dir: &Path, sequence: u64) -> Result<Option<PathBuf>, WalError> {
    let path = segment::path(dir, sequence);
    let file = std::fs::File::open(&path).map_err(io_error("open", &path))?;
    let mut header = Vec::with_capacity(segment::HEADER);
    let reading = (&file).take(segment::HEADER as u64).read_to_end(&mut header);
    reading.map_err(io_error("read", &path))?;
    let readable =
        !matches!(segment::Header::decode(&header), Err(BadHeader::Absent | BadHeader::Damaged));
    if readable {
        return Ok(None);
    }
    let mut records = Vec::new();
    (&file).read_to_end(&mut records).map_err(io_error("read", &path))?;
    Ok(last_nonzero(&records).is_none().then_some(path))
}

/// Opens the last segment for writing. A torn tail is overwritten with zeros, so that no record of
/// it can ever be taken for a later one.
fn reopen(segment: &Segment, end: &End, options: &Options) -> Result<Box<dyn DiskFile>, WalError> {
    let file = options.disk.open(&segment.path).map_err(io_error("open", &segment.path))?;
    if end.torn_bytes > 0 {
        tracing::warn!(
            path = %segment.path.display(),
            offset = end.offset,
            bytes = end.torn_bytes,
            "the last write had not finished; it was never acknowledged and is dropped"
        );
        file.write_at(&vec![0; end.torn_bytes], end.offset as u64)
            .and_then(|()| file.sync())
            .map_err(io_error("clear the end of", &segment.path))?;
    }
    Ok(file)
}

/// A segment in memory.
pub(super) struct Segment {
    path: PathBuf,
    header: segment::Header,
    bytes: Vec<u8>,
}

/// Where a segment's records end.
pub(super) struct End {
    offset: usize,
    sealed: bool,
    torn_bytes: usize,
    last_index: Option<u64>,
}

impl Segment {
    fn read(path: PathBuf, sequence: u64) -> Result<Self, WalError> {
        let bytes = read_mostly_zeros(&path).map_err(io_error("read", &path))?;
        Self::of(path, sequence, bytes)
    }

    /// The segment that `bytes` are, if they are the one that they should be.
    pub(super) fn of(path: PathBuf, sequence: u64, bytes: Vec<u8>) -> Result<Self, WalError> {
        let corrupt = |reason: &str| WalError::Corrupt {
            path: path.clone(),
            offset: 0,
            reason: reason.to_owned(),
        };
        match segment::Header::decode(&bytes) {
            Ok(header) if header.sequence == sequence => Ok(Self { path, header, bytes }),
            Ok(_) => Err(corrupt("the file is another segment's, renamed")),
            Err(BadHeader::UnknownFormat(format)) => Err(WalError::UnknownFormat { path, format }),
            Err(BadHeader::Absent | BadHeader::Damaged) => {
                Err(corrupt("the segment header is damaged"))
            }
        }
    }

    fn place(&self, offset: usize) -> Place {
        Place { salt: self.header.salt, offset }
    }

    fn corrupt(&self, offset: usize, reason: impl Into<String>) -> WalError {
        WalError::Corrupt { path: self.path.clone(), offset, reason: reason.into() }
    }

    /// Feeds the records to `replay` up to the seal, the end, or a torn tail. `previous` is the
    /// salt of the segment before, where that is still there.
    pub(super) fn replay(
        &self,
        previous: Option<u64>,
        is_last: bool,
        replay: &mut Replay,
    ) -> Result<End, WalError> {
        let mut offset = segment::HEADER;
        let mut last_index = None;
        loop {
            let place = self.place(offset);
            let Some((header, body)) = record::Header::read(&self.bytes, place)
                .and_then(|header| Some((header, header.body(&self.bytes, place)?)))
            else {
                let torn_bytes = self.check_tail(offset, is_last)?;
                return Ok(End { offset, sealed: false, torn_bytes, last_index });
            };
            let record = record::decode(header.kind, body).ok_or_else(|| {
                self.corrupt(offset, format!("record kind {} is unknown", header.kind))
            })?;
            offset += header.size();
            if record == Record::Seal {
                return Ok(End { offset, sealed: true, torn_bytes: 0, last_index });
            }
            if let (Record::Follows(salt), Some(previous)) = (&record, previous)
                && *salt != previous
            {
                return Err(self.corrupt(place.offset, "the segment before is another log's"));
            }
            if let Record::Entry(entry) = &record {
                last_index = last_index.max(Some(entry.log_id.index));
            }
            replay.apply(record).map_err(|reason| self.corrupt(place.offset, reason))?;
        }
    }

    /// Holds the segment to what was marked as synced.
    fn check_claim(&self, claim: Claim, end: &End) -> Result<(), WalError> {
        if claim.salt != self.header.salt {
            return Err(self.corrupt(0, "the segment is another log's"));
        }
        if end.offset < claim.offset {
            let marked = claim.offset;
            let reason = format!("no record is readable here, and the log was synced to {marked}");
            return Err(self.corrupt(end.offset, reason));
        }
        Ok(())
    }

    /// Decides what the bytes from `end` on are: nothing, a torn tail (its length), or damage.
    fn check_tail(&self, end: usize, is_last: bool) -> Result<usize, WalError> {
        if !is_last {
            return Err(self.corrupt(end, "a record is damaged and later segments follow"));
        }
        let tail = &self.bytes[end.min(self.bytes.len())..];
        let Some(last) = last_nonzero(tail) else { return Ok(0) };
        let later = (end + ALIGNMENT..end + last + 1).step_by(ALIGNMENT);
        for offset in later {
            let acknowledged = record::Header::read(&self.bytes, self.place(offset))
                .is_some_and(|header| header.group > end);
            if acknowledged {
                let reason = format!("a record is damaged and valid ones follow at {offset}");
                return Err(self.corrupt(end, reason));
            }
        }
        Ok(last + 1)
    }
}

/// Bytes looked at together when a segment is read.
const READ_CHUNK: usize = 64 << 10;

/// Reads a whole file of which most is zeros, as a segment with room is. Memory that would only
/// hold zeros stays untouched, so a member that starts anew holds no more than one that was made.
fn read_mostly_zeros(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let mut chunk = vec![0; READ_CHUNK];
    let mut at = 0;
    while at < length {
        let room = READ_CHUNK.min(length - at);
        let read = file.read(&mut chunk[..room])?;
        if read == 0 {
            break;
        }
        if last_nonzero(&chunk[..read]).is_some() {
            bytes[at..at + read].copy_from_slice(&chunk[..read]);
        }
        at += read;
    }
    bytes.truncate(at);
    Ok(bytes)
}

/// Position of the last byte that is not zero. Most of a segment is zeros, so whole pages are
/// compared at once.
fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let page = bytes.chunks(ZEROS.len()).rposition(|page| page != &ZEROS[..page.len()])?;
    let start = page * ZEROS.len();
    let end = bytes.len().min(start + ZEROS.len());
    bytes[start..end].iter().rposition(|byte| *byte != 0).map(|at| start + at)
}
