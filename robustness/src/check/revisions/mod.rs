//! The judge by revisions: who made each one, and whether every answer agrees.
//!
//! Revisions are a total order that the store itself claims, so nothing has to be searched where
//! they are known: each revision has one maker, found by its own acknowledgement or by what it
//! wrote; the makers are replayed in order through the model, and every answer is compared with
//! the replay. What cannot be told from the history (which of two unanswered deletions was it?) is
//! tried in turn, within a bound.

mod attribute;
mod blame;
mod candidates;
mod observations;
mod real_time;
mod replay;
mod truth;

pub(super) use attribute::judge;
pub(super) use blame::told;
pub(super) use real_time::{is_linearizable, judge as judge_real_time};
pub(super) use truth::{Cause, Truth};
