//! Volumes: what pods name (`spec`), files made from objects (`payload`), their atomic writing
//! (`atomic`), directories and host paths (`directory`), and the whole of a pod (`setup`, `bind`).

pub mod atomic;
pub mod bind;
pub mod directory;
pub mod payload;
pub mod setup;
pub mod spec;
