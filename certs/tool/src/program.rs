//! From the words of the command line to a command and its exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::command::{Call, Command};
use crate::failure::Usage;
use crate::flag::{Line, catalog, read};
use crate::{Host, Program, commands, help, log};

pub(crate) fn run(program: Program, words: Vec<OsString>, host: &Host) -> ExitCode {
    match parsed(program, words, host) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn parsed(program: Program, words: Vec<OsString>, host: &Host) -> anyhow::Result<()> {
    let words: Result<Vec<String>, OsString> =
        words.into_iter().map(OsString::into_string).collect();
    let words =
        words.map_err(|word| Usage::error(format!("the argument {word:?} is not valid UTF-8")))?;
    if program == Program::CfsslJson {
        return call(program, commands::named("json").expect("it is in the table"), &words, host);
    }
    // `cfssl help gencert`, `cfssl -h`, `cfssl`.
    match words.split_first() {
        None => {
            print(&help::of_program(program));
            Err(Usage::error("no command was given"))
        }
        Some((first, rest)) if matches!(first.as_str(), "-h" | "-help" | "--help" | "help") => {
            match rest.first() {
                Some(name) => print(&help::of_command(program, command(program, name)?)),
                None => print(&help::of_program(program)),
            }
            Ok(())
        }
        Some((first, rest)) => call(program, command(program, first)?, rest, host),
    }
}

fn command(program: Program, name: &str) -> anyhow::Result<&'static Command> {
    commands::named(name).ok_or_else(|| {
        let program = program.name();
        Usage::error(format!("there is no command {name:?}: `{program} --help` lists them"))
    })
}

fn call(
    program: Program,
    command: &'static Command,
    words: &[String],
    host: &Host,
) -> anyhow::Result<()> {
    let always = [catalog::LOGLEVEL];
    let known = [command.flags, &always, catalog::ALL];
    let line = read(words, &known, command.order).map_err(|refusal| {
        let name = if program == Program::CfsslJson { "" } else { command.name };
        let called = format!("{} {name}", program.name());
        let called = called.trim_end();
        Usage::error(format!("{called}: {refusal}: `{called} --help` tells its flags"))
    })?;
    let (flags, arguments) = match line {
        Line::Help => {
            print(&help::of_command(program, command));
            return Ok(());
        }
        Line::Call(flags, arguments) => (flags, arguments),
    };
    if let Some(level) = flags.number(catalog::LOGLEVEL) {
        log::set_threshold(level);
    }
    // CFSSL takes any of its flags before any command, so scripts may hold some that do nothing.
    for name in flags.names() {
        let honoured = command.flags.iter().chain(&always).any(|flag| flag.name == name);
        if !honoured {
            log::warning!("-{name} does nothing for {}", command.name);
        }
    }
    (command.run)(&Call { command, flags, arguments, host })
}

/// A closed pipe under `--help | head` is no failure.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_teaches() {
        for command in commands::all() {
            assert!(!command.summary.ends_with('.'), "{}", command.name);
            assert!(!command.usage.is_empty(), "{}", command.name);
            let text = help::of_command(Program::Certs, command);
            assert!(text.contains("Example"), "{} has no example", command.name);
            for left in ["{name}", "{json}"] {
                assert!(!text.contains(left), "{}: {text}", command.name);
            }
            for line in text.lines() {
                assert!(line.chars().count() <= 150, "{}: {line}", command.name);
            }
        }
    }

    #[test]
    fn names_of_commands_and_flags_are_not_taken_twice() {
        for (position, command) in commands::all().enumerate() {
            let twice = commands::all().skip(position + 1).any(|later| later.name == command.name);
            assert!(!twice, "{}", command.name);
            for (position, flag) in command.flags.iter().enumerate() {
                let later = &command.flags[position + 1..];
                assert!(later.iter().all(|later| later.name != flag.name), "-{}", flag.name);
            }
        }
    }
}
