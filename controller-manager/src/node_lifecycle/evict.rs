//! What NoExecute taints mean for a Pod.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::taints::NO_EXECUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stays,
    /// Goes when the taints have been there for this long; zero is at once.
    Goes {
        after: Duration,
    },
}

/// Decides. A Pod goes at once unless it tolerates every NoExecute taint; if it does, the shortest
/// of the times that the tolerations in use grant counts.
pub fn fate(taints: &[Taint], tolerations: &[Toleration]) -> Fate {
    let mut granted: Option<i64> = None;
    for taint in taints.iter().filter(|taint| taint.effect == NO_EXECUTE) {
        let Some(toleration) = tolerations.iter().find(|toleration| tolerates(toleration, taint))
        else {
            return Fate::Goes { after: Duration::ZERO };
        };
        if let Some(seconds) = toleration.toleration_seconds {
            granted = Some(granted.map_or(seconds, |granted| granted.min(seconds)));
        }
    }
    match granted {
        None => Fate::Stays,
        Some(seconds) => {
            Fate::Goes { after: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)) }
        }
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let any = |field: &Option<String>| field.as_deref().unwrap_or_default().to_owned();
    let (effect, key) = (any(&toleration.effect), any(&toleration.key));
    if !effect.is_empty() && effect != taint.effect || !key.is_empty() && key != taint.key {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => any(&toleration.value) == any(&taint.value),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str) -> Taint {
        Taint { key: key.into(), effect: NO_EXECUTE.into(), ..Taint::default() }
    }

    fn toleration(key: &str, seconds: Option<i64>) -> Toleration {
        Toleration {
            key: Some(key.into()),
            operator: Some("Exists".into()),
            effect: Some(NO_EXECUTE.into()),
            toleration_seconds: seconds,
            ..Toleration::default()
        }
    }

    #[test]
    fn tolerations_grant_time() {
        let goes = |seconds| Fate::Goes { after: Duration::from_secs(seconds) };
        let everything = Toleration { operator: Some("Exists".into()), ..Toleration::default() };
        let cases = [
            (vec![], vec![], Fate::Stays),
            (vec![taint("a")], vec![], goes(0)),
            (vec![taint("a")], vec![toleration("b", None)], goes(0)),
            (vec![taint("a")], vec![toleration("a", None)], Fate::Stays),
            (vec![taint("a")], vec![toleration("a", Some(300))], goes(300)),
            (vec![taint("a")], vec![toleration("a", Some(-1))], goes(0)),
            (
                vec![taint("a"), taint("b")],
                vec![toleration("a", Some(30)), toleration("b", Some(10))],
                goes(10),
            ),
            (vec![taint("a"), taint("b")], vec![toleration("a", Some(30))], goes(0)),
            (vec![taint("a"), taint("b")], vec![everything], Fate::Stays),
        ];
        for (taints, tolerations, expected) in cases {
            assert_eq!(fate(&taints, &tolerations), expected, "{taints:?} {tolerations:?}");
        }
        let other = Taint { effect: "NoSchedule".into(), ..taint("a") };
        assert_eq!(fate(&[other], &[]), Fate::Stays);
    }

    #[test]
    fn equal_compares_values() {
        let mut taint = taint("a");
        taint.value = Some("x".into());
        let mut toleration = toleration("a", None);
        toleration.operator = None;
        assert!(!tolerates(&toleration, &taint));
        toleration.value = Some("x".into());
        assert!(tolerates(&toleration, &taint));
    }
}
