//! All nodes and all placed pods.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use client::light::Node;

use super::labels::Labels;
use super::node::{NodeId, NodeInfo};
use super::pod::PodInfo;

/// Where a pod is placed.
#[derive(Clone, Debug)]
pub struct Placed {
    pub node: NodeId,
    /// Decided here and not yet seen bound.
    pub assumed: bool,
}

/// A pod that was taken out.
#[derive(Clone, Debug)]
pub struct Removed {
    pub pod: Arc<PodInfo>,
    /// The node it was on, if that node is there.
    pub node: Option<NodeId>,
}

#[derive(Default)]
pub struct Cluster {
    nodes: Vec<Option<NodeInfo>>,
    free: Vec<NodeId>,
    by_name: HashMap<Arc<str>, NodeId>,
    /// Nodes that are there, in the order they are tried.
    schedulable: Vec<NodeId>,
    placed: HashMap<Arc<str>, Placed>,
    /// Nodes with pods that have terms about other pods. Often none: then nobody has to look.
    choosy: BTreeSet<NodeId>,
    namespaces: HashMap<Box<str>, Labels>,
}

impl Cluster {
    /// Nodes that pods may be placed on.
    pub fn nodes(&self) -> &[NodeId] {
        &self.schedulable
    }

    /// # Panics
    /// If there is no such node: ids are good for as long as the state is not changed.
    pub fn node(&self, id: NodeId) -> &NodeInfo {
        self.nodes[id.index()].as_ref().expect("an id of a node that is there")
    }

    /// As `node`, of an id that may be stale; `None` too for a node that is not there any more.
    pub fn find_alive(&self, id: NodeId) -> Option<&NodeInfo> {
        self.nodes.get(id.index())?.as_ref().filter(|info| info.node.is_some())
    }

    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    pub fn placed(&self, uid: &str) -> Option<&Placed> {
        self.placed.get(uid)
    }

    /// Nodes, present or not, on which some pod has terms about other pods.
    pub fn choosy(&self) -> impl Iterator<Item = &NodeInfo> {
        self.choosy.iter().map(|id| self.node(*id))
    }

    pub fn namespace_label(&self, namespace: &str, key: &str) -> Option<&str> {
        self.namespaces.get(namespace)?.get(key)
    }

    /// Returns whether that changed anything.
    pub fn set_namespace(&mut self, name: &str, labels: Labels) -> bool {
        let old = self.namespaces.insert(name.into(), labels);
        old.as_ref() != self.namespaces.get(name)
    }

    pub fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// Stores the node's present state; returns its id.
    pub fn set_node(&mut self, node: Arc<Node>) -> NodeId {
        let id = self.find_or_create(node.metadata.name.as_deref().unwrap_or_default());
        let info = self.node_mut(id);
        if info.node.is_none() {
            self.schedulable.push(id);
        }
        self.node_mut(id).set_node(node);
        id
    }

    pub fn remove_node(&mut self, name: &str) {
        let Some(id) = self.find(name) else { return };
        self.schedulable.retain(|known| *known != id);
        self.node_mut(id).node = None;
        self.release_if_empty(id);
    }

    /// Places a pod that was decided for but is not bound yet.
    pub fn assume(&mut self, pod: Arc<PodInfo>, node: NodeId) {
        debug_assert!(!self.placed.contains_key(&pod.uid), "{} placed twice", pod.key);
        self.place(pod, node, true);
    }

    /// Takes back an assumption; a pod that was seen bound meanwhile stays.
    pub fn forget(&mut self, uid: &str) -> Option<Removed> {
        self.placed.get(uid).filter(|placed| placed.assumed)?;
        self.remove_pod(uid)
    }

    /// A pod was seen bound to `node_name`. Confirms an assumption, corrects one that was wrong,
    /// and places what others bound.
    pub fn set_pod(&mut self, pod: Arc<PodInfo>, node_name: &str) -> NodeId {
        self.remove_pod(&pod.uid);
        let node = self.find_or_create(node_name);
        self.place(pod, node, false);
        node
    }

    pub fn remove_pod(&mut self, uid: &str) -> Option<Removed> {
        let placed = self.placed.remove(uid)?;
        let info = self.node_mut(placed.node);
        let pod = info.remove_pod(uid).expect("a placed pod is on its node");
        let (exists, choosy) = (info.node.is_some(), !info.choosy().is_empty());
        if !choosy {
            self.choosy.remove(&placed.node);
        }
        self.release_if_empty(placed.node);
        Some(Removed { pod, node: exists.then_some(placed.node) })
    }

    fn place(&mut self, pod: Arc<PodInfo>, node: NodeId, assumed: bool) {
        if pod.has_terms() {
            self.choosy.insert(node);
        }
        self.placed.insert(pod.uid.clone(), Placed { node, assumed });
        self.node_mut(node).add_pod(pod);
    }

    fn find_or_create(&mut self, name: &str) -> NodeId {
        if let Some(id) = self.find(name) {
            return id;
        }
        let info = NodeInfo::new(name);
        let id = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(None);
            NodeId(u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 nodes"))
        });
        self.by_name.insert(info.name.clone(), id);
        self.nodes[id.index()] = Some(info);
        id
    }

    fn release_if_empty(&mut self, id: NodeId) {
        let info = self.node(id);
        if info.node.is_none() && info.pods().is_empty() {
            let name = info.name.clone();
            self.by_name.remove(&name);
            self.nodes[id.index()] = None;
            self.free.push(id);
        }
    }

    fn node_mut(&mut self, id: NodeId) -> &mut NodeInfo {
        self.nodes[id.index()].as_mut().expect("an id of a node that is there")
    }
}
