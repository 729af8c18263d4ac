//! Scale, the kind of the `scale` subresource. It is stored nowhere and not in the table of
//! resources; its row says how kubectl prints it.

use serde_json::Value;

use super::age::age;
use super::fields::{number, text};
use super::{Column, Resource, Strategy};

pub fn scale() -> Resource {
    Resource::row("Scale", "scales", ScaleStrategy).in_group("autoscaling").columns(vec![
        Column::object_name(),
        Column::new("Desired", "integer", "Replicas asked for."),
        Column::new("Available", "integer", "Replicas there are."),
        Column::age(),
    ])
}

struct ScaleStrategy;

impl Strategy for ScaleStrategy {
    fn cells(&self, scale: &Value, now: i64) -> Vec<Value> {
        vec![
            text(scale, "metadata.name").into(),
            number(scale, "spec.replicas").into(),
            number(scale, "status.replicas").into(),
            age(scale, now).into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn cells_follow_the_columns() {
        let scale = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": 3}, "status": {"replicas": 2},
        });
        let row = super::scale();
        let cells = row.strategy.cells(&scale, 1_767_225_605);
        assert_eq!(cells, [json!("web"), json!(3), json!(2), json!("5s")]);
        assert_eq!(cells.len(), row.columns.len());
        // Upstream leaves a zero out of the object, and prints it.
        let empty = json!({"metadata": {"name": "web"}, "spec": {}, "status": {"replicas": 0}});
        assert_eq!(row.strategy.cells(&empty, 0)[1], 0);
    }
}
