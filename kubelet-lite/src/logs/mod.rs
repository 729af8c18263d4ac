//! Container logs: one line (`line`), what a reader asks for (`options`) and gets (`filter`), the
//! end of a file (`tail`), and the stream that is served (`stream`).

pub mod filter;
pub mod line;
pub mod options;
pub mod stream;
pub mod tail;
