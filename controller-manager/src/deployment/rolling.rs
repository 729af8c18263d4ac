//! One step of a rolling update.

use super::bounds::max_unavailable;
use super::draft::{Draft, available, total};
use super::sets::Sets;
use crate::objects::Deployment;

/// Scales the current ReplicaSet up, or, when it cannot grow now, the old ones down. Needs the
/// current one to exist.
pub fn step(deployment: &Deployment, sets: &mut Sets) {
    if !grow(deployment, sets) {
        shrink(deployment, sets);
    }
}

fn grow(deployment: &Deployment, sets: &mut Sets) -> bool {
    let size = sets.new_size(deployment);
    let Some(new) = &mut sets.new else { return false };
    let desired = deployment.replicas();
    match new.replicas.cmp(&desired) {
        std::cmp::Ordering::Equal => false,
        std::cmp::Ordering::Greater => new.scale(desired, deployment),
        std::cmp::Ordering::Less if size == new.replicas => false,
        std::cmp::Ordering::Less => new.scale(size, deployment),
    }
}

/// Takes from the old ReplicaSets as many Pods as can be spared: first those that are not available
/// anyway, then as many available ones as leaves enough.
fn shrink(deployment: &Deployment, sets: &mut Sets) {
    let Some(new) = &sets.new else { return };
    let min_available = deployment.replicas() - max_unavailable(deployment);
    let new_unavailable = new.replicas - new.available();
    let spare = total(sets.all()) - min_available - new_unavailable;
    if total(&sets.old) == 0 || spare <= 0 {
        return;
    }
    take_unavailable(deployment, &mut sets.old, spare);
    let spare = available(sets.all()) - min_available;
    take_available(deployment, &mut sets.old, spare);
}

/// Takes at most `spare` Pods that are not available, from the oldest ReplicaSet on.
fn take_unavailable(deployment: &Deployment, old: &mut [Draft], mut spare: i32) {
    for draft in old {
        let taken = spare.min(draft.replicas - draft.available()).max(0);
        if taken > 0 {
            draft.scale(draft.replicas - taken, deployment);
            spare -= taken;
        }
    }
}

/// Takes at most `spare` Pods, from the oldest ReplicaSet on.
fn take_available(deployment: &Deployment, old: &mut [Draft], mut spare: i32) {
    for draft in old {
        let taken = spare.min(draft.replicas).max(0);
        if taken > 0 {
            draft.scale(draft.replicas - taken, deployment);
            spare -= taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::plan::tests::{deployment, set};
    use std::sync::Arc;

    /// `(desired, surge, unavailable)`, then of the new and the old ReplicaSet replicas and available
    /// ones; then what they are scaled to.
    type Row = ((i32, i32, i32), (i32, i32), (i32, i32), (i32, i32));

    #[test]
    fn steps_within_the_bounds() {
        let rows: [Row; 10] = [
            // Surge first, then wait for availability.
            ((10, 2, 2), (0, 0), (10, 10), (2, 10)),
            ((10, 2, 2), (2, 0), (10, 10), (2, 8)),
            ((10, 2, 2), (2, 0), (8, 8), (4, 8)),
            ((10, 2, 2), (4, 0), (8, 8), (4, 8)),
            ((10, 2, 2), (4, 4), (8, 8), (4, 4)),
            // Without surge the old ones make room.
            ((3, 0, 1), (0, 0), (3, 3), (0, 2)),
            ((3, 0, 1), (0, 0), (2, 2), (1, 2)),
            // Unavailable old Pods go first and do not count as spare.
            ((10, 0, 2), (0, 0), (10, 8), (0, 8)),
            // A shrunk Deployment.
            ((2, 1, 0), (5, 5), (0, 0), (2, 0)),
            // Done.
            ((3, 1, 0), (3, 3), (0, 0), (3, 0)),
        ];
        for ((desired, surge, unavailable), new, old, expected) in rows {
            let deployment = deployment(desired, surge, unavailable);
            let sets = [
                Arc::new(set(&deployment, "old", 1, old)),
                Arc::new(set(&deployment, "new", 2, new)),
            ];
            let mut sets = Sets::of(&deployment, &sets);
            step(&deployment, &mut sets);
            let result = (sets.new.as_ref().map_or(0, |new| new.replicas), total(&sets.old));
            assert_eq!(result, expected, "{desired} desired, new {new:?}, old {old:?}");
        }
    }
}
