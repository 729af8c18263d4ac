//! The writer thread: groups what is queued, writes it once, syncs it once.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use super::mark::{Claim, Mark};
use super::record::{self, Record};
use super::segment;
use super::stall::DiskWatch;
use super::sync_times::SyncTimes;
use crate::disk::{Disk, DiskFile};
use crate::raft::log::Log;
use crate::raft::types::*;
#[cfg(feature = "simulation")]
use crate::work;

/// Jobs that may wait for the writer. Raft's core waits when it is full.
const QUEUE: usize = 1024;

/// A group closes when it holds this many bytes: more would only add latency.
const GROUP_BYTES: usize = 4 << 20;

/// Zeros written ahead of a small group that reaches where the file was never written. Reserved
/// space is only turned into data by the first write to it, for which the file system keeps a
/// journal that every sync would have to wait for; so it is done for many groups at once. A group
/// of this size pays for itself.
const AHEAD_BYTES: usize = 128 << 10;

/// Default size of a segment. Small enough that purging gives space back soon on a small machine.
pub const SEGMENT_BYTES: usize = 16 << 20;

/// Settings of a WAL.
#[derive(Clone, Debug)]
pub struct Options {
    pub disk: Arc<dyn Disk>,
    pub segment_bytes: usize,
    /// Whether to sync. Off, a crash of the machine (not of the process) loses data.
    pub fsync: bool,
    /// The file that tells how far the log is synced. Not written without syncs.
    pub mark: PathBuf,
    /// Told the reason when the WAL fails for good.
    pub failed: watch::Sender<Option<String>>,
}

/// Whom to tell when a job is durable.
#[derive(Debug)]
pub enum Done {
    Flushed(FlushedCallback),
    Caller(oneshot::Sender<io::Result<()>>),
}

/// openraft's callback, which has no `Debug` of its own.
pub struct FlushedCallback(pub Flushed);

impl std::fmt::Debug for FlushedCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlushedCallback")
    }
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Self::Flushed(FlushedCallback(callback)) => callback.io_completed(result),
            // A caller that went away needs no answer.
            Self::Caller(caller) => drop(caller.send(result)),
        }
    }
}

#[derive(Debug)]
enum Message {
    Write(Job),
    /// Write what is queued before this, then end.
    Stop,
}

#[derive(Debug)]
struct Job {
    records: Vec<Record>,
    done: Done,
}

/// A segment on disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentInfo {
    pub(super) sequence: u64,
    pub(super) salt: u64,
    /// Greatest index of its entries.
    pub(super) last_index: Option<u64>,
}

/// Where the next record goes.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) salt: u64,
    pub(super) offset: usize,
    pub(super) length: usize,
    /// Up to here the file was written, with records or with zeros.
    pub(super) written: usize,
}

/// A handle to the writer. Clones share it; [`Wal::stop`] ends it.
#[derive(Clone, Debug)]
pub struct Wal {
    jobs: mpsc::Sender<Message>,
    bytes: Arc<AtomicU64>,
    sync_times: SyncTimes,
    disk_watch: DiskWatch,
    thread: Arc<std::sync::Mutex<Option<JoinHandle<()>>>>,
}

impl Wal {
    pub(super) fn start(
        dir: PathBuf,
        options: Options,
        segments: Vec<SegmentInfo>,
        position: Option<Position>,
        mark: Option<Mark>,
        log: &Log,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let bytes = Arc::new(AtomicU64::new(0));
        let sync_times = SyncTimes::default();
        let disk_watch = DiskWatch::default();
        let writer = Writer {
            dir,
            options,
            segments,
            position,
            mark,
            checkpoint: Checkpoint { vote: log.vote, purged: log.purged, committed: log.committed },
            owes_checkpoint: true,
            buffer: Vec::new(),
            bytes: Arc::clone(&bytes),
            sync_times: sync_times.clone(),
            disk_watch: disk_watch.clone(),
            failure: None,
        };
        writer.count_bytes();
        let thread = writer.spawn(queue)?;
        let thread = Arc::new(std::sync::Mutex::new(thread));
        Ok(Self { jobs, bytes, sync_times, disk_watch, thread })
    }

    /// Queues records. `done` is told when they are durable, in the order of submission.
    pub async fn submit(&self, records: Vec<Record>, done: Done) {
        let done = if planted!(AcknowledgeBeforeSync) {
            done.tell(Ok(()));
            Done::Caller(oneshot::channel().0)
        } else {
            done
        };
        let message = Message::Write(Job { records, done });
        if let Err(mpsc::error::SendError(Message::Write(job))) = self.jobs.send(message).await {
            job.done.tell(Err(stopped()));
        }
    }

    /// Queues records and waits until they are durable.
    pub async fn write(&self, records: Vec<Record>) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.submit(records, Done::Caller(sender)).await;
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Bytes of all segments on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How long syncs took so far.
    pub fn sync_times(&self) -> SyncTimes {
        self.sync_times.clone()
    }

    /// Tells how long the disk has been at one write.
    pub fn disk_watch(&self) -> DiskWatch {
        self.disk_watch.clone()
    }

    /// Writes what is queued, then ends the writer.
    pub async fn stop(&self) {
        // An error means that the writer has ended already.
        let _ = self.jobs.send(Message::Stop).await;
        let thread = self.thread.lock().expect("no code panics while it holds the handle").take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer of the write-ahead log ended abnormally");
            }
        }
    }
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the write-ahead log is closed")
}

/// What a new segment must repeat, because the old ones may be removed.
#[derive(Debug, Default)]
struct Checkpoint {
    vote: Option<Vote>,
    purged: Option<LogId>,
    committed: Option<LogId>,
}

impl Checkpoint {
    fn observe(&mut self, record: &Record) {
        match record {
            Record::Vote(vote) => self.vote = Some(*vote),
            Record::Purge(upto) => self.purged = Some(*upto),
            Record::Committed(log_id) => self.committed = Some(*log_id),
            Record::Entry(_) | Record::TruncateAfter(_) | Record::Follows(_) | Record::Seal => {}
        }
    }

    fn records(&self) -> Vec<Record> {
        let vote = self.vote.map(Record::Vote);
        let purged = self.purged.map(Record::Purge);
        let committed = self.committed.map(Record::Committed);
        [vote, purged, committed].into_iter().flatten().collect()
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Writer {
    dir: PathBuf,
    options: Options,
    segments: Vec<SegmentInfo>,
    position: Option<Position>,
    /// `None` where nothing is synced.
    mark: Option<Mark>,
    checkpoint: Checkpoint,
    /// The checkpoint of a recovered segment may have been in its torn tail, so it is repeated.
    owes_checkpoint: bool,
    buffer: Vec<u8>,
    bytes: Arc<AtomicU64>,
    sync_times: SyncTimes,
    disk_watch: DiskWatch,
    failure: Option<String>,
}

impl Writer {
    /// Starts working off `queue`: in a thread, or where all is done in line, in a task.
    fn spawn(self, queue: mpsc::Receiver<Message>) -> io::Result<Option<JoinHandle<()>>> {
        #[cfg(feature = "simulation")]
        if work::is_in_line() {
            tokio::spawn(self.run_in_line(queue));
            return Ok(None);
        }
        let thread = std::thread::Builder::new().name("store-wal".into());
        thread.spawn(move || self.run(queue)).map(Some)
    }

    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut running = true;
        while running {
            let Some(Message::Write(job)) = queue.blocking_recv() else { break };
            running = self.write_with(job, &mut queue);
        }
        self.close();
    }

    #[cfg(feature = "simulation")]
    async fn run_in_line(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut running = true;
        while running {
            let Some(Message::Write(job)) = queue.recv().await else { break };
            let _under_way = self.disk_watch.begin();
            // What comes in meanwhile shares the write. Blocking work would take the state along.
            if work::blocking(|| ()).await.is_err() {
                return;
            }
            running = self.write_with(job, &mut queue);
        }
        self.close();
    }

    /// A log that was closed in order vouches for all of itself, whatever happens to the machine.
    fn close(&self) {
        if let Some(mark) = &self.mark
            && let Err(error) = mark.sync()
        {
            let path = self.options.mark.display();
            tracing::warn!(%path, %error, "the mark of what was synced is not synced itself");
        }
    }

    /// Writes `job` and what has queued up behind it as one group. Whether to go on.
    fn write_with(&mut self, job: Job, queue: &mut mpsc::Receiver<Message>) -> bool {
        let mut running = true;
        let mut bytes = size_of_job(&job);
        let mut group = vec![job];
        while bytes < GROUP_BYTES {
            match queue.try_recv() {
                Ok(Message::Write(job)) => {
                    bytes += size_of_job(&job);
                    group.push(job);
                }
                Ok(Message::Stop) => {
                    running = false;
                    break;
                }
                Err(_) => break,
            }
        }
        let result = self.write_group(&group);
        self.finish(group, result);
        running
    }

    /// Tells everyone in the group, then removes what a purge has made superfluous.
    fn finish(&mut self, group: Vec<Job>, result: io::Result<()>) {
        let mut purges = false;
        if let Err(error) = &result
            && self.failure.is_none()
        {
            let reason = format!("write-ahead log in {}: {error}", self.dir.display());
            tracing::error!(reason, "the store accepts nothing more");
            self.failure = Some(reason.clone());
            self.options.failed.send_replace(Some(reason));
        }
        for job in group {
            purges |= job.records.iter().any(|record| matches!(record, Record::Purge(_)));
            job.done.tell(match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            });
        }
        if purges && result.is_ok() {
            self.remove_purged();
        }
    }

    fn write_group(&mut self, group: &[Job]) -> io::Result<()> {
        if let Some(reason) = &self.failure {
            return Err(io::Error::other(reason.clone()));
        }
        let _under_way = self.disk_watch.begin();
        let mut checkpoint = self.checkpoint.records();
        if !std::mem::take(&mut self.owes_checkpoint) {
            checkpoint.clear();
        }
        let records = || checkpoint.iter().chain(group.iter().flat_map(|job| &job.records));
        self.make_room(records().map(record::size).sum())?;
        let position = self.position.as_ref().expect("making room opens a segment");
        let (salt, offset) = (position.salt, position.offset);
        self.buffer.clear();
        let info = self.segments.last_mut().expect("an open segment is listed");
        for record in records() {
            record::encode(record, salt, offset, offset, &mut self.buffer);
            if let Record::Entry(entry) = record {
                info.last_index = info.last_index.max(Some(entry.log_id.index));
            }
            self.checkpoint.observe(record);
        }
        self.write_buffer()
    }

    /// Writes and syncs the buffer at the current position and moves on.
    fn write_buffer(&mut self) -> io::Result<()> {
        let position = self.position.as_mut().expect("a segment is open");
        let size = self.buffer.len();
        let end = position.offset + size;
        if end > position.written {
            if size < AHEAD_BYTES {
                self.buffer.resize(size + AHEAD_BYTES.min(position.length - end), 0);
            }
            position.written = position.offset + self.buffer.len();
        }
        position.file.write_at(&self.buffer, position.offset as u64)?;
        if self.options.fsync {
            let began = std::time::Instant::now();
            position.file.sync()?;
            self.sync_times.record(began.elapsed());
        }
        position.offset = end;
        if let (Some(mark), Some(segment)) = (&mut self.mark, self.segments.last()) {
            mark.set(Claim { sequence: segment.sequence, salt: position.salt, offset: end })?;
        }
        if self.buffer.capacity() > 2 * GROUP_BYTES {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// Sees to it that `size` bytes and a seal fit into the current segment.
    fn make_room(&mut self, size: usize) -> io::Result<()> {
        let seal = record::size(&Record::Seal);
        if let Some(position) = &self.position {
            if position.offset + size + seal <= position.length {
                return Ok(());
            }
            self.buffer.clear();
            record::encode(
                &Record::Seal,
                position.salt,
                position.offset,
                position.offset,
                &mut self.buffer,
            );
            self.write_buffer()?;
        }
        self.begin_segment(size + seal)
    }

    /// Creates the next segment, durable with its checkpoint before anything else goes in.
    fn begin_segment(&mut self, room: usize) -> io::Result<()> {
        let previous = self.segments.last();
        let sequence = previous.map_or(1, |last| last.sequence + 1);
        let header = segment::Header { sequence, salt: rand::random() };
        let follows = previous.map(|last| Record::Follows(last.salt));
        let first: Vec<Record> = follows.into_iter().chain(self.checkpoint.records()).collect();
        let needed = segment::HEADER + first.iter().map(record::size).sum::<usize>() + room;
        let length = needed.max(self.options.segment_bytes);
        let file = self.options.disk.create(&segment::path(&self.dir, sequence), length as u64)?;
        self.buffer = header.encode();
        for record in &first {
            record::encode(record, header.salt, 0, segment::HEADER, &mut self.buffer);
        }
        let salt = header.salt;
        self.position = Some(Position { file, salt, offset: 0, length, written: 0 });
        self.segments.push(SegmentInfo { sequence, salt, last_index: None });
        self.count_bytes();
        self.write_buffer()
    }

    /// Removes the oldest segments as long as all their entries are purged. Each is gone for good
    /// before the next goes: if a crash could bring back one without the one behind it, the log
    /// would have a hole.
    fn remove_purged(&mut self) {
        let Some(purged) = self.checkpoint.purged.as_ref().map(|purged| purged.index) else {
            return;
        };
        while self.segments.len() > 1
            && self.segments[0].last_index.is_none_or(|last| last <= purged)
        {
            let path = segment::path(&self.dir, self.segments[0].sequence);
            let disk = &self.options.disk;
            let removed =
                disk.remove(&path).and_then(|()| match planted!(SegmentsRemovedTogether) {
                    true => Ok(()),
                    false => disk.sync_dir(&self.dir),
                });
            if let Err(error) = removed {
                tracing::warn!(path = %path.display(), %error, "cannot remove a purged segment");
                break;
            }
            self.segments.remove(0);
        }
        self.count_bytes();
    }

    fn count_bytes(&self) {
        let size = |info: &SegmentInfo| {
            let path = segment::path(&self.dir, info.sequence);
            std::fs::metadata(path).map_or(0, |metadata| metadata.len())
        };
        self.bytes.store(self.segments.iter().map(size).sum(), Ordering::Relaxed);
    }
}

fn size_of_job(job: &Job) -> usize {
    job.records.iter().map(record::size).sum()
}
