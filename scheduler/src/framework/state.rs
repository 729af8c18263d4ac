//! What plug-ins remember within one cycle of one pod.

use std::any::{Any, TypeId};

/// One value per type. A plug-in writes a type of its own at PreFilter or PreScore and reads it at
/// Filter or Score. The few entries are searched in order: cheaper than hashing.
#[derive(Default)]
pub struct CycleState(Vec<(TypeId, Box<dyn Any + Send + Sync>)>);

impl CycleState {
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        self.0.retain(|(known, _)| *known != id);
        self.0.push((id, Box::new(value)));
    }

    pub fn get<T: Any>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        let (_, value) = self.0.iter().find(|(known, _)| *known == id)?;
        value.downcast_ref()
    }
}
