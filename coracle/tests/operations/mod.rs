//! What `docs/operations.md` tells operators to do, done: its own commands, read out of it.

mod backup;
mod disk;
mod document;
mod etcd;
mod hosts;
mod load;
mod loss;
mod restore;
