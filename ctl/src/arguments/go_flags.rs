//! What a Go program's flags take beyond clap's: `--flag=false`, values that begin with a dash,
//! an option given twice (the last counts), commands by a unique beginning. A variable that is set
//! to nothing is one that is not set.

use clap::builder::{Resettable, ValueParser};
use clap::{Arg, ArgAction, Command};

/// Makes a command and its subcommands take their flags so.
pub fn like_go(command: Command) -> Command {
    command
        .args_override_self(true)
        .infer_subcommands(true)
        .mut_args(relax)
        .mut_subcommands(like_go)
}

fn relax(arg: Arg) -> Arg {
    let variable = arg.get_env().and_then(std::env::var_os);
    let arg = match variable {
        Some(value) if value.is_empty() => arg.env(Resettable::Reset),
        _ => arg.hide_env_values(true),
    };
    match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_name("BOOL")
            .default_missing_value("true")
            .default_value("false")
            .hide_default_value(true)
            .hide_possible_values(true)
            .value_parser(ValueParser::new(boolean)),
        ArgAction::Set | ArgAction::Append
            if !arg.is_positional() && !arg.is_require_equals_set() =>
        {
            arg.allow_hyphen_values(true)
        }
        _ => arg,
    }
}

/// The words of Go's `ParseBool`.
fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}
