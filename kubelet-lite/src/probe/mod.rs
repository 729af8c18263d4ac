//! Probes: what they find (`state`), one look (`act`), and the tasks that keep looking (`run`).

pub mod act;
pub mod run;
pub mod state;
