//! Rows of single calls: clients that each ask again as soon as they are answered.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use anyhow::bail;

use super::recorder::Recorder;
use crate::wire::{Connection, Endpoint, Frame, Http2};

/// What the clients of one connection ask.
pub trait Workload: 'static {
    /// Writes the client's next request into `message` and names the method.
    fn ask(&mut self, client: usize, message: &mut Vec<u8>) -> &'static str;

    /// Looks at an answer: its first [`KEPT`] bytes and its whole length.
    fn answered(&mut self, client: usize, kept: &[u8], length: usize) -> anyhow::Result<()>;
}

/// Bytes of an answer that are kept for the workload to look at.
pub const KEPT: usize = 2048;

struct Client {
    began: Instant,
    kept: Vec<u8>,
    length: usize,
}

struct Clients<W> {
    workload: W,
    clients: Vec<Client>,
    calls: HashMap<u32, usize>,
    /// Requests for which the server's window had no room.
    held: VecDeque<(usize, &'static str, Vec<u8>)>,
    message: Vec<u8>,
    recorder: Rc<Recorder>,
}

impl<W: Workload> Clients<W> {
    fn begin(&mut self, client: usize, now: Instant, http: &mut Http2) {
        if !self.recorder.take() {
            return;
        }
        self.message.clear();
        let path = self.workload.ask(client, &mut self.message);
        let state = &mut self.clients[client];
        state.began = now;
        state.kept.clear();
        state.length = 0;
        if self.held.is_empty() && http.takes(self.message.len()) {
            self.calls.insert(http.call(path, &self.message), client);
        } else {
            self.held.push_back((client, path, self.message.clone()));
        }
    }

    fn send_held(&mut self, http: &mut Http2) {
        while let Some((client, path, message)) = self.held.front() {
            if !http.takes(message.len()) {
                return;
            }
            self.calls.insert(http.call(path, message), *client);
            self.held.pop_front();
        }
    }

    fn look(&mut self, frame: Frame<'_>, now: Instant, http: &mut Http2) -> anyhow::Result<()> {
        let (stream, ended) = match frame {
            Frame::Data { stream, bytes, end } => {
                let Some(client) = self.calls.get(&stream) else { return Ok(()) };
                let client = &mut self.clients[*client];
                let wanted = bytes.len().min(KEPT.saturating_sub(client.kept.len()));
                client.kept.extend_from_slice(&bytes[..wanted]);
                client.length += bytes.len();
                (stream, end)
            }
            Frame::Head { stream, end } => (stream, end),
            Frame::Reset { stream, code } if self.calls.contains_key(&stream) => {
                bail!("the server reset a stream ({code})")
            }
            Frame::Window => {
                self.send_held(http);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if ended && let Some(client) = self.calls.remove(&stream) {
            let state = &self.clients[client];
            let Some(kept) = state.kept.get(5..) else { bail!("the server refused a request") };
            self.workload.answered(client, kept, state.length - 5)?;
            self.recorder.done(state.began, now);
            self.begin(client, now, http);
        }
        Ok(())
    }
}

/// Runs `count` clients on one connection until the recorder gives out no more and all is answered.
pub async fn run<W: Workload>(
    endpoint: Endpoint,
    count: usize,
    workload: W,
    recorder: Rc<Recorder>,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(&endpoint).await?;
    let now = Instant::now();
    let client = || Client { began: now, kept: Vec::with_capacity(KEPT), length: 0 };
    let mut clients = Clients {
        workload,
        clients: std::iter::repeat_with(client).take(count).collect(),
        calls: HashMap::with_capacity(count * 2),
        held: VecDeque::with_capacity(count),
        message: Vec::with_capacity(8 * 1024),
        recorder,
    };
    for client in 0..count {
        clients.begin(client, now, &mut connection.http);
    }
    while !(clients.calls.is_empty() && clients.held.is_empty()) {
        let mut now = None;
        connection
            .turn(|frame, http| {
                // One look at the clock for all that came at once.
                let now = *now.get_or_insert_with(Instant::now);
                clients.look(frame, now, http)
            })
            .await?;
    }
    Ok(())
}
