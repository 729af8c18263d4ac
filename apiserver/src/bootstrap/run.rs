//! Putting them in place: at every start, and again when somebody has deleted them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use api::{Identity, Status};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::objects;
use crate::registry::{Endpoint, Registry, Scope, WriteOptions};

/// How often what is missing is made again: as upstream's kubernetes Service. A look that finds all
/// in place costs a few look-ups in caches.
const REPAIR_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("cannot create {kind} {name}: {status}")]
    Create { kind: String, name: String, status: Status },
    #[error("the resource {0} is not in the table")]
    NoResource(String),
}

/// Creates what is missing, and brings the apiserver's own address up to date. Namespaces come
/// first, all at once, so that they share a write to disk; then what lives in them.
pub async fn run(
    registry: &Arc<Registry>,
    advertise: SocketAddr,
    service_address: Ipv4Addr,
) -> Result<(), BootstrapError> {
    put_in_place(registry, advertise, service_address, Existing::Replace).await
}

/// Makes again what is deleted while the cluster runs, until `stopping`.
pub async fn keep(
    registry: Arc<Registry>,
    advertise: SocketAddr,
    service_address: Ipv4Addr,
    stopping: CancellationToken,
) {
    let mut looks = tokio::time::interval_at(Instant::now() + REPAIR_EVERY, REPAIR_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopping.run_until_cancelled(looks.tick()).await.is_some() {
        let repaired = put_in_place(&registry, advertise, service_address, Existing::Keep).await;
        if let Err(error) = repaired {
            tracing::warn!(%error, "the cluster's own objects are not complete");
        }
    }
}

/// `addresses` is what becomes of those that name the apiserver's address.
async fn put_in_place(
    registry: &Arc<Registry>,
    advertise: SocketAddr,
    service_address: Ipv4Addr,
    addresses: Existing,
) -> Result<(), BootstrapError> {
    let namespaces = objects::NAMESPACES
        .iter()
        .map(|name| ensure(registry, "", "namespaces", objects::namespace(name), Existing::Keep));
    futures::future::try_join_all(namespaces).await?;
    let service = objects::service(service_address, advertise.port());
    if !objects::is_reachable(advertise.ip()) {
        tracing::debug!(%advertise, "pods cannot reach this address; the kubernetes Service has no endpoints");
        return ensure(registry, "", "services", service, Existing::Keep).await;
    }
    tokio::try_join!(
        ensure(registry, "", "services", service, Existing::Keep),
        ensure(registry, "", "endpoints", objects::endpoints(advertise), addresses),
        ensure(
            registry,
            "discovery.k8s.io",
            "endpointslices",
            objects::endpoint_slice(advertise),
            addresses
        ),
    )?;
    Ok(())
}

/// What becomes of an object that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Keep,
    Replace,
}

async fn ensure(
    registry: &Arc<Registry>,
    group: &str,
    plural: &str,
    object: Value,
    existing: Existing,
) -> Result<(), BootstrapError> {
    let kind = registry
        .resource(group, plural)
        .ok_or_else(|| BootstrapError::NoResource(plural.to_owned()))?;
    let text = |path: &str| api::resource::fields::text(&object, path).to_owned();
    let (namespace, name) = (text("metadata.namespace"), text("metadata.name"));
    let identity = Identity::new("system:apiserver", &["system:masters", "system:authenticated"]);
    let options = WriteOptions::default();
    let scope = Scope {
        kind,
        namespace: &namespace,
        name: &name,
        subresource: "",
        identity: &identity,
        options: &options,
    };
    let mut warnings = Vec::new();
    if existing == Existing::Keep && kind.cache.get(&kind.suffix(&namespace, &name)).is_some() {
        return Ok(());
    }
    let created = registry.create(&scope, object.clone(), &mut warnings).await;
    let outcome = match created {
        Err(status) if status.code == 409 && existing == Existing::Replace => registry
            .replace(&scope, Endpoint::Main, object.clone(), &mut warnings)
            .await
            .map(|_| ()),
        Err(status) if status.code == 409 => Ok(()),
        Err(status) => Err(status),
        Ok(_) => Ok(()),
    };
    outcome.map_err(|status| BootstrapError::Create { kind: plural.to_owned(), name, status })
}
