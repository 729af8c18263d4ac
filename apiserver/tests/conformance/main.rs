//! The API through the router, over the store in memory: one list of behaviours, no sockets.

mod harness;

mod certificates;
mod chain;
mod deletion;
mod listener;
mod lists;
mod services;
mod subresources;
mod watches;
mod writes;
