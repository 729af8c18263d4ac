//! Optimistic update: read, change, write, and again while somebody else was faster.

use std::fmt::Debug;

use kube::Api;
use kube::api::PostParams;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// As client-go's default: a handful of writers settle within it, more of them is a bug.
const ATTEMPTS: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error("cannot update {name}")]
    Api {
        name: String,
        #[source]
        source: kube::Error,
    },
    #[error("cannot update {name}: still in conflict after {ATTEMPTS} attempts")]
    Conflict { name: String },
}

/// Reads `name`, lets `mutate` change it and writes it back with the resourceVersion it read;
/// starts over on a conflict, at most five times. `mutate` returns whether there is anything to
/// write: the object as read is returned when not.
///
/// A light type must not be written this way, because it has lost the fields it does not know:
/// patch instead.
pub async fn update_with_retry<K>(
    api: &Api<K>,
    name: &str,
    mut mutate: impl FnMut(&mut K) -> bool,
) -> Result<K, UpdateError>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    let failed = |source| UpdateError::Api { name: name.to_owned(), source };
    for _ in 0..ATTEMPTS {
        let mut object = api.get(name).await.map_err(failed)?;
        if !mutate(&mut object) {
            return Ok(object);
        }
        match api.replace(name, &PostParams::default(), &object).await {
            Err(kube::Error::Api(status)) if status.is_conflict() => continue,
            result => return result.map_err(failed),
        }
    }
    Err(UpdateError::Conflict { name: name.to_owned() })
}
