//! `/eviction`: a delete that asks first.
//!
//! There are no PodDisruptionBudgets yet, so nothing answers no; the resource exists because drain
//! and the node controller speak it.

use api::Status;
use api::resource::fields::{at, text};
use serde_json::Value;

use crate::registry::{DeleteOptions, Query, delete_options};

/// The options of the delete that an Eviction stands for.
pub fn eviction_options(
    eviction: &Value,
    pod: &str,
    query: &Query,
) -> Result<DeleteOptions, Status> {
    let name = text(eviction, "metadata.name");
    if !name.is_empty() && name != pod {
        return Err(Status::bad_request(format!(
            "name in URL does not match name in Eviction object: {pod} is not {name}"
        )));
    }
    let mut options = match at(eviction, "deleteOptions") {
        Some(options) => delete_options(query, Some(options))?,
        None => DeleteOptions::default(),
    };
    options.dry_run |= delete_options(query, None)?.dry_run;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_eviction_carries_delete_options() {
        let eviction =
            json!({"metadata": {"name": "p"}, "deleteOptions": {"gracePeriodSeconds": 3}});
        let options = eviction_options(&eviction, "p", &Query::default()).unwrap();
        assert_eq!(options.grace_period_seconds, Some(3));
        assert_eq!(eviction_options(&eviction, "q", &Query::default()).unwrap_err().code, 400);
    }
}
