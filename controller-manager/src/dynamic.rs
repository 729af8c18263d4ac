//! Any object of any kind, by its metadata: for the controllers that work on everything.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Request};
use kube::core::{ApiResource, DynamicResourceScope, ObjectList};
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Api, Client, Resource};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::is_not_found;

/// Objects per LIST request.
const PAGE: u32 = 500;

/// An object reduced to the metadata that deciding about its life takes. Asks the server for no more
/// than metadata.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Item {
    #[serde(default, deserialize_with = "essential")]
    pub metadata: ObjectMeta,
}

fn essential<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let meta = ObjectMeta::deserialize(deserializer)?;
    Ok(ObjectMeta { managed_fields: None, annotations: None, labels: None, ..meta })
}

impl Resource for Item {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }
    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }
    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }
    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }
    fn metadata_api() -> bool {
        true
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Item {
    pub fn has_finalizer(&self, name: &str) -> bool {
        self.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == name)
    }
}

/// A kind of resource that the server has.
#[derive(Clone, Debug)]
pub struct Kind {
    pub resource: ApiResource,
    pub namespaced: bool,
    operations: Vec<String>,
}

impl Kind {
    pub fn supports(&self, operation: &str) -> bool {
        self.operations.iter().any(|supported| supported == operation)
    }

    /// Whether its objects can be followed and deleted.
    pub fn is_collectable(&self) -> bool {
        [verbs::DELETE, verbs::LIST, verbs::WATCH, verbs::GET, verbs::PATCH]
            .iter()
            .all(|operation| self.supports(operation))
    }

    /// `pods` or `deployments.apps`.
    pub fn group_resource(&self) -> String {
        match self.resource.group.as_str() {
            "" => self.resource.plural.clone(),
            group => format!("{}.{group}", self.resource.plural),
        }
    }

    pub fn is_event(&self) -> bool {
        self.resource.kind == "Event"
            && matches!(self.resource.group.as_str(), "" | "events.k8s.io")
    }

    pub fn api(&self, client: &Client) -> Api<Item> {
        Api::all_with(client.clone(), &self.resource)
    }

    /// The API of one namespace, or of the whole cluster for a kind without.
    pub fn api_in(&self, client: &Client, namespace: &str) -> Api<Item> {
        if self.namespaced && !namespace.is_empty() {
            Api::namespaced_with(client.clone(), namespace, &self.resource)
        } else {
            self.api(client)
        }
    }

    fn requests(&self, namespace: &str) -> Request {
        let namespace = Some(namespace).filter(|name| self.namespaced && !name.is_empty());
        Request::new(Item::url_path(&self.resource, namespace))
    }

    pub async fn get(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> kube::Result<Option<Item>> {
        self.api_in(client, namespace).get_opt(name).await
    }

    /// Everything of the kind in a namespace.
    pub async fn list(&self, client: &Client, namespace: &str) -> kube::Result<Vec<Item>> {
        let api = self.api_in(client, namespace);
        let mut params = ListParams::default().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page: ObjectList<Item> = api.list(&params).await?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// False when it was not there.
    pub async fn delete(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
        params: &DeleteParams,
    ) -> kube::Result<bool> {
        let request = self.requests(namespace).delete(name, params);
        found(client.request_text(request.map_err(kube::Error::BuildRequest)?).await)
    }

    pub async fn delete_collection(
        &self,
        client: &Client,
        namespace: &str,
        params: &DeleteParams,
    ) -> kube::Result<()> {
        let request = self.requests(namespace).delete_collection(params, &ListParams::default());
        client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
    }

    /// A merge patch, which every kind understands. False when it was not there.
    pub async fn merge(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> kube::Result<bool> {
        let params = PatchParams::default();
        let request = self.requests(namespace).patch_metadata(name, &params, &Patch::Merge(patch));
        found(client.request_text(request.map_err(kube::Error::BuildRequest)?).await)
    }
}

fn found(result: kube::Result<String>) -> kube::Result<bool> {
    match result {
        Err(error) if is_not_found(&error) => Ok(false),
        result => result.map(|_| true),
    }
}

/// The kinds of the server, each in its most stable version.
pub struct Kinds(Vec<Arc<Kind>>);

impl Kinds {
    /// Asks the server; two requests.
    pub async fn discover(client: &Client) -> kube::Result<Self> {
        let discovery = Discovery::new(client.clone()).run_aggregated().await?;
        let resources = discovery.groups().flat_map(|group| group.resources_by_stability());
        let mut kinds: Vec<Arc<Kind>> = resources
            .map(|(resource, capabilities)| {
                Arc::new(Kind {
                    resource,
                    namespaced: capabilities.scope == Scope::Namespaced,
                    operations: capabilities.operations,
                })
            })
            .collect();
        kinds.sort_by_key(|kind| kind.group_resource());
        Ok(Self(kinds))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.0.iter()
    }

    /// The kind that a reference means. The version is of no matter: an object is the same in all.
    pub fn find(&self, api_version: &str, kind: &str) -> Option<&Arc<Kind>> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        self.iter().find(|known| known.resource.group == group && known.resource.kind == kind)
    }
}
