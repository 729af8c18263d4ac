//! JSON patch, JSON merge patch and strategic merge patch, as pure functions on JSON values.

mod error;
mod json;
mod lists;
mod merge;
mod order;
mod strategic;
mod walk;

#[cfg(test)]
mod tests;

pub use error::PatchError;
pub use json::json;
pub use merge::merge;
pub use strategic::strategic;
