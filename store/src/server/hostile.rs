//! Input made to do harm, for gRPC: what must hold whatever the bytes are.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt, stream};
use prost::Message;
use store_proto::{etcdserverpb as pb, reflect, v3electionpb, v3lockpb};

use super::calls::{Call, CallCounts, Frames};
use super::{convert, express};
use crate::command::{Command, Envelope};
use crate::mvcc::{Identity, Machine, State};
use crate::types::*;

pub(crate) use super::gateway::hostile as gateway;

/// The longest message that is taken, small so that much is refused for its length.
const LIMIT: usize = 4096;

/// Takes the first byte for a kind of message, and the others for the message.
pub(crate) fn messages(data: &[u8]) {
    let Some((kind, message)) = data.split_first() else { return };
    decode_any(*kind, message);
    if let Ok(request) = pb::RangeRequest::decode(message)
        && let Ok(request) = convert::range_request(request)
    {
        let txn = Txn { success: vec![RequestOp::Range(request)], ..Txn::default() };
        apply(Command::Txn(txn));
    }
    if let Ok(request) = pb::PutRequest::decode(message)
        && let Ok(request) = convert::put_request(request)
    {
        apply(Command::Put(request));
    }
    if let Ok(request) = pb::DeleteRangeRequest::decode(message)
        && let Ok(request) = convert::delete_request(request)
    {
        apply(Command::DeleteRange(request));
    }
    if let Ok(request) = pb::TxnRequest::decode(message)
        && let Ok(request) = convert::txn_request(request)
    {
        apply(Command::Txn(request));
    }
}

/// Reads one of the messages that clients send, and writes it so that the same is read again.
fn decode_any(kind: u8, message: &[u8]) {
    macro_rules! one_of {
        ($($message:ty),* $(,)?) => {{
            let each: &[fn(&[u8])] = &[$(survives::<$message>),*];
            each[usize::from(kind) % each.len()](message);
        }};
    }
    one_of![
        pb::RangeRequest,
        pb::PutRequest,
        pb::DeleteRangeRequest,
        pb::TxnRequest,
        pb::CompactionRequest,
        pb::WatchRequest,
        pb::LeaseGrantRequest,
        pb::LeaseRevokeRequest,
        pb::LeaseKeepAliveRequest,
        pb::LeaseTimeToLiveRequest,
        pb::MemberAddRequest,
        pb::MemberRemoveRequest,
        pb::MemberUpdateRequest,
        pb::MemberListRequest,
        pb::MemberPromoteRequest,
        pb::AlarmRequest,
        pb::HashKvRequest,
        pb::MoveLeaderRequest,
        pb::DowngradeRequest,
        pb::AuthenticateRequest,
        pb::AuthUserAddRequest,
        pb::AuthRoleGrantPermissionRequest,
        v3lockpb::LockRequest,
        v3electionpb::CampaignRequest,
        v3electionpb::ProclaimRequest,
    ];
}

fn survives<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(message) = M::decode(bytes) else { return };
    let again = M::decode(message.encode_to_vec().as_slice());
    assert_eq!(again.expect("what was written can be read"), message);
}

/// What a client may ask for goes through the log, and is applied by every member.
fn apply(command: Command) {
    let envelope = Envelope { request_id: 9, ..Envelope::from(command) };
    let again = Envelope::decode(envelope.encode()).expect("what was written can be read");
    assert_eq!(again, envelope);
    let mut machine = machine();
    let before = machine.state().revision;
    let applied = machine.apply(1, again.command);
    let by = machine.state().revision - before;
    assert!(by == 0 || by == 1 && applied.reply.is_ok(), "{by}: {:?}", applied.reply);
}

/// A machine with a few keys.
fn machine() -> Machine {
    let mut machine = Machine::new(Identity { cluster_id: 1, member_id: 2 }, State::default());
    for key in ["a", "b", "foo"] {
        let put = PutRequest { key: key.into(), value: "bar".into(), ..PutRequest::default() };
        drop(machine.apply(1, Command::Put(put)));
    }
    machine
}

/// Reads `data` as what stands in the log for a command, and applies it.
pub(crate) fn commands(data: &[u8]) {
    let Ok(envelope) = Envelope::decode(Bytes::copy_from_slice(data)) else { return };
    let again = Envelope::decode(envelope.encode()).expect("what was written can be read");
    assert_eq!(again, envelope);
    drop(machine().apply(1, envelope.command));
}

/// Takes the first byte for the size of the chunks in which the others arrive, as the body of a
/// call.
pub(crate) fn frames(data: &[u8]) {
    let Some((size, body)) = data.split_first() else { return };
    let chunks = body.chunks(usize::from(*size).max(1));
    let mut frames = Frames::default();
    let (mut begun, mut largest) = (0, 0);
    for chunk in chunks.clone() {
        let (more, length) = frames.pass(chunk);
        begun += more;
        largest = largest.max(length);
    }
    assert_eq!(Frames::default().pass(body), (begun, largest), "it matters how a body is cut");
    let chunks: Vec<_> =
        chunks.map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk))).collect();
    let call = Call::start(0, Arc::new(CallCounts::default()));
    let body = Body::from_stream(stream::iter(chunks));
    let received = express::receive(pin!(body), &call, LIMIT).now_or_never();
    if let Ok(message) = received.expect("all of the body is there") {
        assert!(message.len() <= LIMIT, "{} bytes", message.len());
        assert!(begun == 1 && largest == message.len(), "{begun} messages of {largest} bytes");
    }
}

fn example_txn() -> pb::TxnRequest {
    let put = pb::PutRequest { key: "foo".into(), value: "b".into(), ..Default::default() };
    let range = pb::RangeRequest {
        key: "a".into(),
        range_end: "z".into(),
        limit: 2,
        sort_order: 2,
        sort_target: 3,
        ..Default::default()
    };
    let delete = pb::DeleteRangeRequest { key: "a".into(), prev_kv: true, ..Default::default() };
    use pb::request_op::Request;
    let op = |request| pb::RequestOp { request: Some(request) };
    let inner =
        pb::TxnRequest { success: vec![op(Request::RequestPut(put))], ..Default::default() };
    let compare = pb::Compare {
        result: 1,
        target: 3,
        key: "foo".into(),
        target_union: Some(pb::compare::TargetUnion::Value("bar".into())),
        ..Default::default()
    };
    pb::TxnRequest {
        compare: vec![compare],
        success: vec![op(Request::RequestRange(range)), op(Request::RequestTxn(inner))],
        failure: vec![op(Request::RequestDeleteRange(delete))],
    }
}

/// Messages that are well formed, as [`messages`] takes them.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let txn = example_txn();
    let watch = pb::WatchRequest {
        request_union: Some(pb::watch_request::RequestUnion::CreateRequest(
            pb::WatchCreateRequest { key: "a".into(), filters: vec![0, 1], ..Default::default() },
        )),
    };
    let put = pb::PutRequest { key: "k".into(), value: vec![1; 60].into(), ..Default::default() };
    let kinds = [(3, txn.encode_to_vec()), (5, watch.encode_to_vec()), (1, put.encode_to_vec())];
    kinds.into_iter().map(|(kind, message)| [vec![kind], message].concat()).collect()
}

/// Commands as the log holds them.
pub(crate) fn example_commands() -> Vec<Vec<u8>> {
    let txn = convert::txn_request(example_txn()).expect("it is well formed");
    let put = PutRequest { key: "k".into(), value: "v".into(), ..PutRequest::default() };
    let commands = [Command::Txn(txn), Command::Put(put), Command::Compact { revision: 2 }];
    let encoded = commands.into_iter().flat_map(|command| {
        let alone = command.encode();
        let envelope = Envelope { request_id: 7, ..Envelope::from(command) };
        [alone.to_vec(), envelope.encode().to_vec()]
    });
    encoded.collect()
}

/// Bodies as [`frames`] takes them.
pub(crate) fn example_frames() -> Vec<Vec<u8>> {
    let framed = |size: u8, messages: &[&[u8]]| {
        let mut out = vec![size];
        for message in messages {
            out.push(0);
            out.extend((message.len() as u32).to_be_bytes());
            out.extend(*message);
        }
        out
    };
    debug_assert!(reflect::METHODS.len() < 256);
    vec![framed(255, &[b"hello"]), framed(2, &[b"hello", b""]), framed(100, &[&[7; 5000]])]
}
