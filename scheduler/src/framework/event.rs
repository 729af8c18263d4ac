//! What can happen in a cluster that may help a pod that fits nowhere.

use std::ops::BitOr;

/// A set of kinds of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events(u16);

impl Events {
    pub const NONE: Self = Self(0);
    pub const NODE_ADDED: Self = Self(1);
    pub const NODE_ALLOCATABLE: Self = Self(1 << 1);
    pub const NODE_LABELS: Self = Self(1 << 2);
    /// Taints and `unschedulable`.
    pub const NODE_TAINTS: Self = Self(1 << 3);
    /// A pod on a node is gone, or asks for less.
    pub const ROOM_FREED: Self = Self(1 << 4);
    /// A pod on a node came, went, or changed what others see of it.
    pub const PODS: Self = Self(1 << 5);
    /// A node came, went, or has other labels or taints, whatever that means for the node itself.
    pub const TOPOLOGY: Self = Self(1 << 6);
    /// A namespace has other labels.
    pub const NAMESPACES: Self = Self(1 << 7);
    /// Everything; of a pod that waits: it is not known what helps it.
    pub const ALL: Self = Self(u16::MAX);

    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Events {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
