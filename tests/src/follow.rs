//! Programs that go on talking: `logs -f`, `get -w`, `watch`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use crate::wait::PATIENCE;

/// Lines that nobody took yet. More than any test leaves lying.
const BACKLOG: usize = 1024;

/// A running program whose output is read line by line. Dropping it kills it.
pub struct Follow {
    child: Child,
    lines: Receiver<String>,
}

impl Follow {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::sync_channel(BACKLOG);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line, `None` once the program has closed its output.
    ///
    /// # Panics
    /// If there is none within the usual patience.
    #[track_caller]
    pub fn next_line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {PATIENCE:?}"),
        }
    }

    /// A line that is there already.
    pub fn try_line(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// The next `count` lines.
    #[track_caller]
    pub fn take(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next_line().expect("it goes on")).collect()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
