//! The fan-out row: a writer, and many watchers that are all told of each put.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{bail, ensure};
use bytes::Bytes;
use prost::Message;
use store_proto::etcdserverpb as pb;

use super::recorder::Recorder;
use super::workloads::{PUT, value};
use crate::wire::{Connection, Endpoint, Fields, Frame, Http2, Value};

const WATCH: &str = "/etcdserverpb.Watch/Watch";
const PREFIX: &str = "/bench/watch/";
/// Read bytes of a stream after which its window is filled up.
const REPLENISH: u32 = 4 << 20;

/// How many watchers, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Fan {
    pub connections: usize,
    pub streams: usize,
    pub watchers_per_stream: usize,
    /// Puts of which not all watchers have been told yet.
    pub in_flight: usize,
    pub puts: u64,
}

impl Fan {
    pub fn watchers(&self) -> usize {
        self.connections * self.streams * self.watchers_per_stream
    }
}

/// What the writer and the watchers share.
struct Shared {
    recorder: Rc<Recorder>,
    ready: Cell<usize>,
    /// When each put was sent, and how many watchers have not been told of it.
    sent: RefCell<Vec<(Instant, usize)>>,
    /// Puts of which all watchers know.
    told: Cell<u64>,
    /// For the writer: something it waits for has happened.
    notify: tokio::sync::Notify,
    /// For the watchers: nothing more will come.
    over: tokio::sync::Notify,
}

impl Shared {
    /// A watcher has been told of put `number`.
    fn event(&self, number: usize, now: Instant) -> anyhow::Result<()> {
        let mut sent = self.sent.borrow_mut();
        let Some((began, missing)) = sent.get_mut(number) else { bail!("an event of no put") };
        self.recorder.done(*began, now);
        ensure!(*missing > 0, "an event came twice");
        *missing -= 1;
        if *missing == 0 {
            self.told.set(self.told.get() + 1);
            self.notify.notify_one();
        }
        Ok(())
    }
}

/// A stream's incomplete messages.
#[derive(Default)]
struct Stream {
    pending: Vec<u8>,
    read: u32,
}

/// Watches until all puts have been told.
async fn watch(endpoint: Endpoint, fan: Fan, shared: Rc<Shared>) -> anyhow::Result<()> {
    let mut connection = Connection::open(&endpoint).await?;
    // The server's settings come first.
    let mut settled = false;
    while !settled {
        connection
            .turn(|frame, _| {
                settled |= frame == Frame::Window;
                Ok(())
            })
            .await?;
    }
    let create = pb::WatchCreateRequest {
        key: PREFIX.into(),
        range_end: "/bench/watch0".into(),
        ..Default::default()
    };
    let union = pb::watch_request::RequestUnion::CreateRequest(create);
    let create = pb::WatchRequest { request_union: Some(union) }.encode_to_vec();
    let mut streams = HashMap::new();
    for _ in 0..fan.streams {
        let id = connection.http.open(WATCH);
        for _ in 0..fan.watchers_per_stream {
            ensure!(connection.http.send(id, &create), "the server's window is too small");
        }
        streams.insert(id, Stream::default());
    }
    while !shared.recorder.finished() {
        let mut now = None;
        let turn = connection.turn(|frame, http| {
            let now = *now.get_or_insert_with(Instant::now);
            match frame {
                Frame::Data { stream, bytes, end } => {
                    ensure!(!end, "the server ended a watch");
                    let Some(state) = streams.get_mut(&stream) else { return Ok(()) };
                    state.take(stream, bytes, http, |message| look(message, &shared, now))
                }
                Frame::Head { end: true, .. } => bail!("the server ended a watch"),
                Frame::Reset { code, .. } => bail!("the server reset a watch ({code})"),
                _ => Ok(()),
            }
        });
        tokio::select! {
            outcome = turn => outcome?,
            () = shared.over.notified() => {}
        }
    }
    Ok(())
}

impl Stream {
    /// Hands on each whole message.
    fn take(
        &mut self,
        id: u32,
        mut bytes: &[u8],
        http: &mut Http2,
        mut look: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.read += bytes.len() as u32;
        if self.read >= REPLENISH {
            http.replenish(id, std::mem::take(&mut self.read));
        }
        let whole = |bytes: &[u8]| {
            let prefix = bytes.get(1..5)?;
            let length = u32::from_be_bytes(prefix.try_into().expect("four bytes")) as usize;
            (bytes.len() >= 5 + length).then_some(5 + length)
        };
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
            let mut at = 0;
            while let Some(length) = whole(&self.pending[at..]) {
                look(&self.pending[at + 5..at + length])?;
                at += length;
            }
            self.pending.drain(..at);
            return Ok(());
        }
        while let Some(length) = whole(bytes) {
            look(&bytes[5..length])?;
            bytes = &bytes[length..];
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }
}

/// Counts the events of an answer. A put's number is the start of its value.
fn look(message: &[u8], shared: &Shared, now: Instant) -> anyhow::Result<()> {
    for (field, content) in Fields(message) {
        match (field, content) {
            (3, Value::Number(1)) => {
                shared.ready.set(shared.ready.get() + 1);
                shared.notify.notify_one();
            }
            (4, Value::Number(1)) => bail!("the server cancelled a watch"),
            (11, Value::Bytes(event)) => {
                let part = |of, wanted| {
                    Fields(of)
                        .find(|(field, _)| *field == wanted)
                        .map_or(&[][..], |(_, value)| value.bytes())
                };
                let Some(number) = part(part(event, 2), 5).first_chunk::<8>() else {
                    bail!("an event without its put's value")
                };
                shared.event(u64::from_be_bytes(*number) as usize, now)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts as long as not too many wait to be told.
async fn write(endpoint: Endpoint, fan: Fan, shared: Rc<Shared>) -> anyhow::Result<()> {
    let mut connection = Connection::open(&endpoint).await?;
    while shared.ready.get() < fan.watchers() {
        shared.notify.notified().await;
    }
    let filler = value(248);
    let (mut sent, mut calls) = (0, HashMap::new());
    while shared.told.get() < fan.puts {
        while sent < fan.puts && sent < shared.told.get() + fan.in_flight as u64 {
            let key = Bytes::from(format!("{PREFIX}{:04}", sent % 1000));
            let value = [&sent.to_be_bytes()[..], &filler].concat().into();
            let put = pb::PutRequest { key, value, ..Default::default() }.encode_to_vec();
            shared.sent.borrow_mut().push((Instant::now(), fan.watchers()));
            calls.insert(connection.http.call(PUT, &put), ());
            sent += 1;
        }
        let turn = connection.turn(|frame, _| {
            match frame {
                Frame::Head { stream, end: true } | Frame::Data { stream, end: true, .. } => {
                    calls.remove(&stream);
                }
                Frame::Reset { code, .. } => bail!("the server reset a put ({code})"),
                _ => {}
            }
            Ok(())
        });
        tokio::select! {
            outcome = turn => outcome?,
            () = shared.notify.notified() => {}
        }
    }
    shared.over.notify_waiters();
    Ok(())
}

pub async fn run(endpoints: &[Endpoint], fan: Fan, recorder: Rc<Recorder>) -> anyhow::Result<()> {
    let shared = Rc::new(Shared {
        recorder,
        ready: Cell::new(0),
        sent: RefCell::new(Vec::with_capacity(fan.puts as usize)),
        told: Cell::new(0),
        notify: tokio::sync::Notify::new(),
        over: tokio::sync::Notify::new(),
    });
    let watchers = (0..fan.connections).map(|number| {
        let endpoint = endpoints[number % endpoints.len()].clone();
        watch(endpoint, fan, shared.clone())
    });
    let writer = write(endpoints[0].clone(), fan, shared.clone());
    tokio::try_join!(super::all(watchers.collect()), writer)?;
    Ok(())
}
