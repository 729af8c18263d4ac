//! Container logs: one line (`line`), the end of a file (`tail`), and the stream that is served
//! (`stream`).

pub mod line;
