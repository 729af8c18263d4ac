//! Records what clients of a test do and see.
//!
//! Ordering: a line is stamped and takes its place under one lock, so the order of lines agrees
//! with their times. Whoever records an invocation does so before sending the request, and a return
//! after the answer came: then whatever stands in order here was in that order in truth.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use super::file::{FileError, Writer};
use super::{Line, Outcome, Request, WatchAnswer, What};

/// What a watch asks for; see [`What::WatchOpened`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchStart {
    pub key: String,
    pub end: Option<String>,
    pub start_revision: i64,
    pub prev_kv: bool,
    pub continues: Option<u64>,
}

/// Keeps the lines of one history, in order. Shared by all clients of a test.
pub struct Recorder {
    /// Nanoseconds since the history began.
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    lines: Vec<Line>,
    operations: u64,
    watches: u64,
    file: Option<Writer>,
    /// The first failure to write; nothing is written after it.
    failure: Option<FileError>,
}

impl Recorder {
    /// Keeps lines in memory.
    pub fn new(clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), inner: Mutex::default() }
    }

    /// Writes each line to a file, too, when it is recorded.
    pub fn with_file(
        clock: impl Fn() -> u64 + Send + Sync + 'static,
        path: impl AsRef<Path>,
    ) -> Result<Self, FileError> {
        let recorder = Self::new(clock);
        recorder.lock().file = Some(Writer::create(path)?);
        Ok(recorder)
    }

    /// Records a request that is about to be sent, and returns its number.
    pub fn invoke(&self, client: u64, member: impl Into<String>, request: Request) -> u64 {
        let mut inner = self.lock();
        inner.operations += 1;
        let op = inner.operations;
        inner.push(&self.clock, What::Invoke { op, client, member: member.into(), request });
        op
    }

    /// Records the answer to a request.
    pub fn returned(&self, op: u64, outcome: Outcome) {
        self.record(What::Return { op, outcome });
    }

    /// Records a watch that is about to be asked for, and returns its number.
    pub fn watch_opened(&self, client: u64, member: impl Into<String>, start: WatchStart) -> u64 {
        let WatchStart { key, end, start_revision, prev_kv, continues } = start;
        let member = member.into();
        let mut inner = self.lock();
        inner.watches += 1;
        let watch = inner.watches;
        inner.push(
            &self.clock,
            What::WatchOpened {
                watch,
                client,
                member,
                key,
                end,
                start_revision,
                prev_kv,
                continues,
            },
        );
        watch
    }

    pub fn watch_answered(&self, watch: u64, answer: WatchAnswer) {
        self.record(What::WatchAnswered { watch, answer });
    }

    pub fn watch_closed(&self, watch: u64, reason: impl Into<String>) {
        self.record(What::WatchClosed { watch, reason: reason.into() });
    }

    /// Records what was done to the cluster.
    pub fn fault(&self, text: impl Into<String>) {
        self.record(What::Fault { text: text.into() });
    }

    /// A copy of what was recorded so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().lines.clone()
    }

    /// Ends recording. An error tells that the file lacks lines.
    pub fn finish(self) -> Result<Vec<Line>, FileError> {
        let inner = self.inner.into_inner().expect("no code panics while it records");
        inner.failure.map_or(Ok(inner.lines), Err)
    }

    fn record(&self, what: What) {
        self.lock().push(&self.clock, what);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it records")
    }
}

impl Inner {
    fn push(&mut self, clock: &dyn Fn() -> u64, what: What) {
        let line = Line { at: clock(), what };
        if let Some(file) = &mut self.file
            // Flushed at once: a test that dies leaves all that it saw.
            && let Err(failure) = file.line(&line).and_then(|()| file.flush())
        {
            self.file = None;
            self.failure = Some(failure);
        }
        self.lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::history::read;

    fn ticking() -> impl Fn() -> u64 + Send + Sync + 'static {
        let now = AtomicU64::new(0);
        move || now.fetch_add(5, Ordering::Relaxed)
    }

    #[test]
    fn lines_are_numbered_stamped_and_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history.jsonl");
        let recorder = Recorder::with_file(ticking(), &path).unwrap();
        let grant = recorder.invoke(7, "a", Request::LeaseGrant { id: 1, ttl: 2 });
        let watch = recorder.watch_opened(7, "b", WatchStart::default());
        recorder.returned(grant, Outcome::Unknown("timed out".into()));
        let other = recorder.invoke(7, "a", Request::LeaseRevoke { id: 1 });
        recorder.watch_closed(watch, "broke");
        recorder.fault("a was killed");
        assert_eq!((grant, other, watch), (1, 2, 1));
        assert_eq!(read(&path).unwrap(), recorder.lines(), "written before the end");
        let lines = recorder.finish().unwrap();
        assert_eq!(lines.iter().map(|line| line.at).collect::<Vec<_>>(), [0, 5, 10, 15, 20, 25]);
    }

    #[test]
    fn threads_record_into_one_order() {
        const EACH: i64 = 50;
        let recorder = Recorder::new(ticking());
        std::thread::scope(|scope| {
            for client in 0..4 {
                let recorder = &recorder;
                scope.spawn(move || {
                    for id in 0..EACH {
                        let op = recorder.invoke(client, "a", Request::LeaseRevoke { id });
                        recorder.returned(op, Outcome::Unknown(String::new()));
                    }
                });
            }
        });
        let lines = recorder.finish().unwrap();
        assert!(lines.is_sorted_by_key(|line| line.at));
        let mut numbers: Vec<u64> = Vec::new();
        for line in &lines {
            match &line.what {
                What::Invoke { op, .. } => numbers.push(*op),
                What::Return { op, .. } => assert!(numbers.contains(op), "invoked before"),
                other => panic!("nobody recorded {other:?}"),
            }
        }
        assert_eq!(numbers, (1..=4 * EACH as u64).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none").join("history.jsonl");
        let error = Recorder::with_file(ticking(), &path).map(drop).unwrap_err().to_string();
        assert!(error.contains("none/history.jsonl"), "{error}");
    }
}
