//! Logs of a store member: etcd's levels, outputs and JSON, line by line.
//!
//! zap's shape (`level`, `ts`, `msg`, then the fields) is what collectors of etcd's logs parse, so
//! the JSON here has it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::reader::{Reader, SettingsError, invalid};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Console,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Stderr,
    Stdout,
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub level: &'static str,
    pub format: Format,
    pub outputs: Vec<Output>,
}

impl LogSettings {
    pub fn read(reader: &Reader<'_>, default: Format) -> Result<Self, SettingsError> {
        if let Some(given) = reader.given("logger").filter(|given| given.text != "zap") {
            return Err(invalid(given, "zap is the only logger".to_owned()));
        }
        let level = match reader.text("log-level").unwrap_or("info") {
            "debug" => "debug",
            "info" => "info",
            "warn" => "warn",
            // Nothing here is logged above an error: those levels silence the rest.
            "error" | "dpanic" | "panic" | "fatal" => "error",
            _ => return refuse(reader, "log-level", "debug, info, warn, error, panic or fatal"),
        };
        let format = match reader.text("log-format") {
            None => default,
            Some("json") => Format::Json,
            Some("console") => Format::Console,
            Some(_) => return refuse(reader, "log-format", "json or console"),
        };
        let named = reader.list("log-outputs");
        let mut outputs = Vec::new();
        for name in &named {
            let output = match name.as_str() {
                "default" if named.len() > 1 => {
                    let reason = "multi logoutput for \"default\" is not supported yet";
                    return Err(SettingsError::Conflict(reason.to_owned()));
                }
                "default" | "stderr" => Output::Stderr,
                "stdout" => Output::Stdout,
                "systemd/journal" => {
                    return refuse(reader, "log-outputs", "stderr, which journald takes as well,");
                }
                path => Output::File(path.into()),
            };
            if !outputs.contains(&output) {
                outputs.push(output);
            }
        }
        if outputs.is_empty() {
            outputs.push(Output::Stderr);
        }
        Ok(Self { level, format, outputs })
    }

    /// Installs the process's subscriber. Called once.
    pub fn start(&self) -> anyhow::Result<()> {
        let quiet = "openraft=error,h2=warn,hyper=warn,rustls=warn,sled=warn";
        let filter = EnvFilter::new(format!("{quiet},{}", self.level));
        let ansi = self.outputs == [Output::Stderr] && io::stderr().is_terminal();
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(Sinks::open(&self.outputs)?);
        match self.format {
            Format::Console => builder.with_ansi(ansi).with_target(false).init(),
            Format::Json => builder.with_ansi(false).event_format(Zap).init(),
        }
        Ok(())
    }
}

fn refuse<T>(reader: &Reader<'_>, name: &str, expected: &str) -> Result<T, SettingsError> {
    let given = reader.given(name).expect("a default is never refused");
    Err(invalid(given, format!("{expected} is expected")))
}

/// Where lines go, all of them to each.
#[derive(Clone)]
struct Sinks(Arc<Vec<Sink>>);

enum Sink {
    Stderr,
    Stdout,
    File(File),
}

impl Sinks {
    fn open(outputs: &[Output]) -> anyhow::Result<Self> {
        let open = |output: &Output| {
            Ok(match output {
                Output::Stderr => Sink::Stderr,
                Output::Stdout => Sink::Stdout,
                Output::File(path) => {
                    let file = OpenOptions::new().append(true).create(true).open(path);
                    let context = || format!("cannot append logs to {}", path.display());
                    Sink::File(file.with_context(context)?)
                }
            })
        };
        Ok(Self(Arc::new(outputs.iter().map(open).collect::<anyhow::Result<_>>()?)))
    }
}

impl MakeWriter<'_> for Sinks {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Sinks {
    /// One event is one call. A sink that fails does not keep the others from the line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        for sink in self.0.iter() {
            let _ = match sink {
                Sink::Stderr => io::stderr().write_all(line),
                Sink::Stdout => io::stdout().write_all(line),
                Sink::File(file) => (&mut &*file).write_all(line),
            };
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line of JSON for an event, as zap writes it.
struct Zap;

impl<S, N> FormatEvent<S, N> for Zap
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG | Level::TRACE => "debug",
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        write!(writer, "{{\"level\":\"{level}\",\"ts\":\"")?;
        // RFC 3339 in UTC with microseconds, as zap's.
        tracing_subscriber::fmt::time::SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"caller\":{}", Value::from(event.metadata().target()))?;
        write!(writer, ",\"msg\":{}", Value::from(fields.message))?;
        for (name, value) in fields.others {
            write!(writer, ",{}:{value}", Value::from(name))?;
        }
        writeln!(writer, "}}")
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.push((field.name().to_owned(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.put(field, text.into()) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
        } else {
            self.put(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
