//! What a start does about one leaf. Decided from its condition and from where the key of its
//! authority is.

use super::condition::Condition;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Use,
    /// It goes on, but whoever has the authority's key should know.
    UseAndAsk,
    Issue,
    /// Nothing to go on with until it is signed elsewhere.
    Ask,
}

pub(super) fn action(condition: &Condition, external: bool) -> Action {
    match condition {
        Condition::Serves => Action::Use,
        Condition::Due | Condition::Superseded if external => Action::UseAndAsk,
        _ if external => Action::Ask,
        _ => Action::Issue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_serves_no_more_stops_a_start_without_the_authority_key() {
        let lacks = Condition::Lacks("a name".to_owned());
        for (condition, here, elsewhere) in [
            (Condition::Serves, Action::Use, Action::Use),
            (Condition::Due, Action::Issue, Action::UseAndAsk),
            (Condition::Superseded, Action::Issue, Action::UseAndAsk),
            (Condition::Missing, Action::Issue, Action::Ask),
            (Condition::Expired, Action::Issue, Action::Ask),
            (Condition::Foreign, Action::Issue, Action::Ask),
            (lacks, Action::Issue, Action::Ask),
        ] {
            assert_eq!(action(&condition, false), here, "{condition}");
            assert_eq!(action(&condition, true), elsewhere, "{condition}");
        }
    }
}
