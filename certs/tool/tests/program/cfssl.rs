//! This crate as a program of its own: what the tests run beside the stock cfssl. Called as
//! `cfssljson` it is that.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let called = words.next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let program = certs_tool::Program::called(&name).unwrap_or(certs_tool::Program::Cfssl);
    certs_tool::run(program, words.collect(), &certs_tool::Host::default())
}
