//! Where settings come from: flags, else the environment; or a configuration file, which then
//! speaks alone, as in etcd.
//!
//! Nothing is read here: the caller hands over the arguments, the variables and the file's text, so
//! that every rule of precedence is one row of a table test.

use std::collections::BTreeMap;
use std::fmt;

use super::config_file::{self, FileError};
use super::flags::{self, Flag, Kind, Support};

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Flag,
    Environment,
    File { path: String, line: u64 },
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub text: String,
    pub origin: Origin,
    /// The name it was given under: a flag may have two.
    pub name: String,
}

impl fmt::Display for Given {
    /// Which source, in the words of that source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Flag => write!(f, "--{}", self.name),
            Origin::Environment => write!(f, "{}", flags::variable(&self.name)),
            Origin::File { path, line } => write!(f, "{} ({path}, line {line})", self.name),
        }
    }
}

/// All that was given, and what is to be said about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Raw {
    pub given: BTreeMap<&'static str, Given>,
    pub warnings: Vec<String>,
}

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    Help,
    Version,
    Run(Raw),
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    #[error("unknown flag {0}{1}")]
    Unknown(String, Hint),
    #[error("flag --{0} needs a value")]
    NoValue(&'static str),
    #[error("invalid boolean value {0:?} for --{1}: use true or false")]
    NotBoolean(String, &'static str),
    #[error("{0:?} is not a valid flag")]
    Stray(String),
    #[error("argument {0:?} is not valid UTF-8")]
    NotText(String),
    #[error(transparent)]
    File(#[from] FileError),
}

/// A flag that may have been meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean --{name}?"),
            None => Ok(()),
        }
    }
}

/// Reads what follows the program's name, in the grammar of Go's flags: `-name value`,
/// `--name=value`, switches without a value, the last of equal flags counts.
pub fn arguments(arguments: &[String]) -> Result<Asked, SourceError> {
    let mut raw = Raw::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let name = match argument.strip_prefix('-') {
            Some(name) if !name.is_empty() => name.strip_prefix('-').unwrap_or(name),
            _ => return Err(SourceError::Stray(argument.clone())),
        };
        let (name, inline) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        if name == "h" || name == "help" {
            return Ok(Asked::Help);
        }
        let flag = flags::find(name)
            .ok_or_else(|| SourceError::Unknown(format!("--{name}"), Hint(nearest(name))))?;
        let text = match (inline, flag.kind) {
            (Some(text), _) => text,
            (None, Kind::Switch) => "true".to_owned(),
            (None, Kind::Value) => rest.next().ok_or(SourceError::NoValue(flag.name))?.clone(),
        };
        if flag.kind == Kind::Switch && flag.support != Support::Retired {
            let on = boolean(&text);
            let on = on.ok_or_else(|| SourceError::NotBoolean(text.clone(), flag.name))?;
            if flag.name == "version" && on {
                return Ok(Asked::Version);
            }
        }
        raw.take(flag, name, text, Origin::Flag);
    }
    Ok(Asked::Run(raw))
}

impl Raw {
    fn take(&mut self, flag: &'static Flag, name: &str, text: String, origin: Origin) {
        if flag.support == Support::Retired {
            self.warnings.push(format!("flag --{name} is no longer supported - ignoring"));
            return;
        }
        self.given.insert(flag.name, Given { text, origin, name: name.to_owned() });
    }

    /// The configuration file that is asked for: by flag, else by `ETCD_CONFIG_FILE`.
    pub fn config_file(&self, environment: &[(String, String)]) -> Option<String> {
        if let Some(given) = self.given.get("config-file") {
            return Some(given.text.clone()).filter(|path| !path.is_empty());
        }
        let variable = environment.iter().find(|(name, _)| name == "ETCD_CONFIG_FILE");
        variable.map(|(_, value)| value.clone()).filter(|path| !path.is_empty())
    }

    /// Adds what the environment says and no flag does. Empty variables count as unset.
    pub fn with_environment(mut self, environment: &[(String, String)]) -> Self {
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix("ETCD_") else { continue };
            let name = name.to_lowercase().replace('_', "-");
            // Go's platform check reads this one; it is no flag.
            if value.is_empty() || name == "unsupported-arch" {
                continue;
            }
            match flags::find(&name) {
                None => self.warnings.push(format!("unrecognized environment variable {variable}")),
                Some(flag) if self.is_from_flag(flag) => self
                    .warnings
                    .push(format!("environment variable {variable} is shadowed by --{name}")),
                Some(flag) => self.take(flag, &name, value.clone(), Origin::Environment),
            }
        }
        self
    }

    /// What the file says, and nothing else.
    pub fn replaced_by_file(
        self,
        path: &str,
        text: &str,
        environment: &[(String, String)],
    ) -> Result<Self, SourceError> {
        let mut raw = Self { warnings: self.warnings, ..Self::default() };
        let mut ignored: Vec<String> = self
            .given
            .values()
            .filter(|given| given.name != "config-file")
            .map(Given::to_string)
            .collect();
        ignored.extend(environment.iter().filter_map(|(variable, value)| {
            let known = variable.starts_with("ETCD_") && variable != "ETCD_CONFIG_FILE";
            (known && !value.is_empty()).then(|| variable.clone())
        }));
        if !ignored.is_empty() {
            let ignored = ignored.join(", ");
            raw.warnings.push(format!("{path} is the only source of settings; ignored: {ignored}"));
        }
        for entry in config_file::read(path, text)? {
            let origin = Origin::File { path: path.to_owned(), line: entry.line };
            raw.given.insert(entry.flag.name, Given { text: entry.text, origin, name: entry.key });
        }
        Ok(raw)
    }

    fn is_from_flag(&self, flag: &Flag) -> bool {
        self.given.get(flag.name).is_some_and(|given| given.origin == Origin::Flag)
    }
}

/// As Go's `strconv.ParseBool`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The known flag that differs least from a mistyped one, if it is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let near = name.len() / 4 + 1;
    flags::all()
        .map(|flag| (distance(name, flag.name), flag.name))
        .filter(|(distance, _)| *distance <= near)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's, by rows.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn run(list: &[&str]) -> Raw {
        match arguments(&texts(list)).expect("valid") {
            Asked::Run(raw) => raw,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(list: &[&str]) -> String {
        arguments(&texts(list)).expect_err("refused").to_string()
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        for list in [
            &["--name", "a", "--force-new-cluster"][..],
            &["-name=a", "-force-new-cluster=true"],
            &["-name", "x", "--name=a", "--force-new-cluster=T"],
        ] {
            let raw = run(list);
            assert_eq!(raw.given["name"].text, "a", "{list:?}");
            assert_eq!(boolean(&raw.given["force-new-cluster"].text), Some(true), "{list:?}");
        }
        let old = run(&["--experimental-corrupt-check-time", "5s"]);
        let given = &old.given["corrupt-check-time"];
        assert_eq!(given.to_string(), "--experimental-corrupt-check-time");
        assert_eq!(arguments(&texts(&["--name", "a", "-h"])), Ok(Asked::Help));
        assert_eq!(arguments(&texts(&["--version"])), Ok(Asked::Version));
        assert_eq!(run(&["-vv", "--name=a"]).warnings.len(), 1);
        assert_eq!(refusal(&["--nome", "a"]), "unknown flag --nome; did you mean --name?");
        assert_eq!(refusal(&["--sideways"]), "unknown flag --sideways");
        assert_eq!(refusal(&["--name"]), "flag --name needs a value");
        assert_eq!(refusal(&["--pre-vote", "false"]), "\"false\" is not a valid flag");
        assert!(refusal(&["--pre-vote=maybe"]).contains("maybe"));
    }

    #[test]
    fn a_flag_shadows_its_variable() {
        let environment = [
            ("ETCD_NAME".to_owned(), "environment".to_owned()),
            ("ETCD_DATA_DIR".to_owned(), "/data".to_owned()),
            ("ETCD_WAL_DIR".to_owned(), String::new()),
            ("ETCD_NONSENSE".to_owned(), "1".to_owned()),
            ("ETCDCTL_API".to_owned(), "3".to_owned()),
        ];
        let raw = run(&["--name", "flag"]).with_environment(&environment);
        assert_eq!(raw.given["name"].text, "flag");
        assert_eq!(raw.given["data-dir"].to_string(), "ETCD_DATA_DIR");
        assert!(!raw.given.contains_key("wal-dir"));
        assert_eq!(raw.warnings.len(), 2, "{:?}", raw.warnings);
    }

    #[test]
    fn a_file_speaks_alone() {
        let raw = run(&["--config-file", "x.yaml", "--name", "flag"]);
        let environment = [("ETCD_DATA_DIR".to_owned(), "/data".to_owned())];
        assert_eq!(raw.config_file(&environment).as_deref(), Some("x.yaml"));
        let raw = raw.replaced_by_file("x.yaml", "\nname: file\n", &environment).expect("valid");
        assert_eq!(raw.given["name"].to_string(), "name (x.yaml, line 2)");
        assert_eq!(raw.given.len(), 1);
        let warning = &raw.warnings[0];
        assert!(warning.contains("--name") && warning.contains("ETCD_DATA_DIR"), "{warning}");
    }
}
