//! `revoke`: marks a certificate in the database.

use anyhow::Context;
use certs::x509::{Reason, Serial};
use time::OffsetDateTime;

use crate::command::{Call, Command, Group};
use crate::database::Key;
use crate::failure::Usage;
use crate::flag::{Flags, Order, catalog};
use crate::runtime::block_on;
use crate::{input, log};

pub(crate) const COMMAND: Command = Command {
    name: "revoke",
    group: Group::Revoke,
    summary: "Revoke a certificate that is in the database",
    usage: &[
        "-db-config FILE -serial NUMBER -aki ID [-reason REASON]",
        "-db-config FILE -cert CERT [-reason REASON]",
    ],
    help: "Serial number and authority key identifier as `certinfo` prints them: colons and case do \
           not matter.\n\
           Lists (`crl`) and OCSP answers (`ocspserve`, `ocsprefresh`) tell of it from then on.\n\n\
           Reasons: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded,\n\
           cessationOfOperation, certificateHold, removeFromCRL, privilegeWithdrawn, aACompromise, \
           or their numbers.\n\n\
           Example:\n  {name} revoke -db-config db.json -cert server.pem -reason keyCompromise",
    flags: &[catalog::DB_CONFIG, catalog::SERIAL, catalog::AKI, catalog::CERT, catalog::REASON],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    call.no_arguments()?;
    let key = key(&call.flags)?;
    let reason = call.flags.text(catalog::REASON).unwrap_or_default();
    let reason = Reason::parse(reason).context("-reason")?;
    block_on(async {
        let database = call.database().await?;
        Ok(database.revoke(&key, reason, OffsetDateTime::now_utc()).await?)
    })?;
    log::info!("certificate {} is revoked: {}", key.serial, reason.name());
    Ok(())
}

fn key(flags: &Flags) -> anyhow::Result<Key> {
    match (flags.text(catalog::SERIAL), flags.text(catalog::AKI), flags.text(catalog::CERT)) {
        (None, None, Some(path)) => Ok(Key::of(&input::read_certificate(path).context("-cert")?)),
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            Err(Usage::error("-cert stands in place of -serial and -aki: give one or the others"))
        }
        (None, _, None) => Err(Usage::error("serial number is required but not provided")),
        (_, None, None) => Err(Usage::error("authority key id is required but not provided")),
        (Some(serial), Some(aki), None) => {
            Key::parse(serial, aki).map_err(|error| Usage::error(format!("-serial: {error}")))
        }
    }
}

impl Key {
    /// In the one way in which the database has them: decimal without leading zeros, and small hex
    /// digits without colons.
    pub fn parse(serial: &str, aki: &str) -> Result<Self, certs::x509::Error> {
        let serial: Serial = serial.trim().parse()?;
        let aki = aki.trim().replace(':', "").to_ascii_lowercase();
        Ok(Self { aki, serial: serial.to_string() })
    }
}
