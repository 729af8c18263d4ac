//! Every vote that is given, by whom and for whom.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use store_proto::peer as pb;
use store_proto::peer::answer::Answer;

/// The votes of a run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Votes(Arc<Mutex<Given>>);

#[derive(Debug, Default)]
struct Given {
    /// Voter and term, to whom.
    votes: BTreeMap<(String, u64), u64>,
    broken: Option<String>,
}

impl Votes {
    /// Notes what `voter` answered to a request for its vote.
    pub fn note(&self, voter: &str, ballot: &pb::Ballot, answer: &pb::Answer) {
        let Some(Answer::Vote(pb::BallotAnswer { granted: true, .. })) = &answer.answer else {
            return;
        };
        let Some(asked) = &ballot.vote else { return };
        let mut given = self.0.lock().expect("no code panics while it holds the votes");
        let key = (voter.to_owned(), asked.term);
        let before = *given.votes.entry(key).or_insert(asked.voted_for);
        if before != asked.voted_for && given.broken.is_none() {
            given.broken = Some(format!(
                "{voter} voted for {before:x} and for {:x} in term {}",
                asked.voted_for, asked.term
            ));
        }
    }

    /// How a member voted twice, if one did.
    pub fn broken(&self) -> Option<String> {
        self.0.lock().expect("no code panics while it holds the votes").broken.clone()
    }
}
