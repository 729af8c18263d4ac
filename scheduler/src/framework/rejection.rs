//! Why a node, or the cluster, cannot take a pod.

use std::borrow::Cow;

/// A refusal in the words the user reads. The reasons of all nodes are counted, so those that do
/// not differ between nodes should be worded alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Usually one; the resources plug-in names every resource that is short.
    pub reasons: Vec<Cow<'static, str>>,
    /// Whether removing other pods from the node could change the verdict.
    pub resolvable: bool,
}

impl Rejection {
    /// Preempting other pods may help.
    pub fn resolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: true }
    }

    /// No preemption helps.
    pub fn final_(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: false }
    }
}
