use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Binding, ObjectReference};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use crate::cluster::PodInfo;
use crate::framework::{Bind, BindError, Bound, Plugin};

/// Binds through `pods/binding`.
pub struct DefaultBinder(pub Client);

impl Plugin for DefaultBinder {
    fn name(&self) -> &'static str {
        "DefaultBinder"
    }
}

impl Bind for DefaultBinder {
    fn bind<'a>(
        &'a self,
        pod: &'a PodInfo,
        node: &'a str,
    ) -> BoxFuture<'a, Result<Bound, BindError>> {
        async move { self.post(pod, node).await }.boxed()
    }
}

impl DefaultBinder {
    /// The uid goes along: a pod that took the name of the one decided for is not bound.
    async fn post(&self, pod: &PodInfo, node: &str) -> Result<Bound, BindError> {
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(pod.key.name.to_string()),
                namespace: Some(pod.key.namespace.to_string()),
                uid: Some(pod.uid.to_string()),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        let pods = Api::<client::light::Pod>::namespaced(self.0.clone(), &pod.key.namespace);
        // The answer is a Status of success.
        let _: serde_json::Value = pods
            .create_subresource("binding", &pod.key.name, &PostParams::default(), &binding)
            .await?;
        Ok(Bound::Bound)
    }
}
