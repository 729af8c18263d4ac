//! Old ReplicaSets beyond the limit.

use std::sync::Arc;

use super::draft::Draft;
use crate::objects::{Deployment, Light, ReplicaSet};

/// Which old ReplicaSets go: of those beyond the limit, lowest revision first, the ones that are and
/// shall be empty.
pub fn excess(deployment: &Deployment, old: &[Draft]) -> Vec<Arc<ReplicaSet>> {
    let Some(limit) = deployment.revision_history_limit() else { return Vec::new() };
    let mut kept: Vec<&Draft> = old.iter().filter(|draft| !draft.set.is_terminating()).collect();
    let Some(excess) = kept.len().checked_sub(limit) else { return Vec::new() };
    kept.sort_by_key(|draft| (draft.revision(), draft.age()));
    let emptied = |draft: &&&Draft| {
        let set = &draft.set;
        let observed = set.status.observed_generation.unwrap_or(0);
        draft.replicas == 0
            && draft.actual() == 0
            && set.metadata.generation.unwrap_or(0) <= observed
    };
    kept.iter().take(excess).filter(emptied).map(|draft| draft.set.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::annotations::REVISION;
    use crate::deployment::plan::tests::{deployment, set};

    #[test]
    fn the_lowest_revisions_go_when_empty() {
        let mut deployment = deployment(1, 1, 0);
        let old: Vec<Draft> = [(1, 0), (2, 0), (3, 1), (4, 0)]
            .iter()
            .map(|(revision, replicas)| {
                let mut set =
                    set(&deployment, &format!("old-{revision}"), 9, (*replicas, *replicas));
                let annotations = set.metadata.annotations.get_or_insert_default();
                annotations.insert(REVISION.to_owned(), revision.to_string());
                Draft::of(&Arc::new(set))
            })
            .collect();
        let cases: [(Option<i32>, &[&str]); 5] = [
            (None, &[]),
            (Some(10), &[]),
            (Some(3), &["old-1"]),
            (Some(1), &["old-1", "old-2"]),
            (Some(0), &["old-1", "old-2", "old-4"]),
        ];
        for (limit, expected) in cases {
            deployment.spec.revision_history_limit = limit;
            let excess = excess(&deployment, &old);
            let names: Vec<&str> = excess.iter().map(|set| set.name()).collect();
            assert_eq!(names, expected, "{limit:?}");
        }
    }
}
