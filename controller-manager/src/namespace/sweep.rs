//! One pass over the content of a namespace: delete everything, count what is left.

use kube::Client;
use kube::api::DeleteParams;
use kube::discovery::verbs;

use super::conditions::Findings;
use crate::dynamic::{Item, Kind, Kinds};
use crate::error::{is_not_found, message};

/// Deletes what is in `namespace`; Pods first, and the rest only when no Pod is left, since Pods may
/// need it to end in order.
pub async fn sweep(client: &Client, namespace: &str) -> Findings {
    let mut findings = Findings::default();
    let kinds = match Kinds::discover(client).await {
        Ok(kinds) => kinds,
        Err(error) => {
            findings.discovery_errors.push(message(&error));
            return findings;
        }
    };
    let deletable = kinds.iter().filter(|kind| kind.namespaced && kind.supports(verbs::DELETE));
    let (pods, others): (Vec<_>, Vec<_>) =
        deletable.partition(|kind| kind.group_resource() == "pods");
    for kinds in [pods, others] {
        for kind in kinds {
            if let Err(error) = sweep_kind(client, kind, namespace, &mut findings).await {
                let what = format!("{}: {}", kind.group_resource(), message(&error));
                findings.deletion_errors.push(what);
            }
        }
        if !findings.remaining.is_empty() {
            break;
        }
    }
    findings
}

async fn sweep_kind(
    client: &Client,
    kind: &Kind,
    namespace: &str,
    findings: &mut Findings,
) -> kube::Result<()> {
    if !kind.supports(verbs::LIST) {
        return delete_all(client, kind, namespace, &[]).await;
    }
    let there = kind.list(client, namespace).await?;
    if there.is_empty() {
        return Ok(());
    }
    delete_all(client, kind, namespace, &there).await?;
    let left = kind.list(client, namespace).await?;
    if !left.is_empty() {
        findings.remaining.insert(kind.group_resource(), left.len());
    }
    for finalizer in left.iter().flat_map(|item| item.metadata.finalizers.iter().flatten()) {
        *findings.finalizers.entry(finalizer.clone()).or_default() += 1;
    }
    Ok(())
}

/// By one request where the kind has it, one by one where not.
async fn delete_all(
    client: &Client,
    kind: &Kind,
    namespace: &str,
    there: &[Item],
) -> kube::Result<()> {
    let params = DeleteParams::background();
    if kind.supports(verbs::DELETE_COLLECTION) {
        return match kind.delete_collection(client, namespace, &params).await {
            Err(error) if is_not_found(&error) => Ok(()),
            result => result,
        };
    }
    for name in there.iter().filter_map(|item| item.metadata.name.as_deref()) {
        kind.delete(client, namespace, name, &params).await?;
    }
    Ok(())
}
