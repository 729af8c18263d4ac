//! Registry credentials from a pod's imagePullSecrets.

use std::collections::BTreeMap;

use base64::Engine;
use serde::Deserialize;

use super::env::{References, Values};
use super::types::Pod;
use super::worker::Worker;
use crate::runtime::PullAuth;

#[derive(Default, Deserialize)]
struct Account {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
struct Config {
    auths: BTreeMap<String, Account>,
}

impl Worker {
    /// A secret that is missing or not readable is passed over, as upstream: the pull may do without.
    pub(super) async fn pull_auth(&mut self, pod: &Pod, image: &str) -> Option<PullAuth> {
        if pod.spec.image_pull_secrets.is_empty() {
            return None;
        }
        let references: References = self.references(pod).await.ok()?;
        let secrets = pod.spec.image_pull_secrets.iter();
        secrets
            .filter_map(|secret| references.secrets.get(&secret.name))
            .find_map(|secret| find(secret, image))
    }
}

fn find(secret: &Values, image: &str) -> Option<PullAuth> {
    let accounts = if let Some(json) = secret.get(".dockerconfigjson") {
        serde_json::from_slice::<Config>(json).ok()?.auths
    } else {
        serde_json::from_slice(secret.get(".dockercfg")?).ok()?
    };
    let image = with_registry(image);
    let (_, account) = accounts
        .iter()
        .filter(|(server, _)| covers(server, &image))
        .max_by_key(|(server, _)| server.len())?;
    credentials(account)
}

/// An image without a registry is of Docker Hub.
fn with_registry(image: &str) -> String {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => image.to_owned(),
        _ => format!("index.docker.io/{image}"),
    }
}

/// Whether an entry is for the image's registry, or for a path in it.
fn covers(server: &str, image: &str) -> bool {
    let server = server.trim_start_matches("https://").trim_start_matches("http://");
    let server = server.trim_end_matches('/').trim_end_matches("/v1").trim_end_matches("/v2");
    let server = if server == "docker.io" { "index.docker.io" } else { server };
    let image = if let Some(rest) = image.strip_prefix("docker.io/") {
        format!("index.docker.io/{rest}")
    } else {
        image.to_owned()
    };
    image.strip_prefix(server).is_some_and(|rest| rest.starts_with(['/', ':', '@']))
}

fn credentials(account: &Account) -> Option<PullAuth> {
    if !account.username.is_empty() {
        let (username, password) = (account.username.clone(), account.password.clone());
        return Some(PullAuth { username, password });
    }
    let plain = base64::engine::general_purpose::STANDARD.decode(account.auth.trim()).ok()?;
    let (username, password) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
    Some(PullAuth { username: username.to_owned(), password: password.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_entry_wins() {
        let json = br#"{"auths": {
            "registry.example:5000": {"username": "a", "password": "1"},
            "registry.example:5000/team": {"auth": "YjoyOjM="},
            "https://index.docker.io/v1/": {"username": "hub", "password": "4"}}}"#;
        let secret = Values::from([(".dockerconfigjson".to_owned(), json.to_vec())]);
        let user = |image: &str| {
            find(&secret, image).map(|auth| format!("{}/{}", auth.username, auth.password))
        };
        assert_eq!(user("registry.example:5000/web:1").as_deref(), Some("a/1"));
        assert_eq!(user("registry.example:5000/team/web").as_deref(), Some("b/2:3"));
        assert_eq!(user("nginx").as_deref(), Some("hub/4"));
        assert_eq!(user("docker.io/library/nginx").as_deref(), Some("hub/4"));
        assert_eq!(user("registry.example:50001/web"), None);
        assert_eq!(user("quay.io/web"), None);
    }
}
