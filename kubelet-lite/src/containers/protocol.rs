//! What the runtime and a pod's shim say to each other: JSON behind a length of four bytes.
//!
//! Requests are answered in order. Between answers the shim reports ends of processes as they
//! happen, to whoever is connected. A report may get lost with its reader: the status files tell the
//! same to who comes later.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A longer frame is a broken peer. A list of a hundred containers takes a twentieth of it.
pub(crate) const FRAME_LIMIT: usize = 1 << 20;
const LENGTH_BYTES: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frame {
    Request { id: u64, request: Request },
    Reply { id: u64, reply: Reply },
    End(End),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Creates and starts the process that holds the pod's namespaces.
    StartPause(StartPause),
    Start(StartContainer),
    /// Sends a signal to a container's first process.
    Signal {
        container: String,
        signal: i32,
    },
    List,
    /// Runs a command in a container and answers with [`Reply::Done`]; its end is an event.
    Exec(Exec),
    /// Ends such a command.
    KillExec {
        exec: u64,
    },
    /// Ends everything in the pod and then the shim.
    Quit,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartPause {
    /// Folder with `config.json`.
    pub bundle: PathBuf,
    pub oom_score_adj: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartContainer {
    pub container: String,
    /// Folder with `config.json`; the status is kept there too.
    pub bundle: PathBuf,
    pub log_path: PathBuf,
    pub tty: bool,
    pub oom_score_adj: Option<i32>,
    /// Path of the container's cgroup below each hierarchy's root.
    pub cgroup: String,
    /// Other processes may outlive the first, because the PID namespace is not the container's own.
    pub shares_pids: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exec {
    pub container: String,
    pub command: Vec<String>,
    /// Files that take what the command prints.
    pub stdout: PathBuf,
    pub stderr: PathBuf,
    /// Names the end in [`End::Exec`].
    pub exec: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done,
    Started { pid: i32 },
    Listed { pause: Option<i32>, containers: Vec<Status> },
    Failed { reason: String },
}

/// The end of a process, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Container(Status),
    Exec { exec: u64, exit_code: i32 },
    Pause,
}

/// What became of a container. Kept in a file beside its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub container: String,
    pub phase: Phase,
    pub pid: i32,
    /// Nanoseconds since the epoch, 0 for never.
    pub started_at: i64,
    pub finished_at: i64,
    pub exit_code: i32,
    pub signal: i32,
    pub oom_killed: bool,
    /// Why it could not be started.
    pub start_error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    #[default]
    Created,
    Running,
    Exited,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("frame of {length} bytes is longer than {FRAME_LIMIT}")]
    TooLong { length: usize },
    #[error("frame is not understood: {reason}")]
    Malformed { reason: String },
}

impl Frame {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH_BYTES];
        serde_json::to_writer(&mut bytes, self).expect("frames always encode into memory");
        let length = u32::try_from(bytes.len() - LENGTH_BYTES).expect("frames are small");
        bytes[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        bytes
    }
}

/// Puts frames together from whatever pieces a socket gives.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there. After an error the connection is of no more use.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, CodecError> {
        let Some(prefix) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > FRAME_LIMIT {
            return Err(CodecError::TooLong { length });
        }
        let end = LENGTH_BYTES + length;
        if self.buffer.len() < end {
            return Ok(None);
        }
        let frame = serde_json::from_slice(&self.buffer[LENGTH_BYTES..end]);
        self.buffer.drain(..end);
        frame.map(Some).map_err(|error| CodecError::Malformed { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        vec![
            Frame::Request {
                id: 7,
                request: Request::Signal { container: "c".into(), signal: 15 },
            },
            Frame::Reply { id: 7, reply: Reply::Failed { reason: "kein Prozeß".into() } },
            Frame::End(End::Container(Status {
                container: "c".into(),
                phase: Phase::Exited,
                exit_code: 137,
                oom_killed: true,
                ..Status::default()
            })),
        ]
    }

    #[test]
    fn frames_survive_any_fragmentation() {
        let bytes: Vec<u8> = frames().iter().flat_map(Frame::encode).collect();
        for step in [1, 2, 3, 5, 64, bytes.len()] {
            let mut decoder = Decoder::default();
            let mut decoded = vec![];
            for piece in bytes.chunks(step) {
                decoder.push(piece);
                while let Some(frame) = decoder.next().expect("sound frames") {
                    decoded.push(frame);
                }
            }
            assert_eq!(decoded, frames(), "in pieces of {step}");
        }
    }

    #[test]
    fn broken_frames_are_refused() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_le_bytes());
        assert!(matches!(decoder.next(), Err(CodecError::TooLong { .. })));
        let mut decoder = Decoder::default();
        decoder.push(&[2, 0, 0, 0, b'{', b']']);
        assert!(matches!(decoder.next(), Err(CodecError::Malformed { .. })));
    }
}
