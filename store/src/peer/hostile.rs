//! Input made to do harm, for what members say to each other: what must hold whatever the bytes
//! are.

use futures::stream;
use openraft::EntryPayload;
use openraft::raft::AppendEntriesRequest;
use prost::Message;
use store_proto::peer as pb;
use store_proto::peer::question::Question;
use store_proto::peer::snapshot_piece::Piece;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

use super::card::Card;
use super::{pieces, wire};
use crate::command::Envelope;
use crate::raft::types::*;

/// Takes the first byte for a kind of message, and the others for the message.
pub(crate) fn messages(data: &[u8]) {
    let Some((kind, message)) = data.split_first() else { return };
    match kind % 5 {
        0 => append(message),
        1 => appended(message),
        2 => question(message),
        3 => answer(message),
        _ => card(message),
    }
}

fn append(message: &[u8]) {
    let Ok(message) = pb::AppendRequest::decode(message) else { return };
    let Ok(request) = wire::take_append(message) else { return };
    for entry in &request.entries {
        if let EntryPayload::Normal(Proposal(command)) = &entry.payload {
            // What cannot be read stops the member that applies it, in order.
            let _ = Envelope::decode(command.clone());
        }
    }
    let again = wire::take_append(wire::put_append(request.clone())).expect("it was just written");
    assert_eq!(again.entries, request.entries);
    assert_eq!(format!("{again:?}"), format!("{request:?}"));
}

fn appended(message: &[u8]) {
    let Ok(message) = pb::AppendResponse::decode(message) else { return };
    let Ok(outcome) = wire::take_appended(message) else { return };
    let again = wire::take_appended(wire::put_appended(outcome.clone()));
    assert_eq!(again.expect("it was just written"), outcome);
}

fn question(message: &[u8]) {
    let Ok(message) = pb::Question::decode(message) else { return };
    match message.question {
        Some(Question::Vote(ballot) | Question::PreVote(ballot)) => {
            let Ok(request) = wire::take_ballot(ballot) else { return };
            let again = wire::take_ballot(wire::put_ballot(&request)).expect("just written");
            assert_eq!(format!("{again:?}"), format!("{request:?}"));
        }
        Some(Question::HandOver(handover)) => {
            let Ok(request) = wire::take_handover(handover) else { return };
            let again = wire::take_handover(wire::put_handover(&request)).expect("just written");
            assert_eq!(format!("{again:?}"), format!("{request:?}"));
        }
        Some(Question::Forward(forward)) => {
            for command in forward.commands {
                let _ = Envelope::decode(command);
            }
        }
        Some(
            Question::ReadIndex(_)
            | Question::LeaseRenew(_)
            | Question::LeaseRemaining(_)
            | Question::HashKv(_)
            | Question::ChangeMembers(_)
            | Question::Removed(_)
            | Question::Members(_),
        )
        | None => {}
    }
}

fn answer(message: &[u8]) {
    let Ok(message) = pb::Answer::decode(message) else { return };
    if let Ok(response) = wire::take_ballot_answer(message.clone()) {
        let written = store_proto::peer::answer::Answer::Vote(wire::put_ballot_answer(&response));
        let again = wire::take_ballot_answer(wire::answer(written)).expect("just written");
        assert_eq!(format!("{again:?}"), format!("{response:?}"));
    }
    let vote = Vote::new(1, 2);
    let request = openraft::raft::TransferLeaderRequest::new(vote, 3, None);
    let _ = wire::take_handover_answer(&request, message);
}

/// The fields of a card, a line each.
fn card(text: &[u8]) {
    let mut metadata = MetadataMap::new();
    let names = ["cluster", "from", "to", "membership"];
    for (name, value) in names.into_iter().zip(text.split(|byte| *byte == b'\n')) {
        if let Ok(value) = AsciiMetadataValue::try_from(value) {
            metadata.insert(name, value);
        }
    }
    let Ok(card) = Card::take(&metadata) else { return };
    let mut written = MetadataMap::new();
    card.put(&mut written);
    assert_eq!(Card::take(&written).expect("it was just written"), card);
}

/// Takes `data` for the pieces of a snapshot, each behind its length, as they arrive.
pub(crate) fn snapshot(mut data: &[u8]) {
    let mut arriving = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        let decoded = pb::SnapshotPiece::decode(piece);
        arriving.push(decoded.map_err(|error| tonic::Status::internal(error.to_string())));
        data = rest;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    // What is refused is refused; what is taken was whole, which the snapshot itself tells.
    let _ = runtime.block_on(pieces::receive(stream::iter(arriving), None)).is_ok();
}

/// Messages that are well formed, as [`messages`] takes them.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let node = MemberNode { name: "one".into(), ..MemberNode::default() };
    let membership = Membership::from(std::collections::BTreeMap::from([(7, node)]));
    let entry = |index, payload| Entry { log_id: log_id(3, index), payload };
    let vote = Vote::new_committed(3, 7);
    let command = crate::command::Command::Compact { revision: 4 }.encode();
    let append = wire::put_append(AppendEntriesRequest {
        vote,
        prev_log_id: Some(log_id(2, 9)),
        entries: vec![
            entry(10, EntryPayload::Blank),
            entry(11, EntryPayload::Normal(Proposal(command.clone()))),
            entry(12, EntryPayload::Membership(membership)),
        ],
        leader_commit: Some(log_id(2, 9)),
    });
    let ballot = openraft::raft::VoteRequest::new(vote, Some(log_id(2, 9)));
    let ask = |question| pb::Question { question: Some(question) }.encode_to_vec();
    let forward = pb::Forward { term: 3, commands: vec![command] };
    [
        (0, append.encode_to_vec()),
        (1, wire::put_appended(Ok(Some(log_id(1, 2)))).encode_to_vec()),
        (2, ask(Question::Vote(wire::put_ballot(&ballot)))),
        (2, ask(Question::Forward(forward))),
        (4, b"0000000000000001\n2\n03\nffffffffffffffff".to_vec()),
    ]
    .into_iter()
    .map(|(kind, message)| [vec![kind], message].concat())
    .collect()
}

/// Snapshots on their way, as [`snapshot`] takes them: head, and what `files` hold in two pieces.
pub(crate) fn example_snapshots(files: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let framed = |piece: Piece| {
        let bytes = pb::SnapshotPiece { piece: Some(piece) }.encode_to_vec();
        [&(bytes.len() as u16).to_le_bytes()[..], &bytes].concat()
    };
    let example = |file: Vec<u8>| {
        let head = pb::SnapshotHead {
            vote: Some(wire::put_vote(&Vote::new_committed(3, 7))),
            last: Some(wire::put_log_id(&log_id(1, 9))),
            membership: serde_json::to_vec(&StoredMembership::default())
                .expect("plain data")
                .into(),
            size: file.len() as u64,
        };
        let (front, back) = file.split_at(file.len() / 2);
        let data = |bytes: &[u8]| framed(Piece::Data(bytes.to_vec().into()));
        [framed(Piece::Head(head)), data(front), data(back)].concat()
    };
    files.into_iter().map(example).collect()
}
