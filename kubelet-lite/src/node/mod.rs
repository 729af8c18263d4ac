//! The node's own object: what it is (`machine`), what is written of it (`object`), and the task
//! that registers it and keeps it alive (`keeper`).

pub mod keeper;
pub mod machine;
pub mod object;
