//! Reads the words of a command line.

use std::collections::BTreeMap;

use time::Duration;

use super::{Flag, Kind, parse_duration};

/// Where flags may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As in Go: the first argument ends them.
    FlagsFirst,
    /// Anywhere, as kubeadm has it.
    Anywhere,
}

/// The flags that were given. Every value has been checked against its kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags(BTreeMap<&'static str, String>);

impl Flags {
    /// The text of a flag; empty is as if it was not given, as in CFSSL.
    pub fn text(&self, flag: Flag) -> Option<&str> {
        let given = self.0.get(flag.name).map(String::as_str);
        let value = given.unwrap_or(flag.default);
        (!value.is_empty()).then_some(value)
    }

    /// The parts of a list.
    pub fn list(&self, flag: Flag) -> impl Iterator<Item = &str> {
        let parts = self.text(flag).into_iter().flat_map(|text| text.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty())
    }

    /// Whether a switch is on.
    pub fn is_on(&self, flag: Flag) -> bool {
        self.text(flag).and_then(switch) == Some(true)
    }

    pub fn is_given(&self, flag: Flag) -> bool {
        self.0.contains_key(flag.name)
    }

    pub fn number(&self, flag: Flag) -> Option<i64> {
        self.text(flag).and_then(|text| text.parse().ok())
    }

    pub fn duration(&self, flag: Flag) -> Option<Duration> {
        self.text(flag).and_then(|text| parse_duration(text).ok())
    }

    /// Those that were given, by name.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// What stands on a command line.
#[derive(Debug)]
pub(crate) enum Line {
    Help,
    Call(Flags, Vec<String>),
}

/// Reads `words` by the flags in `known`. The refusal names the flag.
pub(crate) fn read(words: &[String], known: &[&[Flag]], order: Order) -> Result<Line, String> {
    let mut flags = Flags::default();
    let mut arguments = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        // A lone dash is an argument: standard input.
        let name = match word.strip_prefix('-') {
            Some("") | None => {
                arguments.push(word.clone());
                if order == Order::FlagsFirst {
                    arguments.extend(words.by_ref().cloned());
                }
                continue;
            }
            Some("-") => {
                arguments.extend(words.by_ref().cloned());
                continue;
            }
            Some(name) => name.strip_prefix('-').unwrap_or(name),
        };
        let (name, attached) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let Some(flag) = known.iter().copied().flatten().find(|flag| flag.name == name) else {
            if matches!(name, "h" | "help") {
                return Ok(Line::Help);
            }
            return Err(format!("there is no flag -{name}"));
        };
        let value = match (flag.kind, attached) {
            (_, Some(value)) => value,
            (Kind::Switch, None) => "true".to_owned(),
            (_, None) => {
                words.next().ok_or_else(|| format!("-{name} needs a value after it"))?.clone()
            }
        };
        check(flag, &value)?;
        match flags.0.get_mut(flag.name) {
            Some(list) if flag.kind == Kind::List => *list = format!("{list},{value}"),
            _ => drop(flags.0.insert(flag.name, value)),
        }
    }
    Ok(Line::Call(flags, arguments))
}

fn check(flag: &Flag, value: &str) -> Result<(), String> {
    let name = flag.name;
    match flag.kind {
        Kind::Text | Kind::List => Ok(()),
        Kind::Switch if switch(value).is_none() => {
            Err(format!("-{name}={value}: a switch is true or false"))
        }
        Kind::Number if value.parse::<i64>().is_err() => {
            Err(format!("-{name} {value}: a whole number is expected"))
        }
        Kind::Duration => {
            parse_duration(value).map(|_| ()).map_err(|error| format!("-{name}: {error}"))
        }
        Kind::Switch | Kind::Number => Ok(()),
    }
}

/// The words for true and false that Go takes.
fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CA: Flag = Flag::text("ca", "");
    const INITCA: Flag = Flag::switch("initca", "");
    const PORT: Flag = Flag::text("port", "").of_kind(Kind::Number).with_default("8888");
    const KNOWN: &[Flag] = &[CA, INITCA, PORT];

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn call(line: &str, order: Order) -> (Flags, Vec<String>) {
        match read(&words(line), &[KNOWN], order).expect(line) {
            Line::Call(flags, arguments) => (flags, arguments),
            Line::Help => panic!("{line} asks for help"),
        }
    }

    #[test]
    fn every_way_to_write_a_flag_is_read() {
        for line in
            ["-ca x.pem -initca a b", "--ca=x.pem --initca=true a b", "-initca -ca x.pem a b"]
        {
            let (flags, arguments) = call(line, Order::FlagsFirst);
            assert_eq!(flags.text(CA), Some("x.pem"), "{line}");
            assert!(flags.is_on(INITCA), "{line}");
            assert_eq!(flags.number(PORT), Some(8888));
            assert!(!flags.is_given(PORT));
            assert_eq!(arguments, ["a", "b"]);
        }
        let (flags, arguments) = call("-initca=false - -ca x", Order::FlagsFirst);
        assert!(!flags.is_on(INITCA));
        assert_eq!(arguments, ["-", "-ca", "x"]);
    }

    #[test]
    fn flags_may_follow_where_that_is_said() {
        let (flags, arguments) = call("all -ca x -- -initca", Order::Anywhere);
        assert_eq!(flags.text(CA), Some("x"));
        assert_eq!(arguments, ["all", "-initca"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rows = [
            ("-cakey x", "-cakey"),
            ("-ca", "-ca needs a value"),
            ("-initca=maybe", "-initca=maybe"),
            ("-port x", "-port x"),
        ];
        for (line, named) in rows {
            let refused = read(&words(line), &[KNOWN], Order::FlagsFirst).expect_err(line);
            assert!(refused.contains(named), "{line}: {refused}");
        }
        assert!(matches!(read(&words("--help"), &[KNOWN], Order::FlagsFirst), Ok(Line::Help)));
    }
}
