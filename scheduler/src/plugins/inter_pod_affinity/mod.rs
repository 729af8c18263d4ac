//! Required and preferred pod affinity and anti-affinity.
//!
//! Before any node is judged, the placed pods that matter are counted once by place; judging a
//! node then looks up the numbers of its places. Pods without terms, where no placed pod has any,
//! cost nothing.

mod filter;
mod score;

/// See the module.
pub struct InterPodAffinity;
