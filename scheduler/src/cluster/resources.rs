//! Amounts of resources as integers, in the units the scheduler counts in.

use api::quantity::Quantity;
use client::light::ResourceList;

/// Amounts by resource. `pods` is counted apart, because a pod always takes exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Extended resources and huge pages, by name, sorted. Usually empty.
    pub scalars: Vec<(Box<str>, i64)>,
}

impl Resources {
    /// Amounts of a `ResourceList`. What does not parse counts as zero: the API server has
    /// validated it, and a pod must not block the queue for it.
    pub fn of(list: &ResourceList) -> Self {
        let mut resources = Self::default();
        for (name, text) in list.iter() {
            let Ok(quantity) = Quantity::parse(text) else { continue };
            match name {
                "cpu" => resources.milli_cpu = quantity.milli_value(),
                "memory" => resources.memory = quantity.value(),
                "ephemeral-storage" => resources.ephemeral_storage = quantity.value(),
                name if is_scalar(name) => resources.set_scalar(name, quantity.value()),
                _ => {}
            }
        }
        resources
    }

    pub fn scalar(&self, name: &str) -> i64 {
        match self.scalars.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(index) => self.scalars[index].1,
            Err(_) => 0,
        }
    }

    pub fn is_zero(&self) -> bool {
        self.milli_cpu == 0
            && self.memory == 0
            && self.ephemeral_storage == 0
            && self.scalars.iter().all(|(_, amount)| *amount == 0)
    }

    pub fn add(&mut self, other: &Self) {
        self.combine(other, i64::saturating_add);
    }

    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, i64::saturating_sub);
    }

    /// The larger amount of each resource.
    pub fn raise_to(&mut self, other: &Self) {
        self.combine(other, i64::max);
    }

    pub(super) fn set_scalar(&mut self, name: &str, amount: i64) {
        match self.scalars.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(index) => self.scalars[index].1 = amount,
            Err(index) => self.scalars.insert(index, (name.into(), amount)),
        }
    }

    fn combine(&mut self, other: &Self, op: fn(i64, i64) -> i64) {
        self.milli_cpu = op(self.milli_cpu, other.milli_cpu);
        self.memory = op(self.memory, other.memory);
        self.ephemeral_storage = op(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.scalars {
            let combined = op(self.scalar(name), *amount);
            self.set_scalar(name, combined);
        }
    }
}

/// As upstream: names with a domain (`nvidia.com/gpu`), huge pages and attachable volumes.
fn is_scalar(name: &str) -> bool {
    name.contains('/') || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-")
}
