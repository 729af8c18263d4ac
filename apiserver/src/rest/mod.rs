//! The REST endpoints of resources: which verb on which path does what.

mod continue_token;
mod dispatch;
mod filter;
mod list;
mod list_options;
mod list_response;
mod read;
mod respond;
mod sub;
mod write;

pub use dispatch::{Call, serve};
pub use filter::Filter;
pub use list_response::list_metadata;
pub use read::Page;
pub use respond::{json_response, status_response};
