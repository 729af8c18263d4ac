//! Results on standard output, to the byte as etcdctl 3.6 prints them.
//!
//! An [`Answer`] is what there is to print; each form has one printer, a function from answers to
//! text. What etcdctl refuses to print in a form is refused here with its words and exit code,
//! after the command has done its work, as there.

mod answer;
mod fields;
mod json;
mod protobuf;
mod simple;
mod table;

use std::io::Write;

pub use answer::{Answer, Hash, Health};
use store_proto::etcdserverpb as pb;

use crate::SnapshotStatus;
use crate::arguments::Format;
use crate::failure::{Failure, Kind};

/// Prints results in one form.
#[derive(Clone, Debug)]
pub struct Printer {
    pub format: Format,
    pub hex: bool,
}

impl Printer {
    pub fn print(&self, answer: &Answer<'_>) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Simple => Some(simple::print(answer, self.hex)),
            Format::Json => json::print(answer, self.hex).map(String::into_bytes),
            Format::Fields => fields::print(answer, self.hex).map(String::into_bytes),
            Format::Table => table::print(answer).map(String::into_bytes),
            Format::Protobuf => protobuf::print(answer),
        };
        let Some(text) = text else { return Err(self.unsupported()) };
        if let (Format::Simple, Answer::Health(answers)) = (self.format, answer) {
            eprint!("{}", simple::unhealthy(answers));
        }
        write(&text)
    }

    pub fn get(&self, response: &pb::RangeResponse) -> anyhow::Result<()> {
        self.print(&Answer::Get { response, values_only: false })
    }

    pub fn snapshot_status(&self, status: &SnapshotStatus) -> anyhow::Result<()> {
        self.print(&Answer::Snapshot(status))
    }

    pub fn is_simple(&self) -> bool {
        self.format == Format::Simple
    }

    fn unsupported(&self) -> anyhow::Error {
        let message = format!("{} not supported as output format", self.format.name());
        Failure::new(Kind::Feature, message).into()
    }
}

/// Writes to standard output. A reader that went away is no failure.
pub fn write(text: &[u8]) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line that is the same in every form.
pub fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    write(format!("{text}\n").as_bytes())
}
