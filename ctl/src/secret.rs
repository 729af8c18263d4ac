//! Passwords from the terminal, which does not show them.

use std::io::{self, BufRead, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

/// Asks for one line without showing it. Fails where standard input is no terminal: a password
/// that a script means to give has its own ways.
pub fn ask(prompt: &str) -> io::Result<String> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(io::Error::other("standard input is no terminal"));
    }
    let shown = tcgetattr(&input)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    hidden.local_flags.insert(LocalFlags::ECHONL);
    print!("{prompt}");
    io::stdout().flush()?;
    tcsetattr(&input, SetArg::TCSAFLUSH, &hidden)?;
    let line = line_of(&mut input.lock());
    tcsetattr(&input, SetArg::TCSAFLUSH, &shown)?;
    line
}

/// The first word of standard input, for `--interactive=false`.
pub fn read() -> io::Result<String> {
    let line = line_of(&mut io::stdin().lock())?;
    Ok(line.split_whitespace().next().unwrap_or_default().to_owned())
}

fn line_of(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
