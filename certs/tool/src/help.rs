//! The help of the program and of its commands.

use std::fmt::Write;

use crate::Program;
use crate::command::{Command, Group};
use crate::commands;
use crate::flag::{Flag, Kind, catalog};

pub(crate) fn of_program(program: Program) -> String {
    let name = program.name();
    let mut text = format!(
        "Makes, signs, inspects and revokes certificates, as CFSSL does, and keeps a cluster's.\n\n\
         Usage: {name} COMMAND [FLAGS] [ARGUMENTS]\n"
    );
    for group in Group::ALL {
        let commands: Vec<_> = commands::all().filter(|command| command.group == group).collect();
        if commands.is_empty() {
            continue;
        }
        push(&mut text, format_args!("\n{}:\n", group.title()));
        for command in commands {
            push(&mut text, format_args!("  {:<18} {}\n", command.name, command.summary));
        }
    }
    let json = match program {
        Program::Certs => "coracle certs json",
        Program::Cfssl | Program::CfsslJson => "cfssljson",
    };
    push(
        &mut text,
        format_args!(
            "\nA first authority and a certificate by it:\n\
             \x20 {name} print-defaults csr > csr.json       # edit it: names, hosts, key\n\
             \x20 {name} gencert -initca csr.json | {json} -bare ca\n\
             \x20 {name} gencert -ca ca.pem -ca-key ca-key.pem -hostname a.example csr.json |\n\
             \x20     {json} -bare server\n\n\
             Flags stand before the arguments; `{name} COMMAND --help` tells those of a command.\n"
        ),
    );
    text
}

pub(crate) fn of_command(program: Program, command: &Command) -> String {
    let name = program.name();
    let mut text = format!("{}\n\nUsage:\n", command.summary);
    for usage in command.usage {
        push(&mut text, format_args!("  {name} {} {usage}\n", command.name));
    }
    let help = command.help.replace("{name}", name).replace(
        "{json}",
        match program {
            Program::Certs => "coracle certs json",
            Program::Cfssl | Program::CfsslJson => "cfssljson",
        },
    );
    push(&mut text, format_args!("\n{}\n\nFlags:\n", help.trim()));
    for flag in command.flags.iter().chain([&catalog::LOGLEVEL]) {
        push_flag(&mut text, flag);
    }
    text
}

fn push_flag(text: &mut String, flag: &Flag) {
    let value = match flag.kind {
        Kind::Switch => "",
        Kind::Text | Kind::List => " VALUE",
        Kind::Number => " NUMBER",
        Kind::Duration => " DURATION",
    };
    let head = format!("-{}{value}", flag.name);
    push(text, format_args!("  {head:<32} {}", flag.help));
    if !flag.default.is_empty() && flag.kind != Kind::Switch {
        push(text, format_args!(" [default: {}]", flag.default));
    }
    text.push('\n');
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a String takes everything");
}
