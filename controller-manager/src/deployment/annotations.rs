//! The annotations that a Deployment and its ReplicaSets keep their books in.

use std::collections::BTreeMap;

use crate::objects::{Deployment, ReplicaSet};

/// Number of the revision: of a ReplicaSet its own, of a Deployment the current one.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// Earlier revisions of a ReplicaSet that became current again, comma separated.
pub const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's replicas when the ReplicaSet was last scaled.
pub const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// The same plus surge.
pub const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// Not copied from a Deployment to its ReplicaSets. (kubectl's last-applied copy is dropped when a
/// Deployment is read.)
const OWN: [&str; 5] = [
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];

/// Upstream's bound of the history annotation, in characters.
const HISTORY_LENGTH: usize = 2000;

pub fn revision_of(set: &ReplicaSet) -> i64 {
    revision(set.metadata.annotations.as_ref())
}

fn revision(annotations: Option<&BTreeMap<String, String>>) -> i64 {
    annotations.and_then(|all| all.get(REVISION)?.parse().ok()).unwrap_or(0)
}

/// What the ReplicaSet takes over from its Deployment.
pub fn inherited(deployment: &Deployment) -> impl Iterator<Item = (&String, &String)> {
    let annotations = deployment.metadata.annotations.iter().flatten();
    annotations.filter(|(key, _)| !OWN.contains(&key.as_str()))
}

/// Brings the annotations of the current ReplicaSet up to date: the Deployment's, and the revision,
/// which only ever grows.
pub fn refresh(annotations: &mut BTreeMap<String, String>, deployment: &Deployment, newest: i64) {
    for (key, value) in inherited(deployment) {
        annotations.insert(key.clone(), value.clone());
    }
    let before = revision(Some(annotations));
    if before >= newest {
        return;
    }
    if let Some(old) = annotations.insert(REVISION.to_owned(), newest.to_string()) {
        let history = annotations.entry(REVISION_HISTORY.to_owned()).or_default();
        append(history, &old);
    }
}

fn append(history: &mut String, revision: &str) {
    if !history.is_empty() {
        history.push(',');
    }
    history.push_str(revision);
    while history.len() > HISTORY_LENGTH {
        let Some(comma) = history.find(',') else { return };
        history.drain(..=comma);
    }
}

pub fn number(annotations: &BTreeMap<String, String>, key: &str) -> Option<i32> {
    annotations.get(key)?.parse().ok()
}

/// Records the Deployment's size at the time of scaling a ReplicaSet.
pub fn record_size(annotations: &mut BTreeMap<String, String>, desired: i32, max: i32) {
    annotations.insert(DESIRED_REPLICAS.to_owned(), desired.to_string());
    annotations.insert(MAX_REPLICAS.to_owned(), max.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_grows_and_leaves_its_history() {
        let mut deployment = Deployment::default();
        deployment.metadata.annotations =
            Some([("team".into(), "a".into()), (REVISION.into(), "9".into())].into());
        let mut annotations = BTreeMap::new();
        for (newest, revision, history) in [
            (1, "1", None),
            (1, "1", None),
            (4, "4", Some("1")),
            (2, "4", Some("1")),
            (7, "7", Some("1,4")),
        ] {
            refresh(&mut annotations, &deployment, newest);
            assert_eq!(annotations[REVISION], revision);
            assert_eq!(annotations.get(REVISION_HISTORY).map(String::as_str), history);
        }
        assert_eq!(annotations["team"], "a");
    }

    #[test]
    fn the_history_is_bounded() {
        let mut history = String::new();
        for revision in 0..2000 {
            append(&mut history, &revision.to_string());
        }
        assert!(history.len() <= HISTORY_LENGTH && history.ends_with(",1999"));
        assert!(!history.starts_with(','));
    }
}
