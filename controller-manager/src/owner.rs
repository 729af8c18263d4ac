//! Who controls an object, and who should.
//!
//! An object belongs to the one owner that its `controller: true` reference names. A controller adopts
//! objects that match its selector and have no controller, and releases those of its own that no
//! longer match.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Client;
use kube::api::Patch;
use kube::core::{Selector, SelectorExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{Result, failed, is_not_found};
use crate::objects::Light;
use crate::write;

pub fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The reference that makes `owner` the controller of what carries it.
pub fn reference<K: Light>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: owner.name().to_owned(),
        uid: owner.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

pub fn matches(selector: &Selector, labels: Option<&BTreeMap<String, String>>) -> bool {
    // An empty selector of a workload selects nothing: validation refuses it, and an owner of
    // everything would be a disaster.
    !selector.selects_all()
        && match labels {
            Some(labels) => selector.matches(labels),
            None => selector.matches(&BTreeMap::new()),
        }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    Ours,
    /// Somebody else's, or not to be touched.
    Ignore,
    Adopt,
    Release,
}

/// Decides whose `object` is from the view of `owner` with `selector`.
pub fn claim(owner: &ObjectMeta, selector: &Selector, object: &ObjectMeta) -> Claim {
    let matches = matches(selector, object.labels.as_ref());
    let owner_terminating = owner.deletion_timestamp.is_some();
    match controller_of(object) {
        Some(controller) if Some(&controller.uid) != owner.uid.as_ref() => Claim::Ignore,
        Some(_) if matches => Claim::Ours,
        // What a dying owner had is the garbage collector's.
        Some(_) if owner_terminating => Claim::Ignore,
        Some(_) => Claim::Release,
        None if owner_terminating || !matches || object.deletion_timestamp.is_some() => {
            Claim::Ignore
        }
        None => Claim::Adopt,
    }
}

/// The objects that `owner` controls, of those it controls now and those that nobody does, after
/// adopting what it should have and releasing what it should not. `adoptable` may veto an adoption.
pub async fn claim_all<O, K>(
    client: &Client,
    owner: &O,
    selector: &Selector,
    candidates: impl Iterator<Item = Arc<K>>,
    adoptable: impl Fn(&K) -> bool,
) -> Result<Vec<Arc<K>>>
where
    O: Light + DeserializeOwned,
    K: Light + DeserializeOwned,
{
    let mut mine = Vec::new();
    let mut may = None;
    for object in candidates {
        match claim(owner.meta(), selector, object.meta()) {
            Claim::Ours => mine.push(object),
            Claim::Ignore => {}
            Claim::Release => {
                release(client, owner.uid(), &*object).await?;
            }
            Claim::Adopt if !adoptable(&object) => {}
            Claim::Adopt => {
                let allowed = match may {
                    Some(allowed) => allowed,
                    None => *may.insert(may_adopt(client, owner).await?),
                };
                if allowed && adopt(client, &reference(owner), &*object).await? {
                    mine.push(object);
                }
            }
        }
    }
    Ok(mine)
}

/// Whether `owner` is still there, live, and not on its way out: only then may it adopt.
async fn may_adopt<K: Light + DeserializeOwned>(client: &Client, owner: &K) -> Result<bool> {
    let live: Option<K> = write::get(client, owner.namespace(), owner.name())
        .await
        .map_err(failed(|| format!("read {}", owner.name())))?;
    Ok(live.is_some_and(|live| live.uid() == owner.uid() && !live.is_terminating()))
}

/// Makes `owner` the controller of `object`. False when the object has gone meanwhile.
async fn adopt<K>(client: &Client, owner: &OwnerReference, object: &K) -> Result<bool>
where
    K: Light + DeserializeOwned,
{
    let patch = json!({"metadata": {"uid": object.uid(), "ownerReferences": [owner]}});
    strategic(client, object, patch, "adopt").await
}

/// Takes the reference to `owner` off `object`. False when the object has gone meanwhile.
async fn release<K>(client: &Client, owner_uid: &str, object: &K) -> Result<bool>
where
    K: Light + DeserializeOwned,
{
    let removal = json!([{"$patch": "delete", "uid": owner_uid}]);
    let patch = json!({"metadata": {"uid": object.uid(), "ownerReferences": removal}});
    strategic(client, object, patch, "release").await
}

/// Owner references merge by uid, so that other controllers' references and concurrent changes of
/// the object are left alone; the uid in the patch is a precondition.
async fn strategic<K>(client: &Client, object: &K, patch: Value, action: &str) -> Result<bool>
where
    K: Light + DeserializeOwned,
{
    let (namespace, name) = (object.namespace(), object.name());
    match write::patch::<K>(client, namespace, name, &Patch::Strategic(patch)).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(failed(|| format!("{action} {name}"))(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(controller: Option<&str>, app: &str) -> ObjectMeta {
        let owner = controller.map(|uid| OwnerReference {
            uid: uid.to_owned(),
            controller: Some(true),
            ..OwnerReference::default()
        });
        ObjectMeta {
            labels: Some([("app".to_owned(), app.to_owned())].into()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        }
    }

    fn terminating(mut meta: ObjectMeta) -> ObjectMeta {
        meta.deletion_timestamp = Some(crate::clock::stamp(jiff::Timestamp::UNIX_EPOCH));
        meta
    }

    #[test]
    fn claims_by_controller_then_by_selector() {
        let owner = ObjectMeta { uid: Some("me".into()), ..ObjectMeta::default() };
        let dying = terminating(owner.clone());
        let selector: Selector = [("app", "web")].into_iter().collect();
        let cases = [
            (&owner, object(Some("me"), "web"), Claim::Ours),
            (&owner, object(Some("me"), "db"), Claim::Release),
            (&owner, object(Some("other"), "web"), Claim::Ignore),
            (&owner, object(None, "web"), Claim::Adopt),
            (&owner, object(None, "db"), Claim::Ignore),
            (&owner, terminating(object(None, "web")), Claim::Ignore),
            (&owner, terminating(object(Some("me"), "web")), Claim::Ours),
            (&dying, object(Some("me"), "db"), Claim::Ignore),
            (&dying, object(None, "web"), Claim::Ignore),
            (&dying, object(Some("me"), "web"), Claim::Ours),
        ];
        for (owner, object, expected) in cases {
            assert_eq!(claim(owner, &selector, &object), expected, "{object:?}");
        }
    }

    #[test]
    fn an_empty_selector_claims_nothing() {
        let owner = ObjectMeta { uid: Some("me".into()), ..ObjectMeta::default() };
        assert_eq!(claim(&owner, &Selector::default(), &object(None, "web")), Claim::Ignore);
    }
}
