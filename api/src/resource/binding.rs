//! Bindings: the old way to bind a pod, still in the API. Only created, never stored.

use super::plain::Plain;
use super::{Resource, Verb};

pub fn row() -> Resource {
    Resource::row("Binding", "bindings", Plain).verbs(&[Verb::Create]).columns(Plain::columns())
}
