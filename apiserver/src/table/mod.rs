//! Objects as the tables that kubectl prints.

mod render;

pub use render::{IncludeObject, Renderer, UnknownIncludeObject};
