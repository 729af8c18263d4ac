//! Numbers by place: by a node label's key, then by its value.

use std::collections::HashMap;

use crate::cluster::NodeInfo;

type Values = HashMap<Box<str>, i64>;

/// There are few keys and up to as many values as nodes. An empty one takes no memory.
#[derive(Debug, Default)]
pub(super) struct TopologyCounts(Vec<(Box<str>, Values)>);

impl TopologyCounts {
    /// Adds at the place that the node is in. A node without the label is in none.
    pub fn add(&mut self, node: &NodeInfo, key: &str, amount: i64) {
        let Some(value) = node.label(key) else { return };
        let index = self.0.iter().position(|(known, _)| **known == *key).unwrap_or_else(|| {
            self.0.push((key.into(), HashMap::new()));
            self.0.len() - 1
        });
        let values = &mut self.0[index].1;
        match values.get_mut(value) {
            Some(count) => *count += amount,
            None => drop(values.insert(value.into(), amount)),
        }
    }

    /// The number at the node's place, if it is in one.
    pub fn at(&self, node: &NodeInfo, key: &str) -> i64 {
        self.values(key).zip(node.label(key)).map_or(0, |(values, value)| of(values, value))
    }

    /// The sum over all keys at the node's places.
    pub fn sum_at(&self, node: &NodeInfo) -> i64 {
        self.0
            .iter()
            .filter_map(|(key, values)| node.label(key).map(|value| of(values, value)))
            .sum()
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    pub fn total(&self) -> i64 {
        self.0.iter().flat_map(|(_, values)| values.values()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn values(&self, key: &str) -> Option<&Values> {
        self.0.iter().find(|(known, _)| **known == *key).map(|(_, values)| values)
    }
}

fn of(values: &Values, value: &str) -> i64 {
    values.get(value).copied().unwrap_or(0)
}
