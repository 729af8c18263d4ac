//! The quality of service class of a pod: who goes first when a node runs short.

use serde_json::Value;

use super::super::fields::items;
use super::super::resources::amount;

/// `Guaranteed` when every container has limits for CPU and memory and asks for just as much,
/// `BestEffort` when none asks for anything, `Burstable` in between. Zero counts as nothing.
pub fn class(pod: &Value) -> &'static str {
    let containers =
        || items(pod, "spec.containers").iter().chain(items(pod, "spec.initContainers"));
    let amount = |container: &Value, kind: &str, name: &str| {
        amount(container, &format!("resources.{kind}"), name).filter(|amount| !amount.is_zero())
    };
    let compute = ["cpu", "memory"];
    let asks = |container: &Value| {
        compute.iter().any(|name| {
            amount(container, "requests", name).is_some()
                || amount(container, "limits", name).is_some()
        })
    };
    if !containers().any(asks) {
        return "BestEffort";
    }
    let guaranteed = |container: &Value| {
        compute.iter().all(|name| {
            let limit = amount(container, "limits", name);
            // A request that is left out defaults to the limit.
            let request = amount(container, "requests", name).or(limit);
            limit.is_some() && request == limit
        })
    };
    if containers().all(guaranteed) { "Guaranteed" } else { "Burstable" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn classes() {
        let full = || json!({"limits": {"cpu": "1", "memory": "1Gi"}});
        let cases = [
            (vec![json!({})], "BestEffort"),
            (vec![json!({"requests": {"cpu": "0"}})], "BestEffort"),
            (vec![json!({"requests": {"cpu": "1"}})], "Burstable"),
            (vec![json!({"limits": {"cpu": "1"}})], "Burstable"),
            (vec![full()], "Guaranteed"),
            (vec![full(), json!({})], "Burstable"),
            (
                vec![json!({"limits": {"cpu": "1", "memory": "1Gi"},
                            "requests": {"cpu": "1000m", "memory": "1024Mi"}})],
                "Guaranteed",
            ),
            (
                vec![json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}})],
                "Burstable",
            ),
        ];
        for (resources, wanted) in cases {
            let containers: Vec<Value> =
                resources.into_iter().map(|resources| json!({"resources": resources})).collect();
            let pod = json!({"spec": {"containers": containers}});
            assert_eq!(class(&pod), wanted, "{pod}");
        }
    }
}
