//! A Deployment that was resized, or is paused: the ReplicaSets it has are scaled, and no new
//! revision is begun.

use super::annotations::{DESIRED_REPLICAS, MAX_REPLICAS, number};
use super::bounds::max_surge;
use super::draft::{Draft, total};
use super::sets::Sets;
use crate::objects::Deployment;

/// Whether any ReplicaSet was last scaled for another size of the Deployment.
pub fn is_due(deployment: &Deployment, sets: &Sets) -> bool {
    sets.all().filter(|draft| draft.is_active()).any(|draft| {
        number(&draft.annotations, DESIRED_REPLICAS)
            .is_some_and(|desired| desired != deployment.replicas())
    })
}

/// Scales: the only active ReplicaSet to the desired number; once the current one is complete, the
/// others to zero; in the middle of a rollout, all in proportion, so that the risk stays spread as it
/// was.
pub fn scale(deployment: &Deployment, sets: &mut Sets) {
    if let Some(only) = active_or_latest(sets) {
        if only.replicas != deployment.replicas() {
            only.scale(deployment.replicas(), deployment);
        }
    } else if is_saturated(deployment, sets.new.as_ref()) {
        for draft in sets.old.iter_mut().filter(|draft| draft.is_active()) {
            draft.scale(0, deployment);
        }
    } else if deployment.is_rolling() {
        scale_in_proportion(deployment, sets);
    }
}

/// The one ReplicaSet with replicas; without any, the current one or else the youngest.
fn active_or_latest(sets: &mut Sets) -> Option<&mut Draft> {
    match sets.all().filter(|draft| draft.is_active()).count() {
        0 => match &mut sets.new {
            Some(new) => Some(new),
            None => sets.old.last_mut(),
        },
        1 => sets.old.iter_mut().chain(&mut sets.new).find(|draft| draft.is_active()),
        _ => None,
    }
}

fn is_saturated(deployment: &Deployment, new: Option<&Draft>) -> bool {
    let desired = deployment.replicas();
    new.is_some_and(|new| {
        new.replicas == desired
            && number(&new.annotations, DESIRED_REPLICAS) == Some(desired)
            && new.available() == desired
    })
}

fn scale_in_proportion(deployment: &Deployment, sets: &mut Sets) {
    let desired = deployment.replicas();
    let allowed = if desired > 0 { desired + max_surge(deployment) } else { 0 };
    let mut drafts: Vec<&mut Draft> =
        sets.old.iter_mut().chain(&mut sets.new).filter(|draft| draft.is_active()).collect();
    let to_add = allowed - total(drafts.iter().map(|draft| &**draft));
    // Largest first; of equals the newer one grows first, and the older one shrinks first.
    drafts.sort_by(|one, other| one.age().cmp(&other.age()));
    if to_add > 0 {
        drafts.reverse();
    }
    drafts.sort_by_key(|draft| std::cmp::Reverse(draft.replicas));
    let mut added = 0;
    let mut sizes: Vec<i32> = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        let share = share(deployment, draft, to_add, added);
        added += share;
        sizes.push(draft.replicas + share);
    }
    // What rounding left over goes to the largest.
    if let Some(largest) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    for (draft, size) in drafts.into_iter().zip(sizes) {
        draft.scale(size, deployment);
    }
}

/// How much of `to_add` a ReplicaSet gets, when `added` is given out already.
fn share(deployment: &Deployment, draft: &Draft, to_add: i32, added: i32) -> i32 {
    let left = to_add - added;
    if draft.replicas == 0 || to_add == 0 || left == 0 {
        return 0;
    }
    let fraction = fraction(deployment, draft);
    if to_add > 0 { fraction.min(left) } else { fraction.max(left) }
}

/// By how much a ReplicaSet changes to keep its part of the whole.
fn fraction(deployment: &Deployment, draft: &Draft) -> i32 {
    if deployment.replicas() == 0 {
        return -draft.replicas;
    }
    let before = match number(&draft.annotations, MAX_REPLICAS) {
        Some(before) if before != 0 => before,
        // Not annotated by us: take the Deployment as it last was.
        _ => deployment.status.replicas.unwrap_or(0),
    };
    if before == 0 {
        return 0;
    }
    let after = f64::from(deployment.replicas() + max_surge(deployment));
    let size = f64::from(draft.replicas) * after / f64::from(before);
    // Replica counts are far below 2^31, and both factors came from them.
    #[allow(clippy::cast_possible_truncation)]
    let size = size.round() as i32;
    size - draft.replicas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::annotations::record_size;
    use crate::deployment::plan::tests::{deployment, set};
    use std::sync::Arc;

    /// Replicas of three old ReplicaSets and the current one.
    type Sizes = [i32; 4];

    fn scaled(from: i32, to: i32, surge: i32, sizes: Sizes) -> Sizes {
        let deployment = deployment(to, surge, 0);
        let sets: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(index, replicas)| {
                let name = ["old-0", "old-1", "old-2", "new"][index];
                let order = i64::try_from(index).expect("a small number");
                let mut set = set(&deployment, name, order, (*replicas, *replicas));
                let annotations = set.metadata.annotations.get_or_insert_default();
                record_size(annotations, from, from + surge);
                Arc::new(set)
            })
            .collect();
        let mut sets = Sets::of(&deployment, &sets);
        scale(&deployment, &mut sets);
        let new = sets.new.as_ref().expect("it was given").replicas;
        [sets.old[0].replicas, sets.old[1].replicas, sets.old[2].replicas, new]
    }

    #[test]
    fn scales_as_upstream() {
        let cases = [
            ("the only one", 10, 12, 0, [0, 0, 0, 10], [0, 0, 0, 12]),
            ("the only one is old", 10, 4, 0, [10, 0, 0, 0], [4, 0, 0, 0]),
            ("none", 0, 6, 0, [0, 0, 0, 0], [0, 0, 0, 6]),
            ("up, by halves", 10, 12, 0, [0, 0, 5, 5], [0, 0, 6, 6]),
            ("down, by halves", 10, 6, 0, [0, 0, 5, 5], [0, 0, 3, 3]),
            ("up, leftover to the newest of equals", 10, 13, 0, [0, 0, 5, 5], [0, 0, 6, 7]),
            ("thirds", 10, 12, 0, [3, 3, 3, 1], [3, 4, 4, 1]),
            ("with surge", 10, 20, 2, [0, 0, 8, 4], [0, 0, 15, 7]),
            ("to nothing", 10, 0, 0, [0, 3, 3, 4], [0, 0, 0, 0]),
        ];
        for (what, from, to, surge, before, after) in cases {
            let result = scaled(from, to, surge, before);
            assert_eq!(result.iter().sum::<i32>(), after.iter().sum::<i32>(), "{what}");
            assert_eq!(result, after, "{what}");
        }
    }

    #[test]
    fn is_due_when_the_size_it_was_scaled_for_differs() {
        let deployment = deployment(3, 1, 0);
        for (annotated, expected) in [(None, false), (Some(3), false), (Some(2), true)] {
            let mut set = set(&deployment, "new", 1, (3, 3));
            if let Some(size) = annotated {
                record_size(set.metadata.annotations.get_or_insert_default(), size, size + 1);
            }
            assert_eq!(is_due(&deployment, &Sets::of(&deployment, &[Arc::new(set)])), expected);
        }
    }
}
