//! Finds a maker for every revision.

use super::candidates::{Expiries, Pool};
use super::observations::Observations;
use super::replay::{Context, Replay, State};
use super::truth::{Cause, Truth};
use crate::check::evidence::Evidence;
use crate::check::facts::Facts;
use crate::check::leases::Lives;
use crate::check::options::Options;
use crate::check::verdict::{Kind, Violation};
use crate::check::watches::Coverage;

/// Revisions that may be replayed again because an earlier choice was wrong. Beyond that the
/// choices that went furthest are judged as they are, and that is said.
const REPLAYED_AGAIN: usize = 200_000;

/// Replays the history. Where no choice of makers explains it, tells what is wrong with the one
/// that went furthest.
pub(in crate::check) fn judge(
    facts: &Facts<'_>,
    evidence: &Evidence<'_>,
    coverage: &Coverage<'_>,
    lives: &Lives,
    options: &Options,
) -> (Truth, Vec<Violation>) {
    let context = Context {
        facts,
        evidence,
        observations: &Observations::of(facts),
        coverage,
        lives,
        lease_times: options.lease_times,
        kept: Context::kept(facts),
    };
    let pool = Pool::of(facts, &evidence.shown);
    match explain(&context, &pool) {
        Ok(truth) => (truth, Vec::new()),
        Err(Failure::NoneFits(furthest)) => collect(&context, &pool, &furthest),
        Err(Failure::GivenUp(furthest)) => {
            let (truth, mut violations) = collect(&context, &pool, &furthest);
            violations.insert(0, given_up());
            (truth, violations)
        }
    }
}

/// The makers that went furthest, and why no others will be tried.
enum Failure {
    NoneFits(Vec<Cause>),
    GivenUp(Vec<Cause>),
}

fn given_up() -> Violation {
    let text = format!(
        "which of the unanswered writes were done was not found within {REPLAYED_AGAIN} replayed \
         revisions; what follows may come from a wrong guess: record a watch on every key to tell"
    );
    Violation::new(Kind::GivenUp, [], text)
}

/// A revision with more than one candidate: the state before it, and those not tried yet.
struct Choice {
    before: State,
    untried: std::vec::IntoIter<Cause>,
}

/// Looks for makers with which nothing is wrong; otherwise returns those that went furthest.
fn explain(context: &Context<'_>, pool: &Pool) -> Result<Truth, Failure> {
    let last = context.facts.last_revision;
    let mut replay = Replay::new(context);
    let mut begin = Vec::new();
    replay.observe(1, &mut begin);
    if !begin.is_empty() {
        return Err(Failure::NoneFits(Vec::new()));
    }
    let mut choices: Vec<Choice> = Vec::new();
    let mut furthest: Vec<Cause> = Vec::new();
    let budget = usize::try_from(last).unwrap_or(usize::MAX).saturating_add(REPLAYED_AGAIN);
    for _ in 0..budget {
        if replay.next() > last {
            return Ok(replay.truth);
        }
        let candidates = replay.candidates(pool, Expiries::OnlyInTime);
        let is_choice = candidates.len() > 1;
        let mut untried = candidates.into_iter();
        let first = untried.next();
        if is_choice {
            choices.push(Choice { before: replay.state.clone(), untried });
        }
        if first.is_some_and(|cause| fits(&mut replay, cause)) {
            continue;
        }
        if replay.truth.causes.len() > furthest.len() {
            furthest.clone_from(&replay.truth.causes);
        }
        if !step_back(&mut replay, &mut choices) {
            return Err(Failure::NoneFits(furthest));
        }
    }
    Err(Failure::GivenUp(furthest))
}

/// Makes the next revision by `cause`, and tells whether that agrees with everything.
fn fits(replay: &mut Replay<'_>, cause: Cause) -> bool {
    replay.advance(cause).is_empty() && replay.is_as_seen()
}

/// Goes back to the last choice with something untried, and takes that.
fn step_back(replay: &mut Replay<'_>, choices: &mut Vec<Choice>) -> bool {
    while let Some(choice) = choices.last_mut() {
        let before = choice.before.clone();
        for cause in choice.untried.by_ref() {
            replay.rewind(before.clone());
            if fits(replay, cause) {
                return true;
            }
        }
        choices.pop();
    }
    false
}

/// Replays with the makers of `furthest`, and beyond them with the likeliest, and tells all that is
/// wrong.
fn collect(context: &Context<'_>, pool: &Pool, furthest: &[Cause]) -> (Truth, Vec<Violation>) {
    let mut replay = Replay::new(context);
    let mut violations = Vec::new();
    replay.observe(1, &mut violations);
    while replay.next() <= context.facts.last_revision {
        let known = furthest.get(replay.next() as usize).copied();
        let cause = known.or_else(|| replay.candidates(pool, Expiries::Any).first().copied());
        let cause = cause.unwrap_or(Cause::Unexplained);
        violations.extend(doubt(&replay, cause));
        violations.extend(replay.advance(cause));
    }
    (replay.truth, violations)
}

/// What is wrong with the next revision's having this maker.
fn doubt(replay: &Replay<'_>, cause: Cause) -> Option<Violation> {
    let Context { facts, evidence, lives, lease_times, .. } = replay.context;
    let revision = replay.next();
    let line = facts.seen(revision);
    let seen = &evidence.revisions[revision as usize];
    match cause {
        Cause::Operation(_) => None,
        Cause::Expiry(lease) if *lease_times && !lives.may_run_out(lease, line, facts) => {
            let text = format!(
                "lease {lease} ended at revision {revision}, before its time and without being \
                 revoked"
            );
            Some(Violation::new(Kind::EarlyExpiry, [line], text))
        }
        Cause::Expiry(_) => None,
        Cause::Unexplained if seen.puts.is_empty() && seen.deletes.is_empty() => {
            let text = format!(
                "revision {revision} is missing: later ones were seen, but no request made it"
            );
            Some(Violation::new(Kind::RevisionGap, [line], text))
        }
        Cause::Unexplained => {
            let text = format!(
                "no request and no lease explains revision {revision} (deleted: {:?})",
                seen.deletes.iter().map(|(key, _)| *key).collect::<Vec<_>>()
            );
            Some(Violation::new(Kind::UnexplainedChange, [line], text))
        }
    }
}
