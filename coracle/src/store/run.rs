//! From arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use super::config_file::FileError;
use super::member;
use super::settings::{Persona, Settings};
use super::sources::{self, Asked, Raw, SourceError};
use super::{flags, help};
use crate::exit;

/// Runs a member as `arguments` (without the program's name) and the environment say.
pub fn run(persona: Persona, arguments: Vec<OsString>) -> ExitCode {
    let raw = match asked(arguments) {
        Ok(Asked::Run(raw)) => raw,
        Ok(Asked::Help) => {
            help::print(persona);
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Version) => {
            print_version(persona);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}\n{}", help::usage_hint(persona));
            return exit::usage();
        }
    };
    let settings = match sourced(raw)
        .map_err(anyhow::Error::from)
        .and_then(|raw| Settings::from(&raw, persona).map_err(anyhow::Error::from))
    {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error: {error:#}");
            return refused(persona);
        }
    };
    if let Err(error) = settings.log.start() {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
    match member::run(&settings, persona) {
        Ok(signal) => ended(persona, signal),
        Err(error) => {
            // In the log for those who collect it; there as here it is the last line.
            tracing::error!("{error:#}");
            if error.is::<super::reader::SettingsError>() {
                return refused(persona);
            }
            ExitCode::FAILURE
        }
    }
}

fn asked(arguments: Vec<OsString>) -> Result<Asked, SourceError> {
    let arguments = arguments
        .into_iter()
        .map(|argument| {
            let lossy = |argument: OsString| argument.to_string_lossy().into_owned();
            argument.into_string().map_err(|argument| SourceError::NotText(lossy(argument)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    sources::arguments(&arguments)
}

/// Adds the environment, or puts the configuration file in the place of everything.
fn sourced(raw: Raw) -> Result<Raw, SourceError> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let Some(path) = raw.config_file(&environment) else {
        return Ok(raw.with_environment(&environment));
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| FileError::Unreadable { path: path.clone(), reason: error.to_string() })?;
    raw.replaced_by_file(&path, &text, &environment)
}

/// Settings that cannot be: wrong usage here, 1 in etcd.
fn refused(persona: Persona) -> ExitCode {
    match persona {
        Persona::Coracle => exit::usage(),
        Persona::Etcd => ExitCode::FAILURE,
    }
}

/// As etcd, which dies of the signal that it was stopped by, unless it is a container's first
/// process.
fn ended(persona: Persona, signal: member::Ended) -> ExitCode {
    if persona == Persona::Etcd && std::process::id() != 1 {
        signal.die();
    }
    ExitCode::SUCCESS
}

fn print_version(persona: Persona) {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    match persona {
        Persona::Coracle => println!("coracle {}", crate::version::CORACLE),
        Persona::Etcd => {}
    }
    // The lines that scripts look for in etcd's answer.
    println!("etcd Version: {}", store::ETCD_VERSION);
    println!("Git SHA: coracle-{}", crate::version::CORACLE);
    println!("Go Version: none");
    println!("Go OS/Arch: {os}/{arch}");
    debug_assert!(flags::find("version").is_some());
}
