//! The strategy of a kind that has none of its own: it stores what it gets, and prints name and
//! age.

use serde_json::Value;

use super::age::age;
use super::fields::text;
use super::{Column, Strategy};

pub struct Plain;

impl Plain {
    pub fn columns() -> Vec<Column> {
        vec![Column::object_name(), Column::age()]
    }
}

impl Strategy for Plain {
    fn cells(&self, object: &Value, now: i64) -> Vec<Value> {
        vec![text(object, "metadata.name").into(), age(object, now).into()]
    }
}
