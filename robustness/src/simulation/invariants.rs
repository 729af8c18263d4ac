//! What must hold of all members together, at every moment.
//!
//! - *one-leader-per-term*: no two members lead in one term.
//! - *one-vote-per-term*: no member gives two members its vote in one term.
//! - *committed-never-lost*: what one member has applied at an index is what every member applies
//!   there, ever, and a leader's log holds it.
//! - *equal-state*: members that have applied the same have the same state, whether they came to it
//!   by entries or by a snapshot.
//! - *gapless-revisions*: an entry moves the revision by one, or leaves it.
//! - *no-step-back*: what a running member has applied never becomes less.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use store::Embedded;
use store::simulation::{Applied, Facts};

use super::member::Member;
use super::votes::Votes;

/// How an invariant was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub invariant: &'static str,
    pub how: String,
}

/// What all members have applied, as each told. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// By index: term and content of the entry.
    entries: BTreeMap<u64, (u64, u32)>,
    /// By index: revision and state after it.
    states: BTreeMap<u64, (i64, u32)>,
    broken: Option<Broken>,
}

impl Entries {
    fn breaks(&mut self, invariant: &'static str, how: String) {
        // The first is the cause of the others.
        self.broken.get_or_insert(Broken { invariant, how });
    }

    fn note(&mut self, news: Applied) {
        let Applied { member_id, term, index, entry, revision, state } = news;
        if let Some(entry) = entry {
            let known = *self.entries.entry(index).or_insert((term, entry));
            if known != (term, entry) {
                let how = format!(
                    "member {member_id:x} applied entry {index} of term {term} ({entry:08x}), which was \
                     applied as one of term {} ({:08x}) before",
                    known.0, known.1
                );
                self.breaks("committed-never-lost", how);
            }
            let before = index.checked_sub(1).and_then(|before| self.states.get(&before));
            if let Some((before, _)) = before
                && !(*before..=before + 1).contains(&revision)
            {
                let how = format!("entry {index} moved the revision from {before} to {revision}");
                self.breaks("gapless-revisions", how);
            }
        }
        let known = *self.states.entry(index).or_insert((revision, state));
        if known != (revision, state) {
            let how = format!(
                "at entry {index} member {member_id:x} has revision {revision} and state {state:08x}; \
                 another had revision {} and state {:08x}",
                known.0, known.1
            );
            self.breaks("equal-state", how);
        }
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("no code panics while it holds the ledger")
    }

    pub fn note(&self, news: Applied) {
        self.lock().note(news);
    }

    /// The last index that any member has applied.
    pub fn last(&self) -> u64 {
        self.lock().states.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// A number that stands for all that was applied.
    pub fn digest(&self) -> u64 {
        let ledger = self.lock();
        ledger.states.iter().fold(0, |digest: u64, (index, (revision, state))| {
            let mixed =
                digest ^ index ^ (*revision as u64).rotate_left(20) ^ u64::from(*state) << 32;
            mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
        })
    }
}

/// Looks at members after every step.
#[derive(Debug)]
pub struct Invariants {
    ledger: Ledger,
    votes: Votes,
    /// Who led in which term.
    leaders: BTreeMap<u64, u64>,
    /// The last facts of each running member.
    facts: BTreeMap<String, Facts>,
}

impl Invariants {
    pub fn new(ledger: Ledger, votes: Votes) -> Self {
        Self { ledger, votes, leaders: BTreeMap::new(), facts: BTreeMap::new() }
    }

    /// The member's process has ended: what it held in memory is gone.
    pub fn forget(&mut self, name: &str) {
        self.facts.remove(name);
    }

    /// Terms in which someone led.
    pub fn terms(&self) -> usize {
        self.leaders.len()
    }

    /// What is broken, if something is.
    pub fn look(&mut self, members: &[Member]) -> Result<(), Broken> {
        for member in members {
            let Some(store) = member.store() else { continue };
            let facts = store.facts();
            let before = self.facts.get(&member.name);
            if before == Some(&facts) {
                continue;
            }
            if let Some(before) = before
                && (before.applied_index > facts.applied_index || before.revision > facts.revision)
            {
                return Err(Broken {
                    invariant: "no-step-back",
                    how: format!("{}: {before:?}, then {facts:?}", member.name),
                });
            }
            if facts.leads {
                self.look_at_leader(&store, &facts)?;
            }
            self.facts.insert(member.name.clone(), facts);
        }
        if let Some(how) = self.votes.broken() {
            return Err(Broken { invariant: "one-vote-per-term", how });
        }
        self.ledger.lock().broken.clone().map_or(Ok(()), Err)
    }

    fn look_at_leader(&mut self, store: &Embedded, facts: &Facts) -> Result<(), Broken> {
        let (term, me) = (facts.term, facts.member_id);
        let known = self.leaders.get(&term).copied();
        if let Some(known) = known {
            if known != me {
                let how = format!("{known:x} and {me:x} lead in term {term}");
                return Err(Broken { invariant: "one-leader-per-term", how });
            }
            return Ok(());
        }
        self.leaders.insert(term, me);
        let log = store.logged_from(0);
        let first = log.first().map_or(u64::MAX, |entry| entry.index);
        let held: BTreeMap<u64, (u64, u32)> =
            log.iter().map(|entry| (entry.index, (entry.term, entry.entry))).collect();
        let ledger = self.ledger.lock();
        for (index, entry) in ledger.entries.range(first.min(facts.applied_index + 1)..) {
            // An entry of a later term is none that this leader had to have.
            if entry.0 > term || (*index <= facts.applied_index && *index < first) {
                continue;
            }
            if held.get(index) != Some(entry) {
                let how = format!(
                    "{me:x} leads in term {term} without entry {index} of term {}, which was applied",
                    entry.0
                );
                return Err(Broken { invariant: "committed-never-lost", how });
            }
        }
        Ok(())
    }
}
