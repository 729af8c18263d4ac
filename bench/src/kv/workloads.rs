//! What clients ask in the rows of single calls.

use std::ops::Range;

use anyhow::ensure;
use bytes::Bytes;
use prost::Message;
use store_proto::etcdserverpb as pb;

use super::unary::Workload;
use crate::wire::{Fields, Value};

pub const PUT: &str = "/etcdserverpb.KV/Put";
pub const RANGE: &str = "/etcdserverpb.KV/Range";
pub const TXN: &str = "/etcdserverpb.KV/Txn";

/// A small, quick generator: xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Bytes that do not compress.
pub fn value(size: usize) -> Bytes {
    let mut random = Random::new(size as u64);
    (0..size).map(|_| random.below(256) as u8).collect()
}

/// A key of the data that is read.
pub fn data_key(number: u64) -> Bytes {
    format!("/bench/data/{number:08}").into()
}

/// Puts to a space of keys, at random.
pub struct Puts {
    pub random: Random,
    pub keys: u64,
    pub value: Bytes,
}

impl Puts {
    fn encode(&mut self, message: &mut Vec<u8>) -> &'static str {
        let key = format!("/bench/put/{:08}", self.random.below(self.keys)).into();
        let put = pb::PutRequest { key, value: self.value.clone(), ..Default::default() };
        put.encode(message).expect("a vector grows");
        PUT
    }
}

impl Workload for Puts {
    fn ask(&mut self, _client: usize, message: &mut Vec<u8>) -> &'static str {
        self.encode(message)
    }

    fn answered(&mut self, _client: usize, kept: &[u8], _length: usize) -> anyhow::Result<()> {
        ensure!(revision(kept) > 0, "a put was answered without a revision");
        Ok(())
    }
}

/// Gets of one key of the data.
pub struct Gets {
    pub random: Random,
    pub keys: u64,
    pub serializable: bool,
    pub least: usize,
}

impl Workload for Gets {
    fn ask(&mut self, _client: usize, message: &mut Vec<u8>) -> &'static str {
        let get = pb::RangeRequest {
            key: data_key(self.random.below(self.keys)),
            serializable: self.serializable,
            ..Default::default()
        };
        get.encode(message).expect("a vector grows");
        RANGE
    }

    fn answered(&mut self, _client: usize, _kept: &[u8], length: usize) -> anyhow::Result<()> {
        ensure!(length > self.least, "a get found nothing");
        Ok(())
    }
}

/// Ranges of so many keys of the data, all of them in one answer.
pub struct Ranges {
    pub random: Random,
    pub keys: u64,
    pub span: u64,
    pub least: usize,
}

impl Workload for Ranges {
    fn ask(&mut self, _client: usize, message: &mut Vec<u8>) -> &'static str {
        let first = self.random.below(self.keys - self.span + 1);
        let range = pb::RangeRequest {
            key: data_key(first),
            range_end: data_key(first + self.span),
            ..Default::default()
        };
        range.encode(message).expect("a vector grows");
        RANGE
    }

    fn answered(&mut self, _client: usize, _kept: &[u8], length: usize) -> anyhow::Result<()> {
        ensure!(length > self.least, "a range told too little: {length} bytes");
        Ok(())
    }
}

/// What kube-apiserver does to update an object: each client has one and knows its revision.
pub struct Updates {
    pub value: Bytes,
    /// The names of this connection's objects.
    pub names: Range<usize>,
    pub revisions: Vec<i64>,
}

impl Workload for Updates {
    fn ask(&mut self, client: usize, message: &mut Vec<u8>) -> &'static str {
        use pb::compare::{CompareResult, CompareTarget, TargetUnion};
        use pb::request_op::Request;
        let number = self.names.start + client;
        let key = Bytes::from(format!("/registry/configmaps/default/object-{number:06}"));
        let compare = pb::Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(self.revisions[client])),
            ..Default::default()
        };
        let (value, of) = (self.value.clone(), key.clone());
        let put = pb::PutRequest { key: of, value, ..Default::default() };
        let get = pb::RangeRequest { key, ..Default::default() };
        let op = |request| pb::RequestOp { request: Some(request) };
        let txn = pb::TxnRequest {
            compare: vec![compare],
            success: vec![op(Request::RequestPut(put))],
            failure: vec![op(Request::RequestRange(get))],
        };
        txn.encode(message).expect("a vector grows");
        TXN
    }

    fn answered(&mut self, client: usize, kept: &[u8], _length: usize) -> anyhow::Result<()> {
        let succeeded = Fields(kept).any(|field| field == (2, Value::Number(1)));
        ensure!(succeeded, "an update of the latest revision was refused");
        self.revisions[client] = revision(kept);
        Ok(())
    }
}

/// Four linearizable gets to each put, on the same keys.
pub struct Mixed {
    pub random: Random,
    pub keys: u64,
    pub value: Bytes,
}

impl Workload for Mixed {
    fn ask(&mut self, _client: usize, message: &mut Vec<u8>) -> &'static str {
        let key = data_key(self.random.below(self.keys));
        if self.random.below(5) == 0 {
            let put = pb::PutRequest { key, value: self.value.clone(), ..Default::default() };
            put.encode(message).expect("a vector grows");
            return PUT;
        }
        let get = pb::RangeRequest { key, ..Default::default() };
        get.encode(message).expect("a vector grows");
        RANGE
    }

    fn answered(&mut self, _client: usize, kept: &[u8], _length: usize) -> anyhow::Result<()> {
        ensure!(revision(kept) > 0, "an answer without a revision");
        Ok(())
    }
}

/// Puts of distinct keys, to fill a store.
pub struct Fill {
    pub key: fn(u64) -> Bytes,
    pub value: Bytes,
    /// The next key of this connection, and the distance to the one after.
    pub next: u64,
    pub step: u64,
}

impl Workload for Fill {
    fn ask(&mut self, _client: usize, message: &mut Vec<u8>) -> &'static str {
        let key = (self.key)(self.next);
        self.next += self.step;
        let put = pb::PutRequest { key, value: self.value.clone(), ..Default::default() };
        put.encode(message).expect("a vector grows");
        PUT
    }

    fn answered(&mut self, _client: usize, kept: &[u8], _length: usize) -> anyhow::Result<()> {
        ensure!(revision(kept) > 0, "a put was answered without a revision");
        Ok(())
    }
}

/// The revision in the header of any answer: field 3 of field 1.
pub fn revision(answer: &[u8]) -> i64 {
    let field = |of, wanted| Fields(of).find(|(number, _)| *number == wanted);
    let header = field(answer, 1).map_or(&[][..], |(_, header)| header.bytes());
    field(header, 3).map_or(0, |(_, revision)| revision.number() as i64)
}
