//! Raft's terms as messages and back.

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::vote::RaftLeaderId;
use store_proto::peer as pb;
use store_proto::peer::answer::Answer;
use store_proto::peer::question::Question;
use tonic::Status;

use crate::raft::types::*;

/// A message without the part that gives it meaning, from a member of another version.
fn malformed(what: &str) -> Status {
    Status::invalid_argument(format!("the message has no readable {what}"))
}

pub(crate) fn question(question: Question) -> pb::Question {
    pb::Question { question: Some(question) }
}

pub(crate) fn answer(answer: Answer) -> pb::Answer {
    pb::Answer { answer: Some(answer) }
}

pub(crate) fn put_log_id(log_id: &LogId) -> pb::LogId {
    pb::LogId { term: term_of(log_id), index: log_id.index }
}

pub(crate) fn take_log_id(log_id: pb::LogId) -> LogId {
    log_id_of(log_id.term, log_id.index)
}

use crate::raft::types::log_id as log_id_of;

pub(crate) fn put_vote(vote: &Vote) -> pb::Vote {
    pb::Vote {
        term: vote.leader_id.term,
        voted_for: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

pub(crate) fn take_vote(vote: Option<pb::Vote>) -> Result<Vote, Status> {
    let vote = vote.ok_or_else(|| malformed("vote"))?;
    let leader_id = LeaderId::new(vote.term, vote.voted_for);
    Ok(Vote { leader_id, committed: vote.committed })
}

fn put_entry(entry: Entry) -> pb::Entry {
    let payload = match entry.payload {
        EntryPayload::Blank => pb::entry::Payload::Blank(pb::Blank {}),
        EntryPayload::Normal(Proposal(command)) => pb::entry::Payload::Command(command),
        EntryPayload::Membership(membership) => {
            let json = serde_json::to_vec(&membership).expect("a membership is plain data");
            pb::entry::Payload::Membership(json.into())
        }
    };
    let pb::LogId { term, index } = put_log_id(&entry.log_id);
    pb::Entry { term, index, payload: Some(payload) }
}

/// Commands are copied out of the message that brought them: one of their values may live for
/// years, and would keep the whole message in memory.
fn take_entry(entry: pb::Entry) -> Result<Entry, Status> {
    let payload = match entry.payload.ok_or_else(|| malformed("entry"))? {
        pb::entry::Payload::Blank(pb::Blank {}) => EntryPayload::Blank,
        pb::entry::Payload::Command(command) => {
            EntryPayload::Normal(Proposal(Bytes::copy_from_slice(&command)))
        }
        pb::entry::Payload::Membership(json) => EntryPayload::Membership(
            serde_json::from_slice(&json).map_err(|_| malformed("membership"))?,
        ),
    };
    Ok(Entry { log_id: log_id_of(entry.term, entry.index), payload })
}

pub(crate) fn put_append(request: AppendEntriesRequest<TypeConfig>) -> pb::AppendRequest {
    pb::AppendRequest {
        vote: Some(put_vote(&request.vote)),
        previous: request.prev_log_id.as_ref().map(put_log_id),
        entries: request.entries.into_iter().map(put_entry).collect(),
        commit: request.leader_commit.as_ref().map(put_log_id),
    }
}

pub(crate) fn take_append(
    request: pb::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
    Ok(AppendEntriesRequest {
        vote: take_vote(request.vote)?,
        prev_log_id: request.previous.map(take_log_id),
        entries: request.entries.into_iter().map(take_entry).collect::<Result<_, _>>()?,
        leader_commit: request.commit.map(take_log_id),
    })
}

pub(crate) fn put_appended(result: StreamAppendResult<TypeConfig>) -> pb::AppendResponse {
    use pb::append_response::Outcome;
    let outcome = match result {
        Ok(at) => Outcome::Matched(pb::Matched { at: at.as_ref().map(put_log_id) }),
        Err(StreamAppendError::Conflict(at)) => Outcome::Conflict(put_log_id(&at)),
        Err(StreamAppendError::HigherVote(vote)) => Outcome::HigherVote(put_vote(&vote)),
    };
    pb::AppendResponse { outcome: Some(outcome) }
}

pub(crate) fn take_appended(
    response: pb::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, Status> {
    use pb::append_response::Outcome;
    Ok(match response.outcome.ok_or_else(|| malformed("outcome"))? {
        Outcome::Matched(matched) => Ok(matched.at.map(take_log_id)),
        Outcome::Conflict(at) => Err(StreamAppendError::Conflict(take_log_id(at))),
        Outcome::HigherVote(vote) => Err(StreamAppendError::HigherVote(take_vote(Some(vote))?)),
    })
}

pub(crate) fn put_ballot(request: &VoteRequest<TypeConfig>) -> pb::Ballot {
    pb::Ballot {
        vote: Some(put_vote(&request.vote)),
        last: request.last_log_id.as_ref().map(put_log_id),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn take_ballot(ballot: pb::Ballot) -> Result<VoteRequest<TypeConfig>, Status> {
    let mut request = VoteRequest::new(take_vote(ballot.vote)?, ballot.last.map(take_log_id));
    request.leadership_transfer = ballot.leadership_transfer;
    Ok(request)
}

pub(crate) fn put_ballot_answer(response: &VoteResponse<TypeConfig>) -> pb::BallotAnswer {
    pb::BallotAnswer {
        vote: Some(put_vote(&response.vote)),
        last: response.last_log_id.as_ref().map(put_log_id),
        granted: response.vote_granted,
    }
}

pub(crate) fn take_ballot_answer(answer: pb::Answer) -> Result<VoteResponse<TypeConfig>, Status> {
    match answer.answer {
        Some(Answer::Vote(answer)) => Ok(VoteResponse::new(
            take_vote(answer.vote)?,
            answer.last.map(take_log_id),
            answer.granted,
        )),
        _ => Err(malformed("answer")),
    }
}

pub(crate) fn put_handover(request: &TransferLeaderRequest<TypeConfig>) -> pb::Handover {
    pb::Handover {
        from: Some(put_vote(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(put_log_id),
    }
}

pub(crate) fn take_handover(
    handover: pb::Handover,
) -> Result<TransferLeaderRequest<TypeConfig>, Status> {
    let from = take_vote(handover.from)?;
    Ok(TransferLeaderRequest::new(from, handover.to, handover.last.map(take_log_id)))
}

pub(crate) fn put_handover_answer(
    response: &TransferLeaderResponse<TypeConfig>,
) -> pb::HandoverAnswer {
    match response {
        Ok(()) => pb::HandoverAnswer::default(),
        Err(error) => {
            let vote = match error {
                TransferLeaderError::VoteChanged { actual, .. } => Some(put_vote(actual)),
                TransferLeaderError::LogNotFlushed { .. } => None,
            };
            pb::HandoverAnswer { refusal: error.to_string(), vote }
        }
    }
}

/// What the member said to a handover that `request` asked of it.
pub(crate) fn take_handover_answer(
    request: &TransferLeaderRequest<TypeConfig>,
    answer: pb::Answer,
) -> Result<TransferLeaderResponse<TypeConfig>, Status> {
    let Some(Answer::HandOver(answer)) = answer.answer else { return Err(malformed("answer")) };
    if answer.refusal.is_empty() {
        return Ok(Ok(()));
    }
    Ok(Err(match answer.vote {
        Some(vote) => TransferLeaderError::VoteChanged {
            expected: *request.from_leader(),
            actual: take_vote(Some(vote))?,
        },
        None => TransferLeaderError::LogNotFlushed {
            expected: request.last_log_id().copied(),
            actual: None,
        },
    }))
}

/// Takes the one kind of answer that a question can have.
macro_rules! expect_answer {
    ($answer:expr, $kind:ident) => {
        match $answer.answer {
            Some(store_proto::peer::answer::Answer::$kind(answer)) => Ok(answer),
            _ => Err(tonic::Status::internal("a member gave an answer to another question")),
        }
    };
}
pub(crate) use expect_answer;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_survive_the_wire() {
        let entry = |index, payload| Entry { log_id: log_id_of(3, index), payload };
        let node = MemberNode { name: "a".into(), ..MemberNode::default() };
        let nodes = std::collections::BTreeMap::from([(7, node)]);
        let membership = Membership::new(vec![[7].into()], nodes).expect("the voter has a node");
        let request = AppendEntriesRequest {
            vote: Vote { leader_id: LeaderId::new(3, 7), committed: true },
            prev_log_id: Some(log_id_of(2, 9)),
            entries: vec![
                entry(10, EntryPayload::Blank),
                entry(11, EntryPayload::Normal(Proposal("abc".into()))),
                entry(12, EntryPayload::Membership(membership)),
            ],
            leader_commit: None,
        };
        let back = take_append(put_append(request.clone())).expect("the message is whole");
        assert_eq!(format!("{back:?}"), format!("{request:?}"));
        assert_eq!(back.entries, request.entries);
    }

    #[test]
    fn outcomes_survive_the_wire() {
        let vote = Vote { leader_id: LeaderId::new(4, 2), committed: false };
        let outcomes: [StreamAppendResult<TypeConfig>; 4] = [
            Ok(None),
            Ok(Some(log_id_of(1, 2))),
            Err(StreamAppendError::Conflict(log_id_of(1, 3))),
            Err(StreamAppendError::HigherVote(vote)),
        ];
        for outcome in outcomes {
            let back = take_appended(put_appended(outcome.clone())).expect("the message is whole");
            assert_eq!(back, outcome);
        }
        assert!(take_appended(pb::AppendResponse { outcome: None }).is_err());
    }
}
