//! The order of merged lists.
//!
//! A patch orders the elements it names; the others keep the order of the live list among
//! themselves, and slip in before the first named element that they preceded there.

use std::collections::HashMap;

use serde_json::Value;

/// What identifies a list's elements: the values of a merge key, or the elements themselves.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a>(pub(super) Option<&'a str>);

impl Identity<'_> {
    /// The element's identity as text; `None` when an object lacks the merge key.
    pub(super) fn of(self, element: &Value) -> Option<String> {
        match self.0 {
            Some(key) => element.get(key).map(Value::to_string),
            None => Some(element.to_string()),
        }
    }
}

/// First positions of a list's elements by identity.
pub(super) struct Positions(HashMap<String, usize>);

impl Positions {
    pub(super) fn of(list: &[Value], identity: Identity<'_>) -> Self {
        let mut positions = HashMap::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            if let Some(id) = identity.of(element) {
                positions.entry(id).or_insert(index);
            }
        }
        Positions(positions)
    }

    pub(super) fn get(&self, id: &str) -> Option<usize> {
        self.0.get(id).copied()
    }

    pub(super) fn insert(&mut self, id: String, position: usize) {
        self.0.insert(id, position);
    }
}

/// Orders `merged`: elements that `named` has in its order, the others in `live`'s.
pub(super) fn arrange(
    merged: Vec<Value>,
    named: &[Value],
    live: &[Value],
    identity: Identity<'_>,
) -> Vec<Value> {
    let named = Positions::of(named, identity);
    let live = Positions::of(live, identity);
    let mut from_patch = Vec::new();
    let mut from_live = Vec::new();
    for element in merged {
        let id = identity.of(&element).unwrap_or_default();
        let in_live = live.get(&id);
        match named.get(&id) {
            Some(position) => from_patch.push((position, in_live, element)),
            None => from_live.push((in_live, element)),
        }
    }
    from_patch.sort_by_key(|(position, _, _)| *position);
    from_live.sort_by_key(|(position, _)| position.unwrap_or(usize::MAX));
    interleave(from_patch, from_live)
}

fn interleave(
    from_patch: Vec<(usize, Option<usize>, Value)>,
    from_live: Vec<(Option<usize>, Value)>,
) -> Vec<Value> {
    let mut result = Vec::with_capacity(from_patch.len() + from_live.len());
    let mut others = from_live.into_iter().peekable();
    for (_, position, element) in from_patch {
        let precedes = |other: &(Option<usize>, Value)| match (other.0, position) {
            (Some(other), Some(position)) => other < position,
            _ => false,
        };
        while let Some((_, other)) = others.next_if(precedes) {
            result.push(other);
        }
        result.push(element);
    }
    result.extend(others.map(|(_, other)| other));
    result
}
