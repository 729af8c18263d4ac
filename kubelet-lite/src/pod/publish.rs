//! When a status is written, and as what patch. Pure.

use serde_json::{Map, Value, json};

use super::status::{Address, Condition, PodStatus};

/// Whether the API lacks anything of `want`. Conditions that are not in `want` are others'.
pub fn differs(have: &PodStatus, want: &PodStatus) -> bool {
    let conditions_differ =
        want.conditions.iter().any(|condition| have.condition(&condition.kind) != Some(condition));
    let rest = |status: &PodStatus| PodStatus { conditions: Vec::new(), ..status.clone() };
    conditions_differ || rest(have) != rest(want)
}

/// A strategic merge patch from `have` to `want`, for `/status`. The uid makes it miss a pod of the
/// same name that came after.
pub fn patch(uid: &str, have: &PodStatus, want: &PodStatus) -> Value {
    let mut status = match serde_json::to_value(want) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    for (name, was, is) in [
        ("message", have.message.is_some(), want.message.is_some()),
        ("reason", have.reason.is_some(), want.reason.is_some()),
        ("podIP", have.pod_ip.is_some(), want.pod_ip.is_some()),
    ] {
        if was && !is {
            status.insert(name.to_owned(), Value::Null);
        }
    }
    let conditions = want
        .conditions
        .iter()
        .map(|condition| condition_patch(have.condition(&condition.kind), condition));
    status.insert("conditions".to_owned(), conditions.collect());
    replace_addresses(&mut status, "podIPs", &have.pod_ips, &want.pod_ips);
    replace_addresses(&mut status, "hostIPs", &have.host_ips, &want.host_ips);
    json!({"metadata": {"uid": uid}, "status": status})
}

/// Items are merged by type, so that a text that is gone has to be taken away by name.
fn condition_patch(have: Option<&Condition>, want: &Condition) -> Value {
    let mut fields = json!(want);
    if let Some(have) = have {
        if have.reason.is_some() && want.reason.is_none() {
            fields["reason"] = Value::Null;
        }
        if have.message.is_some() && want.message.is_none() {
            fields["message"] = Value::Null;
        }
    }
    fields
}

/// Addresses are merged by ip: old ones stay unless the list is replaced.
fn replace_addresses(
    status: &mut Map<String, Value>,
    name: &str,
    have: &[Address],
    want: &[Address],
) {
    if have.is_empty() || have == want {
        return;
    }
    let list = std::iter::once(json!({"$patch": "replace"})).chain(want.iter().map(|ip| json!(ip)));
    status.insert(name.to_owned(), list.collect());
}

#[cfg(test)]
mod tests {
    use super::super::status::Phase;
    use super::*;

    fn condition(kind: &str, status: &str, reason: Option<&str>) -> Condition {
        let reason = reason.map(str::to_owned);
        Condition { kind: kind.into(), status: status.into(), reason, ..Default::default() }
    }

    #[test]
    fn conditions_of_others_do_not_count() {
        let want =
            PodStatus { conditions: vec![condition("Ready", "True", None)], ..Default::default() };
        let mut have = want.clone();
        have.conditions.insert(0, condition("PodScheduled", "True", None));
        assert!(!differs(&have, &want));
        have.conditions[1].status = "False".into();
        assert!(differs(&have, &want));
        let other = PodStatus { phase: Some(Phase::Running), ..want.clone() };
        assert!(differs(&want, &other));
    }

    #[test]
    fn what_is_gone_is_taken_away_by_name() {
        let ip = |ip: &str| Address { ip: ip.to_owned() };
        let have = PodStatus {
            message: Some("m".into()),
            pod_ip: Some("1".into()),
            pod_ips: vec![ip("1")],
            conditions: vec![condition("Ready", "False", Some("ContainersNotReady"))],
            ..Default::default()
        };
        let want = PodStatus {
            pod_ip: Some("2".into()),
            pod_ips: vec![ip("2")],
            conditions: vec![condition("Ready", "True", None)],
            ..Default::default()
        };
        assert_eq!(
            patch("u", &have, &want),
            json!({"metadata": {"uid": "u"}, "status": {
                "message": null, "podIP": "2", "podIPs": [{"$patch": "replace"}, {"ip": "2"}],
                "conditions": [{"type": "Ready", "status": "True", "reason": null}]
            }})
        );
    }
}
