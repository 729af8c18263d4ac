//! Service accounts.

use serde_json::Value;

use super::age::age;
use super::fields::{items, text};
use super::{Column, Resource, Strategy};

pub fn row() -> Resource {
    Resource::row("ServiceAccount", "serviceaccounts", ServiceAccountStrategy)
        .short_names(&["sa"])
        .columns(vec![
            Column::object_name(),
            Column::new("Secrets", "string", "Number of secrets the account may use."),
            Column::age(),
        ])
}

struct ServiceAccountStrategy;

impl Strategy for ServiceAccountStrategy {
    fn cells(&self, account: &Value, now: i64) -> Vec<Value> {
        vec![
            text(account, "metadata.name").into(),
            items(account, "secrets").len().into(),
            age(account, now).into(),
        ]
    }
}
