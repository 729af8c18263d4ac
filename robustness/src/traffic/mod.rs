//! What clients ask: requests drawn by chance, and how they are put to a store.

mod draw;
mod perform;

pub use draw::{Drawer, Profile};
pub use perform::{end_of, event, perform};
