//! The row of lease keepalives: one stream per connection, as clientv3 has it.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{bail, ensure};
use prost::Message;
use store_proto::etcdserverpb as pb;

use super::recorder::Recorder;
use crate::wire::{Connection, Endpoint, Fields, Frame, Http2};

const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
/// Seconds that the leases last unless they are kept.
const TTL: i64 = 600;

struct Keeper {
    stream: u32,
    began: HashMap<u64, Instant>,
    held: VecDeque<u64>,
    pending: Vec<u8>,
    recorder: Rc<Recorder>,
}

impl Keeper {
    fn begin(&mut self, lease: u64, now: Instant, http: &mut Http2) {
        if self.recorder.take() {
            self.began.insert(lease, now);
            self.held.push_back(lease);
            self.send(http);
        }
    }

    fn send(&mut self, http: &mut Http2) {
        while let Some(lease) = self.held.front() {
            let request = pb::LeaseKeepAliveRequest { id: *lease as i64 };
            if !http.send(self.stream, &request.encode_to_vec()) {
                return;
            }
            self.held.pop_front();
        }
    }

    fn answers(&mut self, bytes: &[u8], now: Instant, http: &mut Http2) -> anyhow::Result<()> {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(prefix) = self.pending.get(at + 1..at + 5) {
            let length = u32::from_be_bytes(prefix.try_into().expect("four bytes")) as usize;
            let Some(message) = self.pending.get(at + 5..at + 5 + length) else { break };
            let number = |wanted| {
                Fields(message)
                    .find(|(field, _)| *field == wanted)
                    .map_or(0, |(_, value)| value.number())
            };
            let (lease, ttl) = (number(2), number(3));
            ensure!(ttl > 0, "a lease was lost");
            let Some(began) = self.began.remove(&lease) else { bail!("an answer to nobody") };
            self.recorder.done(began, now);
            self.begin(lease, now, http);
            at += 5 + length;
        }
        self.pending.drain(..at);
        http.replenish(self.stream, bytes.len() as u32);
        Ok(())
    }
}

async fn keep(endpoint: Endpoint, leases: usize, recorder: Rc<Recorder>) -> anyhow::Result<()> {
    let mut connection = Connection::open(&endpoint).await?;
    let mut ids = Vec::with_capacity(leases);
    for _ in 0..leases {
        let request = pb::LeaseGrantRequest { ttl: TTL, id: 0 };
        let granted: pb::LeaseGrantResponse = connection.ask(GRANT, &request).await?;
        ids.push(granted.id as u64);
    }
    let mut keeper = Keeper {
        stream: connection.http.open(KEEP_ALIVE),
        began: HashMap::with_capacity(leases),
        held: VecDeque::with_capacity(leases),
        pending: Vec::new(),
        recorder,
    };
    let now = Instant::now();
    for id in ids {
        keeper.begin(id, now, &mut connection.http);
    }
    while !keeper.began.is_empty() {
        let mut now = None;
        connection
            .turn(|frame, http| {
                let now = *now.get_or_insert_with(Instant::now);
                match frame {
                    Frame::Data { stream, bytes, .. } if stream == keeper.stream => {
                        keeper.answers(bytes, now, http)
                    }
                    Frame::Head { stream, end: true } if stream == keeper.stream => {
                        bail!("the server ended the keepalives")
                    }
                    Frame::Reset { code, .. } => bail!("the server reset a stream ({code})"),
                    Frame::Window => {
                        keeper.send(http);
                        Ok(())
                    }
                    _ => Ok(()),
                }
            })
            .await?;
    }
    Ok(())
}

pub async fn run(
    endpoints: &[Endpoint],
    connections: usize,
    leases: usize,
    recorder: Rc<Recorder>,
) -> anyhow::Result<()> {
    let keepers = (0..connections).map(|number| {
        let endpoint = endpoints[number % endpoints.len()].clone();
        keep(endpoint, leases / connections, recorder.clone())
    });
    super::all(keepers.collect()).await
}
