//! Flags in the grammar of Go's flag package, which CFSSL has: `-ca x`, `-ca=x`, `--ca x`, switches
//! without a value, and arguments after the flags.

pub(crate) mod catalog;
mod duration;
mod reader;

pub(crate) use duration::parse as parse_duration;
pub(crate) use reader::{Flags, Line, Order, read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Alone it is true; `-f=false` takes it back.
    Switch,
    Text,
    /// With commas between, or given more than once.
    List,
    Number,
    /// As Go writes it: `168h`, `1h30m`.
    Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub name: &'static str,
    pub kind: Kind,
    /// What holds when it is not given, for the help; empty is nothing.
    pub default: &'static str,
    pub help: &'static str,
}

impl Flag {
    pub const fn text(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Text, default: "", help }
    }

    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Switch, default: "false", help }
    }

    pub const fn with_default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub const fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}
