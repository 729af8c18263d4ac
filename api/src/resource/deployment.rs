//! Deployments.

use serde_json::{Value, json};

use super::age::age;
use super::fields::{at, ensure, has, number, set_default, text};
use super::labels::{NONE, container_cells, format_selector};
use super::{Column, Resource, Strategy, pod_spec, workload};
use crate::validation::FieldError;

pub fn row() -> Resource {
    Resource::row("Deployment", "deployments", DeploymentStrategy)
        .in_group("apps")
        .short_names(&["deploy"])
        .in_all()
        .status()
        .scale()
        .columns(vec![
            Column::object_name(),
            Column::new("Ready", "string", "Ready pods of those there should be."),
            Column::new("Up-to-date", "string", "Pods of the current template."),
            Column::new("Available", "string", "Pods that have been ready for long enough."),
            Column::age(),
            Column::wide("Containers", "string", "Names of the template's containers."),
            Column::wide("Images", "string", "Images of the template's containers."),
            Column::wide("Selector", "string", "Labels of the pods."),
        ])
}

struct DeploymentStrategy;

impl Strategy for DeploymentStrategy {
    fn has_generation(&self) -> bool {
        true
    }

    fn has_status(&self) -> bool {
        true
    }

    fn default(&self, deployment: &mut Value) {
        ensure(deployment, "spec.template.spec");
        set_default(deployment, "spec", "replicas", 1);
        set_default(deployment, "spec", "strategy", json!({}));
        set_default(deployment, "spec.strategy", "type", "RollingUpdate");
        if text(deployment, "spec.strategy.type") == "RollingUpdate" {
            set_default(deployment, "spec.strategy", "rollingUpdate", json!({}));
            set_default(deployment, "spec.strategy.rollingUpdate", "maxUnavailable", "25%");
            set_default(deployment, "spec.strategy.rollingUpdate", "maxSurge", "25%");
        }
        set_default(deployment, "spec", "revisionHistoryLimit", 10);
        set_default(deployment, "spec", "progressDeadlineSeconds", 600);
        pod_spec::default_template(deployment, "spec.template");
    }

    fn prepare_for_create(&self, deployment: &mut Value) {
        deployment["status"] = json!({});
    }

    fn validate(&self, deployment: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        errors.extend(workload::validate_not_negative(deployment, "spec.replicas"));
        let (selector, faults) = workload::validate_selector(deployment, "deployment");
        errors.extend(faults);
        errors.extend(workload::validate_template(deployment, selector.as_ref(), "Deployment"));
        errors.extend(validate_strategy(deployment));
        errors.extend(workload::validate_not_negative(deployment, "spec.minReadySeconds"));
        errors.extend(workload::validate_not_negative(deployment, "spec.revisionHistoryLimit"));
        errors.extend(validate_deadline(deployment));
        errors
    }

    fn validate_update(&self, deployment: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate(deployment);
        errors.extend(workload::validate_same_selector(deployment, old));
        errors
    }

    fn warnings(&self, object: &Value) -> Vec<String> {
        workload::warnings(object)
    }

    fn update_warnings(&self, object: &Value, old: &Value) -> Vec<String> {
        workload::update_warnings(object, old)
    }

    fn validate_status_update(&self, deployment: &Value, _old: &Value) -> Vec<FieldError> {
        validate_status(deployment)
    }

    fn cells(&self, deployment: &Value, now: i64) -> Vec<Value> {
        let [containers, images] = container_cells(deployment, "spec.template.spec");
        let (ready, desired) =
            (number(deployment, "status.readyReplicas"), number(deployment, "spec.replicas"));
        // Unlike replica sets, upstream prints nothing at all for an empty selector here.
        let selector = match format_selector(deployment, "spec.selector") {
            selector if selector == NONE => String::new(),
            selector => selector,
        };
        vec![
            text(deployment, "metadata.name").into(),
            format!("{ready}/{desired}").into(),
            number(deployment, "status.updatedReplicas").into(),
            number(deployment, "status.availableReplicas").into(),
            age(deployment, now).into(),
            containers,
            images,
            selector.into(),
        ]
    }
}

const STRATEGY: &str = "spec.strategy";

fn validate_strategy(deployment: &Value) -> Vec<FieldError> {
    let rolling = at(deployment, "spec.strategy.rollingUpdate");
    match (text(deployment, "spec.strategy.type"), rolling) {
        ("Recreate", None) => Vec::new(),
        ("Recreate", Some(_)) => vec![FieldError::forbidden(
            format!("{STRATEGY}.rollingUpdate"),
            "may not be specified when strategy `type` is 'Recreate'",
        )],
        ("RollingUpdate", None) => vec![FieldError::required(
            format!("{STRATEGY}.rollingUpdate"),
            "this should be defaulted and never be nil",
        )],
        ("RollingUpdate", Some(rolling)) => validate_rolling(rolling),
        (other, _) => vec![FieldError::not_supported(
            format!("{STRATEGY}.type"),
            other,
            &["Recreate", "RollingUpdate"],
        )],
    }
}

fn validate_rolling(rolling: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["maxUnavailable", "maxSurge"] {
        let path = format!("{STRATEGY}.rollingUpdate.{field}");
        let value = at(rolling, field).cloned().unwrap_or_else(|| 0.into());
        match share(&value) {
            Err(detail) => errors.push(FieldError::invalid(path, value, detail)),
            Ok(Share::Percent(percent)) if percent > 100 && field == "maxUnavailable" => {
                errors.push(FieldError::invalid(path, value, "must not be greater than 100%"));
            }
            Ok(_) => {}
        }
    }
    let nothing = |field| {
        at(rolling, field)
            .is_none_or(|value| matches!(share(value), Ok(Share::Count(0) | Share::Percent(0))))
    };
    if nothing("maxUnavailable") && nothing("maxSurge") {
        errors.push(FieldError::invalid(
            format!("{STRATEGY}.rollingUpdate.maxUnavailable"),
            at(rolling, "maxUnavailable").cloned().unwrap_or_else(|| 0.into()),
            "may not be 0 when `maxSurge` is 0",
        ));
    }
    errors
}

enum Share {
    Count(i64),
    Percent(i64),
}

/// A count or a percentage.
fn share(value: &Value) -> Result<Share, &'static str> {
    if let Some(count) = value.as_i64() {
        return if count < 0 {
            Err("must be greater than or equal to 0")
        } else {
            Ok(Share::Count(count))
        };
    }
    value
        .as_str()
        .and_then(|text| text.strip_suffix('%'))
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .map(Share::Percent)
        .ok_or(
            "a valid percent string must be a numeric followed by an ending '%' (e.g. '1%',  or \
             '93%', regex used for validation is '[0-9]+%')",
        )
}

fn validate_deadline(deployment: &Value) -> Vec<FieldError> {
    const PATH: &str = "spec.progressDeadlineSeconds";
    let mut errors = Vec::new();
    if !has(deployment, PATH) {
        return errors;
    }
    errors.extend(workload::validate_not_negative(deployment, PATH));
    let deadline = number(deployment, PATH);
    if deadline <= number(deployment, "spec.minReadySeconds") {
        errors.push(FieldError::invalid(PATH, deadline, "must be greater than minReadySeconds"));
    }
    errors
}

fn validate_status(deployment: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let count = |field: &str| number(deployment, &format!("status.{field}"));
    for field in [
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
    ] {
        errors.extend(workload::validate_not_negative(deployment, &format!("status.{field}")));
    }
    let mut at_most = |field: &str, bound: &str, detail: &str| {
        if count(field) > count(bound) {
            errors.push(FieldError::invalid(format!("status.{field}"), count(field), detail));
        }
    };
    at_most("updatedReplicas", "replicas", "cannot be greater than status.replicas");
    at_most("readyReplicas", "replicas", "cannot be greater than status.replicas");
    at_most("availableReplicas", "replicas", "cannot be greater than status.replicas");
    at_most("availableReplicas", "readyReplicas", "cannot be greater than readyReplicas");
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::aggregate;

    fn deployment() -> Value {
        let mut deployment = json!({
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "a", "image": "i:1"}]}}}});
        DeploymentStrategy.default(&mut deployment);
        deployment
    }

    #[test]
    fn defaults() {
        let deployment = deployment();
        assert_eq!(deployment["spec"]["replicas"], 1);
        assert_eq!(
            deployment["spec"]["strategy"],
            json!({"type": "RollingUpdate",
                   "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
        );
        assert_eq!(deployment["spec"]["revisionHistoryLimit"], 10);
        assert_eq!(deployment["spec"]["progressDeadlineSeconds"], 600);
        let mut again = deployment.clone();
        DeploymentStrategy.default(&mut again);
        assert_eq!(again, deployment);
        assert_eq!(DeploymentStrategy.validate(&deployment), []);
    }

    #[test]
    fn cells() {
        let mut deployment = deployment();
        deployment["spec"]["replicas"] = json!(3);
        deployment["status"] =
            json!({"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1});
        assert_eq!(
            Value::from(DeploymentStrategy.cells(&deployment, 0)),
            json!(["web", "1/3", 2, 1, "<unknown>", "a", "i:1", "app=web"])
        );
    }

    #[test]
    fn refuses_in_upstreams_words() {
        let check = |change: fn(&mut Value)| {
            let mut deployment = deployment();
            change(&mut deployment["spec"]);
            aggregate(&DeploymentStrategy.validate(&deployment))
        };
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 8] = [
            (
                |spec| spec["selector"] = Value::Null,
                "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: \
                 {\"app\":\"web\"}: `selector` does not match template `labels`]",
            ),
            (
                |spec| spec["selector"] = json!({"matchLabels": {"app": "db"}}),
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does \
                 not match template `labels`",
            ),
            (
                |spec| spec["strategy"]["type"] = json!("Recreate"),
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` \
                 is 'Recreate'",
            ),
            (
                |spec| {
                    spec["strategy"]["rollingUpdate"] =
                        json!({"maxUnavailable": 0, "maxSurge": "0%"})
                },
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when \
                 `maxSurge` is 0",
            ),
            (
                |spec| spec["strategy"]["rollingUpdate"]["maxSurge"] = json!("x"),
                "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"x\": a valid percent \
                 string must be a numeric followed by an ending '%' (e.g. '1%',  or '93%', regex \
                 used for validation is '[0-9]+%')",
            ),
            (
                |spec| spec["progressDeadlineSeconds"] = json!(0),
                "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than \
                 minReadySeconds",
            ),
            (
                |spec| spec["template"]["spec"]["restartPolicy"] = json!("Never"),
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \
                 \"Always\"",
            ),
            (
                |spec| spec["replicas"] = json!(-2),
                "spec.replicas: Invalid value: -2: must be greater than or equal to 0",
            ),
        ];
        for (change, wanted) in cases {
            assert_eq!(check(change), wanted);
        }
    }

    #[test]
    fn the_selector_stays() {
        let old = deployment();
        let mut new = old.clone();
        new["spec"]["selector"] = json!({"matchLabels": {"app": "web", "tier": "x"}});
        new["spec"]["template"]["metadata"]["labels"]["tier"] = json!("x");
        assert_eq!(
            aggregate(&DeploymentStrategy.validate_update(&new, &old)),
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"tier\":\"x\"}}: \
             field is immutable"
        );
    }
}
