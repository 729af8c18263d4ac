//! Defaults of a pod's spec, as upstream's v1 defaulting gives them. All are idempotent.

use serde_json::{Map, Value, json};

use super::super::fields::{at, at_mut, flag, has, items_mut, map, set_default, text};
use super::super::resources::{canonicalize, canonicalize_one};
use super::paths::CONTAINER_LISTS;

const DEFAULT_MODE: i64 = 0o644;
const TOKEN_SECONDS: i64 = 3600;

/// Defaults of the template at `path`.
pub fn default_template(object: &mut Value, path: &str) {
    if let Some(template) = at_mut(object, path)
        && let Some(spec) = at_mut(template, "spec")
    {
        default_spec(spec);
    }
}

/// Defaults that templates and pods share.
pub fn default_spec(spec: &mut Value) {
    set_default(spec, "", "restartPolicy", "Always");
    set_default(spec, "", "terminationGracePeriodSeconds", 30);
    set_default(spec, "", "dnsPolicy", "ClusterFirst");
    set_default(spec, "", "securityContext", json!({}));
    set_default(spec, "", "schedulerName", "default-scheduler");
    mirror_service_account(spec);
    if flag(spec, "hostNetwork") {
        default_host_ports(spec);
    }
    for list in CONTAINER_LISTS {
        for container in items_mut(spec, list) {
            default_container(container);
        }
    }
    for volume in items_mut(spec, "volumes") {
        default_volume(volume);
    }
    canonicalize(spec, "overhead");
}

/// The older name of the field says the same as the newer, which wins.
fn mirror_service_account(spec: &mut Value) {
    let older = text(spec, "serviceAccount").to_owned();
    if !older.is_empty() {
        set_default(spec, "", "serviceAccountName", older);
    }
    let name = text(spec, "serviceAccountName").to_owned();
    if !name.is_empty() {
        spec["serviceAccount"] = name.into();
    }
}

/// With the node's network a container's port is the node's port.
fn default_host_ports(spec: &mut Value) {
    for list in CONTAINER_LISTS {
        for container in items_mut(spec, list) {
            for port in items_mut(container, "ports") {
                if let Some(number) = port.get("containerPort").cloned() {
                    set_default(port, "", "hostPort", number);
                }
            }
        }
    }
}

/// Requests default to limits. Upstream does this for pods and leaves templates as they are.
pub fn default_requests(spec: &mut Value) {
    for list in CONTAINER_LISTS {
        for container in items_mut(spec, list) {
            let Some(limits) = map(container, "resources.limits").filter(|map| !map.is_empty())
            else {
                continue;
            };
            let limits = limits.clone();
            set_default(container, "resources", "requests", Map::new());
            for (name, amount) in limits {
                // Names may hold dots, so no path leads to them.
                if let Some(Value::Object(requests)) = at_mut(container, "resources.requests") {
                    requests.entry(name).or_insert(amount);
                }
            }
        }
    }
}

fn default_container(container: &mut Value) {
    let policy = default_pull_policy(text(container, "image"));
    set_default(container, "", "imagePullPolicy", policy);
    set_default(container, "", "terminationMessagePath", "/dev/termination-log");
    set_default(container, "", "terminationMessagePolicy", "File");
    set_default(container, "", "resources", json!({}));
    canonicalize(container, "resources.limits");
    canonicalize(container, "resources.requests");
    for port in items_mut(container, "ports") {
        set_default(port, "", "protocol", "TCP");
    }
    for variable in items_mut(container, "env") {
        set_default(variable, "valueFrom.fieldRef", "apiVersion", "v1");
        set_default(variable, "valueFrom.resourceFieldRef", "divisor", "0");
        if let Some(divisor) = at_mut(variable, "valueFrom.resourceFieldRef.divisor") {
            canonicalize_one(divisor);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        default_probe(container, probe);
    }
    for hook in ["lifecycle.postStart.httpGet", "lifecycle.preStop.httpGet"] {
        default_http_get(container, hook);
    }
}

/// `Always` for what moves (no tag, or `latest`), `IfNotPresent` for what has a name of its own.
pub(super) fn default_pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn default_probe(container: &mut Value, probe: &str) {
    if !has(container, probe) {
        return;
    }
    for (field, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        // Upstream takes zero for unset here.
        if let Some(Value::Object(probe)) = at_mut(container, probe)
            && probe.get(field).and_then(Value::as_i64).unwrap_or(0) == 0
        {
            probe.insert(field.to_owned(), value.into());
        }
    }
    default_http_get(container, &format!("{probe}.httpGet"));
    set_default(container, &format!("{probe}.grpc"), "service", "");
}

fn default_http_get(container: &mut Value, path: &str) {
    set_default(container, path, "path", "/");
    set_default(container, path, "scheme", "HTTP");
}

fn default_volume(volume: &mut Value) {
    let sources = volume.as_object().map_or(0, |volume| {
        volume.iter().filter(|(key, value)| *key != "name" && !value.is_null()).count()
    });
    if sources == 0 {
        set_default(volume, "", "emptyDir", json!({}));
    }
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        set_default(volume, source, "defaultMode", DEFAULT_MODE);
    }
    set_default(volume, "hostPath", "type", "");
    if let Some(limit) = at_mut(volume, "emptyDir.sizeLimit") {
        canonicalize_one(limit);
    }
    default_downward_items(volume, "downwardAPI");
    for source in items_mut(volume, "projected.sources") {
        default_downward_items(source, "downwardAPI");
        set_default(source, "serviceAccountToken", "expirationSeconds", TOKEN_SECONDS);
    }
}

fn default_downward_items(holder: &mut Value, path: &str) {
    if at(holder, path).is_none() {
        return;
    }
    for item in items_mut(holder, &format!("{path}.items")) {
        set_default(item, "fieldRef", "apiVersion", "v1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaulted(mut spec: Value) -> Value {
        default_spec(&mut spec);
        let once = spec.clone();
        default_spec(&mut spec);
        assert_eq!(spec, once, "defaulting twice changes nothing");
        spec
    }

    #[test]
    fn the_least_spec() {
        assert_eq!(
            defaulted(json!({"containers": [{"name": "a", "image": "nginx"}]})),
            json!({
                "containers": [{"name": "a", "image": "nginx", "imagePullPolicy": "Always",
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File", "resources": {}}],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst", "securityContext": {},
                "schedulerName": "default-scheduler"})
        );
    }

    #[test]
    fn pull_policies() {
        for (image, wanted) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("host:5000/nginx", "Always"),
            ("host:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:abc", "IfNotPresent"),
        ] {
            assert_eq!(default_pull_policy(image), wanted, "{image}");
        }
    }

    #[test]
    fn ports_probes_env_and_quantities() {
        let spec = defaulted(json!({
            "hostNetwork": true, "serviceAccount": "sa",
            "containers": [{"name": "a", "image": "i:1",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "livenessProbe": {"httpGet": {"port": 80}},
                "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}]}));
        let container = &spec["containers"][0];
        assert_eq!(
            container["ports"],
            json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}])
        );
        assert_eq!(container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
        assert_eq!(
            container["livenessProbe"],
            json!({"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1,
                   "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
        );
        assert_eq!(container["resources"], json!({"limits": {"cpu": "1", "memory": "1Gi"}}));
        assert_eq!(spec["serviceAccountName"], "sa");
    }

    #[test]
    fn requests_follow_limits_in_pods() {
        let mut spec = json!({"containers": [{"name": "a",
            "resources": {"limits": {"cpu": "1", "x.io/gpu": "1"}, "requests": {"cpu": "500m"}}}]});
        default_requests(&mut spec);
        assert_eq!(
            spec["containers"][0]["resources"]["requests"],
            json!({"cpu": "500m", "x.io/gpu": "1"})
        );
    }

    #[test]
    fn volumes() {
        let spec = defaulted(json!({"volumes": [
            {"name": "a"}, {"name": "b", "configMap": {"name": "c"}},
            {"name": "d", "hostPath": {"path": "/x"}},
            {"name": "e", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}));
        assert_eq!(
            spec["volumes"],
            json!([
                {"name": "a", "emptyDir": {}},
                {"name": "b", "configMap": {"name": "c", "defaultMode": 420}},
                {"name": "d", "hostPath": {"path": "/x", "type": ""}},
                {"name": "e", "projected": {"defaultMode": 420, "sources":
                    [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}]}}])
        );
    }
}
