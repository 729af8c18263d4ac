//! `gencrl`: a revocation list from a file of serial numbers.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{Reason, RevokedCertificate};
use time::{Duration, OffsetDateTime};

use super::crl::list;
use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::Order;
use crate::input;

pub(crate) const COMMAND: Command = Command {
    name: "gencrl",
    group: Group::Revoke,
    summary: "Sign a revocation list of the serial numbers in a file",
    usage: &["INPUTFILE CERT KEY [TIME]"],
    help: "INPUTFILE has a serial number in decimal on each line. CERT and KEY are those of the \
           authority.\nTIME is how many seconds the list holds; without it, or 0, a week. A dash \
           is standard input.\nPrints the list as DER in base64.\n\n\
           Example:\n  {name} gencrl serials.txt ca.pem ca-key.pem 86400 | base64 -d > ca.crl",
    flags: &[],
    order: Order::FlagsFirst,
    run,
};

/// For lists that are not told how long they hold.
pub(crate) const WEEK: Duration = Duration::WEEK;

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let (input, certificate, key, seconds) = match call.arguments.as_slice() {
        [input, certificate, key] => (input, certificate, key, "0"),
        [input, certificate, key, seconds] => (input, certificate, key, seconds.as_str()),
        _ => return Err(Usage::error("gencrl takes INPUTFILE CERT KEY and perhaps TIME")),
    };
    if [input, certificate, key].iter().filter(|path| **path == "-").count() > 1 {
        return Err(Usage::error("only one of INPUTFILE, CERT and KEY can be standard input"));
    }
    let text = input::read(input).context("INPUTFILE")?;
    let issuer = input::read_issuer(certificate, key)?;
    let lifetime = lifetime(seconds).with_context(|| format!("TIME {seconds}"))?;
    let now = OffsetDateTime::now_utc();
    let revoked = lines(&text, now).with_context(|| format!("INPUTFILE {input}"))?;
    println!("{}", STANDARD.encode(list(revoked, lifetime, now).sign(&issuer)?));
    Ok(())
}

pub(crate) fn lifetime(seconds: &str) -> anyhow::Result<Duration> {
    match seconds.trim().parse::<u32>() {
        Ok(0) => Ok(WEEK),
        Ok(seconds) => Ok(Duration::seconds(seconds.into())),
        Err(_) => bail!("a number of seconds is expected"),
    }
}

fn lines(text: &str, now: OffsetDateTime) -> anyhow::Result<Vec<RevokedCertificate>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(position, line)| {
            let serial = line.trim().parse().with_context(|| format!("line {}", position + 1))?;
            Ok(RevokedCertificate { serial, at: now, reason: Reason::Unspecified })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_serial_numbers() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let read = lines("1\n\n  256 \r\n", now).expect("read");
        let serials: Vec<_> = read.iter().map(|revoked| revoked.serial.to_string()).collect();
        assert_eq!(serials, ["1", "256"]);
        let refused = lines("1\n\nzwei\n", now).expect_err("no number");
        assert!(format!("{refused:#}").contains("line 3"), "{refused:#}");
    }

    #[test]
    fn how_long_a_list_holds() {
        for (text, expected) in
            [("0", Some(WEEK)), (" 60\n", Some(Duration::MINUTE)), ("-1", None), ("1h", None)]
        {
            assert_eq!(lifetime(text).ok(), expected, "{text}");
        }
    }
}
